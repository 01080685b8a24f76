#!/usr/bin/python3
"""test_discovery.py: providers that look somewhere: a service over HTTP, a command, the DNS, the sockets of this machine,
an etcd cluster; each with real processes that answer, hang, lie and flap. Usage: test_discovery.py BIN_DIR [TEST...]"""
import json
import os
import signal
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import provider_harness  # noqa: E402
from cli_harness import wait_for  # noqa: E402
from harness import alive, run_tests  # noqa: E402
from name_server import NameServer  # noqa: E402
from provider_harness import QUIET, listed  # noqa: E402
from raft_harness import etcd_cluster  # noqa: E402

BIN = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
WITHOUT = "[providers.static]\nenabled = false\n" + QUIET
os.environ["VD_TEST_TOKEN"] = "t0p-secret"


class Runtime(provider_harness.Runtime):
    def __init__(self, config):
        super().__init__(config + WITHOUT, BIN)


def groups(*targets, **labels):
    return json.dumps([{"targets": list(targets), "labels": labels}])


class Listing:
    """The service that lists sources, as a process of its own."""

    def __init__(self, run_top):
        self.directory = run_top
        self.port = etcd_cluster.free_port(set())
        self.url = f"http://127.0.0.1:{self.port}/sd"
        self.process = None

    def answers(self, body="", **more):
        fresh = os.path.join(self.directory, "answer.fresh")
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump({"body": body, **more}, file)
        os.rename(fresh, os.path.join(self.directory, "answer.json"))

    def start(self):
        self.process = subprocess.Popen(["/usr/bin/python3", os.path.join(HERE, "listing_server.py"), self.directory,
                                         str(self.port)], preexec_fn=etcd_cluster.die_with_parent)

    def asked(self):
        try:
            with open(os.path.join(self.directory, "asked"), encoding="utf-8") as file:
                return file.read().splitlines()
        except OSError:
            return []

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Served:
    """A runtime with a provider `nodes` of kind http, and the service that it asks."""

    def __init__(self, more="", refresh="1s", timeout="1s"):
        self.run = Runtime("")
        self.listing = Listing(self.run.top)
        self.run.configure(f'[providers.nodes]\nkind = "http"\nurl = "{self.listing.url}"\nrefresh = "{refresh}"\n'
                           f'timeout = "{timeout}"\n{more}' + WITHOUT)

    def __enter__(self):
        self.run.__enter__()
        return self.run, self.listing

    def __exit__(self, *error):
        self.listing.end()
        self.run.__exit__(*error)


def shown(run, name):
    return next(row for row in run.json("source", "ls") if row["name"] == name)


def test_http_lists_what_a_service_says():
    with Served('auth = "bearer env(VD_TEST_TOKEN)"\nlabels = ["zone=z1", "job=default"]\n') as (run, listing):
        run.wait_error("127.0.0.1")                                # nobody listens yet
        listing.answers(groups("10.0.0.1:80", "[::1]:99", job="api"), auth="Bearer t0p-secret")
        listing.start()
        first = run.wait_names("10.0.0.1:80", "::1:99")
        wait_for("it is well", lambda: run.provider()["error"] == "")
        assert first["::1:99"]["address"] == "http://[::1]:99", first
        assert first["::1:99"]["labels"] == {"job": "api", "zone": "z1"}, first
        assert listing.asked()[-1] == "/sd Bearer t0p-secret"
        # In any order, and with others before them, they are the same sources.
        listing.answers(groups("[::1]:99", "10.0.0.7:80", "10.0.0.1:80"), auth="Bearer t0p-secret")
        second = run.wait_names("10.0.0.1:80", "10.0.0.7:80", "::1:99")
        assert second["::1:99"]["inc"] == first["::1:99"]["inc"] and second["::1:99"]["labels"]["job"] == "default"
        # The other shape; and one that left and came back is another one.
        listing.answers(listed("m1", address="http://127.0.0.1:1"), auth="Bearer t0p-secret")
        run.wait_names("m1")
        listing.answers(groups("10.0.0.1:80"), auth="Bearer t0p-secret")
        assert run.wait_names("10.0.0.1:80")["10.0.0.1:80"]["inc"] != first["10.0.0.1:80"]["inc"]
        listing.answers("[]")
        run.wait_names()
        assert "t0p-secret" not in run.run("logs", "-n", "1000").out + json.dumps(run.json("source", "providers"))


def test_http_that_lies():
    good = groups("a:1", "b:1")
    with Served('address = "http://gate/{host}/{port}"\n') as (run, listing):
        listing.answers(good)
        listing.start()
        before = run.wait_names("a:1", "b:1")
        assert before["a:1"]["address"] == "http://gate/a/1", before
        for answer, words in (({"body": "<html>"}, "line 1"), ({"body": good[:len(good) // 2]}, "line 1"),
                              ({"body": good, "claim": 100}, "/sd: "), ({"body": ""}, "it is empty"),
                              ({"body": good, "status": 500}, "HTTP 500"), ({"body": good, "auth": "x"}, "HTTP 401"),
                              ({"status": 302, "header": {"Location": "/sd"}}, "HTTP 302"), ({"body": "{}"}, "one list"),
                              ({"body": " " * 1000000, "times": 5}, "over 4194304 bytes"),
                              ({"body": "[" * 100000}, "nested deeper"), ({"body": groups("a:1", "a:1")}, "are named a:1"),
                              ({"body": '[{"targets": [NaN]}]'}, "line 1"), ({"body": groups("a b:1")}, "is not a name"),
                              ({"body": '[{"targets": [1]}]'}, "a target must be a text"),
                              ({"body": groups("x" * 100)}, "is not a name"), ({"body": "null"}, "one list")):
            listing.answers(**answer)
            row = run.wait_error(words)
            assert row["sources"] == 2 and run.sources().keys() == {"a:1", "b:1"}, (answer, row)
            assert words in shown(run, "a:1")["provider_error"], words
        listing.answers(good)
        wait_for("it is well", lambda: run.provider()["error"] == "")
        assert {name: row["inc"] for name, row in run.sources().items()} == \
            {name: row["inc"] for name, row in before.items()}, "they were there all the time"


def test_http_that_hangs():
    with Served('[providers.others]\nkind = "file"\npath = "nodes.json"\nadapter = "file"\nrefresh = "1s"\n') as (run, listing):
        listing.answers(groups("a:1"))
        listing.start()
        run.wait_names("a:1")
        listing.process.send_signal(signal.SIGSTOP)                # it still accepts, and never answers
        run.wait_error("no answer within")
        assert run.sources().keys() == {"a:1"}
        age = run.provider()["age_ms"]
        wait_for("the age of the last good set grows", lambda: run.provider()["age_ms"] > age + 1000)
        assert "no answer within" in run.run("source", "ls").out
        run.replace(listed("f1"))                                  # nobody else hangs
        run.wait_names("f1", provider="others")
        pid = run.pids()["nodes"]
        begun = time.monotonic()
        run.run("restart", "nodes", "--wait")                      # it ends while it waits for an answer
        assert run.pids()["nodes"] != pid
        print(f"  restarted in {time.monotonic() - begun:.1f} s")
        listing.answers(groups("a:1", "b:1"))
        listing.process.send_signal(signal.SIGCONT)
        run.wait_names("a:1", "b:1")
        wait_for("it is well", lambda: run.provider()["error"] == "")
        for round_number in range(5):                              # it comes and goes
            listing.end()
            run.wait_error("127.0.0.1")
            assert run.sources().keys() == {"a:1", "b:1"}
            listing.start()
            wait_for("it is well again", lambda: run.provider()["error"] == "")
        assert not any(row["restarts"] for row in run.json("ps") if row["name"] != "nodes")


def test_exec_lists_what_a_command_prints():
    config = ('[providers.nodes]\nkind = "exec"\ncommand = ["/bin/sh", "{0}/list", "two words", "$HOME"]\n'
              'refresh = "1s"\ntimeout = "2s"\nadapter = "file"\naddress = "/{{host}}"\n')
    with Runtime("") as run:
        script = run.path("list")

        def does(text):
            with open(script + ".fresh", "w", encoding="utf-8") as file:
                file.write(text)
            os.rename(script + ".fresh", script)

        run.configure(config.format(run.top) + WITHOUT)
        run.run("down")
        run.up()
        run.wait_error("ended with")                               # there is no such script
        does('echo "$1|$2|$VEDETTE_NOTIFY_FD" >"{0}.new" && mv "{0}.new" "{0}"; '
             'echo \'[{{"targets": ["a:1", "b:1"]}}]\''.format(run.path("seen")))
        before = run.wait_names("a:1", "b:1")
        assert before["a:1"]["address"] == "/a" and before["a:1"]["adapter"] == "file", before
        with open(run.path("seen"), encoding="utf-8") as file:
            assert file.read() == "two words|$HOME|\n"
        for text, words in (("echo no such region >&2; exit 3", "ended with 3: no such region"), ("echo '[{'", "near end of file"),
                            ("echo '[]'; exit 1", "ended with 1"), ("exec yes", "prints more than"), ("kill -9 $$", "signal 9"),
                            (":", "it is empty"), ("exec yes >&2", "took too long"),
                            ("sleep 98765 & echo $! >'{0}.new' && mv '{0}.new' '{0}'; echo stuck >&2; wait"
                             .format(run.path("pid")), "killed: stuck")):
            does(text)
            row = run.wait_error(words)
            assert row["sources"] == 2 and run.sources().keys() == {"a:1", "b:1"}, (text, row)
        with open(run.path("pid"), encoding="ascii") as file:
            grandchild = int(file.read())
        does("echo '[]'")
        wait_for("what the command started is gone", lambda: not alive(grandchild))
        run.wait_names()
        # A program that is not there; and one that is told to end in the middle.
        run.configure(config.replace("/bin/sh", "no-such-program").format(run.top) + WITHOUT)
        run.run("restart", "nodes", "--wait")
        run.wait_error("not found")


def test_proc_lists_what_listens():
    def listener(address):
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, etcd_cluster.free_port(set())))
        made.listen()
        return made, made.getsockname()[1]

    one, port = listener("127.0.0.1")
    every, other = listener("0.0.0.0")
    ranges = f'ports = ["{port}", "{other}-{other}"]\n'
    config = '[providers.nodes]\nkind = "proc"\nrefresh = "1s"\nlabels = ["here=yes"]\n'
    with Runtime(config + ranges) as run:
        name, wide = f"127.0.0.1:{port}", f"0.0.0.0:{other}"
        before = run.wait_names(name, wide)
        assert before[name]["address"] == f"http://{name}" and before[wide]["address"] == f"http://127.0.0.1:{other}"
        with open("/proc/self/comm", encoding="utf-8") as file:
            assert before[name]["labels"] == {"here": "yes", "process": file.read().strip()}, before
        one.close()
        run.wait_names(wide)
        again = socket.socket()
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))
        again.listen()
        assert run.wait_names(name, wide)[name]["inc"] != before[name]["inc"]
        again.close()
        run.wait_names(wide)
        # Without ports that are named, all of them count.
        run.configure(config + WITHOUT)
        run.run("restart", "nodes", "--wait")
        more, third = listener("::1")
        wait_for("all are listed", lambda: {wide, f"::1:{third}"} <= run.sources().keys())
        assert run.sources()[f"::1:{third}"]["address"] == f"http://[::1]:{third}"
        more.close()
        every.close()
        wait_for("both have left", lambda: not {wide, f"::1:{third}"} & run.sources().keys())


def test_dns_lists_what_stands_under_a_name():
    server = NameServer()
    service = ("_api._tcp.test.example", "SRV")
    server.records = {service: [(81, "one.example"), (82, "two.example")], ("many.example", "A"): ["10.0.0.2", "10.0.0.1"],
                      ("many.example", "AAAA"): ["fd00::1"]}
    asks = f'refresh = "1s"\ntimeout = "2s"\nserver = "{server.place}"\n'
    with Runtime('[providers.here]\nkind = "dns"\nhost = "localhost"\ntype = "A"\nport = 7\nrefresh = "1s"\n'
                 f'[providers.nodes]\nkind = "dns"\nhost = "{service[0]}"\ntype = "SRV"\n{asks}'
                 f'[providers.many]\nkind = "dns"\nhost = "many.example"\nport = 9\n{asks}'
                 '[providers.none]\nkind = "dns"\nhost = "no-such-name.invalid"\nrefresh = "1s"\n') as run:
        assert run.wait_names("127.0.0.1:7", provider="here")["127.0.0.1:7"]["address"] == "http://127.0.0.1:7"
        before = run.wait_names("one.example:81", "two.example:82")
        assert before["two.example:82"]["address"] == "http://two.example:82", before
        many = run.wait_names("10.0.0.1:9", "10.0.0.2:9", "fd00::1:9", provider="many")
        assert many["fd00::1:9"]["address"] == "http://[fd00::1]:9", many
        run.wait_error("no-such-name.invalid: ", provider="none")
        server.records[service] = [(82, "two.example"), (83, "three.example")]
        after = run.wait_names("three.example:83", "two.example:82")
        assert after["two.example:82"]["inc"] == before["two.example:82"]["inc"]
        for spoil, words in ((lambda answer: answer[:-4], ""), (lambda answer: answer[:12] + b"\xff" * 30, ""),
                             (lambda answer: None, "")):
            server.spoil = spoil                                   # half an answer, garbage, none
            row = wait_for("it fails", lambda: run.provider()["error"] and run.provider())
            assert row["sources"] == 2 and run.sources().keys() == {"three.example:83", "two.example:82"}, row
            print(f"  {row['error']}")
            server.spoil = None
            wait_for("it is well", lambda: run.provider()["error"] == "")
        del server.records[service]
        run.wait_error("no such records")
        assert len(run.sources()) == 2
        assert run.sources("here").keys() == {"127.0.0.1:7"}
    server.close()


def test_etcd_lists_its_members():
    with Runtime("") as run, etcd_cluster.Cluster(run.path("etcd"), 3) as cluster:
        cluster.start()
        cluster.wait_leader()
        urls = json.dumps([member.url for member in cluster.members.values()])
        run.configure(f'[providers.nodes]\nkind = "etcd"\nendpoints = {urls}\nrefresh = "1s"\ntimeout = "2s"\n'
                      'labels = ["app=raft"]\n' + WITHOUT)
        run.run("down")
        run.up()
        before = run.wait_names("m1", "m2", "m3", timeout_s=60.0)
        assert before["m2"]["address"] == cluster.members["m2"].url and before["m2"]["labels"]["app"] == "raft", before
        assert before["m2"]["labels"]["member_id"].isdigit()
        name = cluster.add()
        run.wait_names("m1", "m2", "m3", name, timeout_s=60.0)
        cluster.pause("m1")                                        # the first that is asked hangs: the others answer
        cluster.remove(name)
        run.wait_names("m1", "m2", "m3", timeout_s=60.0)
        cluster.resume("m1")
        # One that was added and has not started has no name yet: it goes by its number.
        peer = f"http://127.0.0.1:{etcd_cluster.free_port(cluster.ports)}"
        number = next(row["ID"] for row in cluster.enlist(peer) if peer in row["peerURLs"])
        run.wait_names("m1", "m2", "m3", number, timeout_s=60.0)
        cluster.strike(number)
        run.wait_names("m1", "m2", "m3", timeout_s=60.0)
        for victim in cluster.members:
            cluster.pause(victim)                                  # now all of them hang
        row = run.wait_error("no answer within")
        assert row["sources"] == 3 and run.sources().keys() == {"m1", "m2", "m3"}, row
        for victim in cluster.members:
            cluster.resume(victim)
        wait_for("it is well", lambda: run.provider()["error"] == "")
        assert run.sources()["m2"]["inc"] == before["m2"]["inc"]


def test_configuration_is_checked():
    with Runtime("") as run:
        for text, words in (('kind = "http"\n', 'needs the key "url"'), ('kind = "http"\nurl = "ftp://x"\n', "must be written"),
                            ('kind = "http"\nurl = "http://me:pw@x/"\n', "must not name a user"),
                            ('kind = "http"\nurl = "http://x"\nauth = "hunter2"\n', "must be written basic"),
                            ('kind = "http"\nurl = "http://x"\naddress = "{node}"\n', "in braces stands one of"),
                            ('kind = "http"\nurl = "http://x"\nlabels = ["a"]\n', "KEY=TEXT"),
                            ('kind = "exec"\n', 'needs the key "command"'), ('kind = "dns"\n', 'needs the key "host"'),
                            ('kind = "dns"\nhost = "x"\nserver = "nope"\n', "must be written IPV4"),
                            ('kind = "proc"\nports = ["9-1"]\n', "FIRST-LAST"),
                            ('kind = "etcd"\n', 'needs the key "endpoints"'),
                            ('kind = "etcd"\nendpoints = ["x"]\n', "number 1")):
            path = run.path("one.toml")
            with open(path, "w", encoding="utf-8") as file:
                file.write("[providers.p]\n" + text)
            made = subprocess.run([os.path.join(BIN, "vedette-provider"), "--dir", run.path("z"), "--name", "p", "--config",
                                   path], capture_output=True, text=True, timeout=20, check=False)
            assert made.returncode == 2 and words in made.stderr, (text, made)
            assert "hunter2" not in made.stderr and ":pw" not in made.stderr
        printed = run.run("config", "init").out
        for kind in ("http", "exec", "dns", "proc", "etcd"):
            assert f'kind = "{kind}"' in printed, kind
        with open(path, "w", encoding="utf-8") as file:
            file.write(printed)
        run.run("config", "check", path)


run_tests(globals())
