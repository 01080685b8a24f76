"""cluster.py: the steps: what is done to the nodes, and what the handle is waited on for."""
import re

import vedette
from behave import given, then, when

SOURCE = {"adapter": "http", "labels": {"app": "raft", "reader": "etcd"}}
AGREED = "member_count == {count} and all(members, item.reachable)"
LED = " and agreed_leader != null"


def names_in(text):
    return re.findall(r"m\d+", text)


def attach(context, name):
    """The node is a source from now on."""
    source = {**SOURCE, "name": name, "address": context.cluster.members[name].url}
    context.client.request("manual", "control", "SOURCE_ADD", {"sources": [source]})


def shown(snapshot):
    """The nodes as they were seen, for people."""
    rows = ((snapshot or {}).get("state") or {}).get("members", [])
    return "\n".join(f"  {row['name']}: {row['role']}" if row["reachable"] else f"  {row['name']}: unreachable, {row['error']}"
                     for row in rows)


def wait(context, seconds, expression):
    """The state in which the expression holds; otherwise the step fails with what was last seen."""
    try:
        return context.handle.wait(expression, float(seconds)).state
    except vedette.TimedOut as late:
        raise AssertionError(f"{late}\n{shown(late.snapshot)}") from None


@given("the nodes {names}, started")
def start_nodes(context, names):
    for name in names_in(names):
        context.cluster.make(name)
    context.cluster.start()


@given("the nodes {names}, started and attached")
def start_attached_nodes(context, names):
    start_nodes(context, names)
    for name in names_in(names):
        attach(context, name)


@when("node {names} is attached")
@when("nodes {names} are attached")
def attach_nodes(context, names):
    for name in names_in(names):
        attach(context, name)


@when("node {name} is stopped")
def stop_node(context, name):
    context.stopped = name
    context.cluster.kill(name)


@when("the leader is stopped")
def stop_leader(context):
    stop_node(context, wait(context, 30, "agreed_leader != null")["agreed_leader"])


@when("the stopped node is started")
def start_again(context):
    context.cluster.restart(context.stopped)


@when("a node {name} joins the cluster and is attached")
def join(context, name):
    context.cluster.add(name)
    attach(context, name)


@when("node {name} leaves the cluster and is detached")
def leave(context, name):
    context.cluster.remove(name)
    context.client.request("manual", "control", "SOURCE_REMOVE", {"name": name})


@then("within {seconds} seconds {count:d} node is reachable")
@then("within {seconds} seconds {count:d} nodes are reachable")
def nodes_are_reachable(context, seconds, count):
    wait(context, seconds, AGREED.format(count=count))


@then("within {seconds} seconds {count:d} nodes are reachable and one of them leads")
def nodes_agree(context, seconds, count):
    wait(context, seconds, AGREED.format(count=count) + LED)


@then("within {seconds} seconds another node leads")
def another_leads(context, seconds):
    wait(context, seconds, f'agreed_leader != null and agreed_leader != "{context.stopped}"')


@then("within {seconds} seconds the stopped node is unreachable")
def is_unreachable(context, seconds):
    wait(context, seconds, f'any(members, item.name == "{context.stopped}" and not item.reachable)')


@then("node {name} is not shown any more")
def is_not_shown(context, name):
    wait(context, 30, f'not any(members, item.name == "{name}")')
