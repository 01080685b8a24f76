#!/usr/bin/python3
"""test_chain_wallets.py BIN: wallets on a real chain that forks. Two are paid on different branches, and what the observer
counts at each head is what the wallets say themselves and what a scan of all blocks from the first one finds; also after
the branches have become one, after the observer was killed meanwhile, and for an address of which it hears late. The demo
of it ends with 0. Skipped where hsd is not installed."""
import json
import os
import re
import signal
import subprocess
import sys

from chain_harness import TOP, Watched, hsd_net, wait_for

BIN = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/release/bin")
WALLETS = """
[observers.wallet]
interval = "100ms"
addresses_interval = "100ms"
"""
PAID = 1234567


def scan(node, addresses):
    """The naive way: {wallet: balance} at the head of a node by all of its blocks; addresses: {address: wallet}."""
    coins = {}
    for height in range(node.head()[1] + 1):
        for tx in node.block(height)["txs"]:
            for end in tx["inputs"]:
                coins.pop((end["prevout"]["hash"], end["prevout"]["index"]), None)
            for index, end in enumerate(tx["outputs"]):
                coins[tx["hash"], index] = (end["address"], end["value"])
    found = dict.fromkeys(addresses.values(), 0)
    for address, value in coins.values():
        if address in addresses:
            found[addresses[address]] += value
    return found


class Wallets:
    """alice at n1 and bob at n2, and what the observer says of them."""

    def __init__(self, watched):
        self.watched, self.nodes = watched, watched.nodes
        self.alice, self.bob = self.nodes["n1"].wallet("alice"), self.nodes["n2"].wallet("bob")
        self.all = (self.alice, self.bob)

    def counted(self, tip):
        done = self.watched.home.run("query", "wallet", "balances", tip, "-o", "json", code=None)
        return json.loads(done.out)["balances"] if done.code == 0 else None

    def told_addresses(self):
        return {address: event.data["wallet"] for event in self.watched.events.of("wallet")
                if event.type == "addresses_watched" for address in event.data["addresses"]}

    def told(self, counts):
        """Until the changes of balances that were told end in what is counted; each begins where the one before ended."""
        def ends():
            last = {name: dict.fromkeys(row, 0) for name, row in counts.items()}
            for event in self.watched.events.of("wallet"):
                if event.type == "balance_changed":
                    row, wallet = last[event.data["node"]], event.data["wallet"]
                    assert event.data["previous"] == row[wallet] != event.data["balance"], (event.data, row)
                    row[wallet] = event.data["balance"]
            return last == counts
        wait_for(f"{counts} is told", ends)

    def agree(self):
        """Until each wallet has what the observer counts at its node's head, and a scan finds the same for all of them
        on every branch; {node: {wallet: balance}}."""
        def same():
            own = {}
            for wallet in self.all:
                tip, height = wallet.node.head()
                if wallet.height() != height:
                    return None
                own[wallet.name] = (tip, wallet.confirmed())
            counts = {name: self.counted(tip) for name, (tip, _) in self.watched.net.heads().items()}
            if not all(counts.values()):
                return None
            if any(counts[wallet.node.name].get(wallet.name) != own[wallet.name][1] for wallet in self.all):
                return None
            addresses = self.told_addresses()
            return counts if all(scan(self.nodes[name], addresses) == counts[name] for name in counts) else None
        return wait_for("wallets, observer and scan agree", same, 40)


def paid(watched, wallets):
    for wallet in wallets.all:
        wallet.node.mine(4, wallet.address())
        watched.net.wait_same()
    wallets.nodes["n3"].mine(2)
    watched.net.wait_same()
    counts = wallets.agree()
    assert all(value > 0 for value in counts["n3"].values()) and len(counts["n3"]) == 2, counts


def fork(watched, wallets, depth):
    """n1 is cut off: alice is paid there and pays bob, who is paid on the other side; what each has there."""
    watched.net.cut("n1")
    wallets.alice.pay(wallets.bob.address(), PAID)
    wallets.nodes["n1"].mine(depth, wallets.alice.address())
    wallets.nodes["n2"].mine(depth + 1, wallets.bob.address())
    wait_for("n3 follows n2", lambda: wallets.nodes["n3"].head() == wallets.nodes["n2"].head())
    return wallets.agree()


def branches(watched, wallets):
    counts = fork(watched, wallets, 3)
    wallets.told(counts)
    assert counts["n1"]["alice"] > counts["n2"]["alice"] and counts["n1"]["bob"] < counts["n2"]["bob"], counts
    watched.net.join()
    watched.net.wait_same()
    after = wallets.agree()
    assert after["n1"] == after["n2"] == after["n3"], after
    assert after["n1"]["alice"] == counts["n2"]["alice"] < counts["n1"]["alice"], (counts, after)
    wallets.told(after)
    # What she paid is paid again on the branch that remains.
    wallets.nodes["n1"].mine(1)
    watched.net.wait_same()
    assert wallets.agree()["n1"]["bob"] == after["n1"]["bob"] + PAID


def killed_meanwhile(watched, wallets):
    counts = fork(watched, wallets, 5)
    pid = watched.home.actor("wallet")["pid"]
    os.kill(pid, signal.SIGKILL)
    watched.net.join()
    watched.net.wait_same()
    assert wallets.agree()["n1"]["alice"] == counts["n2"]["alice"]
    assert watched.home.actor("wallet")["pid"] != pid
    blocks = [event.data["id"] for event in watched.events.of("wallet") if event.type == "block_taken"]
    assert len(blocks) == len(set(blocks)), "a block was taken twice"


def heard_of_late(watched, wallets):
    """An address that was paid long ago."""
    with open(watched.home.path("late.txt"), "w", encoding="ascii") as file:
        file.write(hsd_net.NOBODY + "\n")
    watched.extra.append({"name": "late", "adapter": "file", "address": watched.home.path(""),
                          "labels": {"app": "chain", "wallet": "late", "file": "late.txt"}})
    watched.list()
    head = wallets.nodes["n1"].head()[0]
    wait_for("it is found", lambda: (wallets.counted(head) or {}).get("late"))
    counts = wallets.agree()
    assert counts["n1"]["late"] > 0, counts
    wallets.told(counts)


def demo():
    """tools/examples/chain/run, as the README has it."""
    done = subprocess.run([os.path.join(TOP, "tools", "examples", "chain", "run"), "--for", "8s", "--pace", "0", "--bin", BIN],
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"  reorg    n\d goes from \w{8} \(\d+\) to \w{8} \(\d+\): depth \d+, fork point", done.stdout), done.stdout
    assert re.search(r"[1-9]\d* balances were what the wallets say themselves\.$", done.stdout.strip()), done.stdout
    print(done.stdout.strip().splitlines()[-1], flush=True)


STEPS = (paid, branches, killed_meanwhile, heard_of_late)


def main():
    with Watched(BIN, WALLETS) as watched:
        wallets = Wallets(watched)
        watched.extra = [wallet.source() for wallet in wallets.all]
        watched.list()
        for step in STEPS:
            print(f"-- {step.__name__}", flush=True)
            step(watched, wallets)
    print("-- demo", flush=True)
    demo()


main()
