#!/usr/bin/python3
"""test_http.py: sources behind HTTP, good and hostile: each has its own error in time, and harms no other."""
import os
import socket
import subprocess
import sys
import tempfile
import unittest

import msgpack

from cli_harness import wait_for
from hostile_server import Server
from reading_harness import Reading

BIN = os.path.abspath(sys.argv.pop(1) if len(sys.argv) > 1 and os.path.isdir(sys.argv[1]) else "build/release/bin")
SECRET = "open sesame"
DEADLINE_MS = 1200
PATIENT_MS = 10 * DEADLINE_MS  # where a deadline is not what is looked at
LATE_MS = 3000  # how late an error may be on a machine with other work


def certificate(directory, name):
    """A certificate that signs itself, for 127.0.0.1."""
    paths = [os.path.join(directory, f"{name}.{kind}") for kind in ("pem", "key")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1", "-out", paths[0],
                    "-keyout", paths[1]], check=True, capture_output=True)
    return paths


def dead_port():
    """A port that nobody listens on, and nobody else is given while the socket lives."""
    holder = socket.socket()
    holder.bind(("127.0.0.1", 0))
    return holder, holder.getsockname()[1]


class Http(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="vd-http-", dir="/tmp")
        cls.trusted = certificate(cls.holder.name, "trusted")
        cls.server, cls.other = Server(), Server()
        cls.secure, cls.wrong = Server(cls.trusted), Server(certificate(cls.holder.name, "wrong"))
        cls.server.other = cls.other.url() + "/ok"
        cls.dead, port = dead_port()
        url = cls.server.url()
        sources = [
            {"name": "good", "address": url}, {"name": "bad", "address": url},
            {"name": "basic", "address": url, "auth": "basic ann:env(VD_TEST_SECRET)"},
            {"name": "bearer", "address": url, "auth": "bearer env(VD_TEST_SECRET)"},
            {"name": "unset", "address": url, "auth": "bearer env(VD_TEST_UNSET)"},
            {"name": "based", "address": url + "/base/"},
            {"name": "named", "address": cls.server.url("localhost")},
            {"name": "unnamed", "address": "http://nowhere.invalid:80"},
            {"name": "slow", "address": "http://a.slow.invalid"},
            {"name": "dead", "address": f"http://127.0.0.1:{port}"},
            {"name": "secure", "address": cls.secure.url()}, {"name": "wrong", "address": cls.wrong.url()},
            {"name": "plain", "address": url.replace("http:", "https:")},
            {"name": "user", "address": url.replace("//", f"//ann:{SECRET.replace(' ', '-')}@")},
            {"name": "odd", "address": "gopher://127.0.0.1"},
        ]
        environment = {"VD_TEST_SECRET": SECRET, "http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9",
                       "ASAN_OPTIONS": "verify_asan_link_order=0",
                       "LD_PRELOAD": os.path.join(BIN, "..", "tests", "libslow_names.so")}
        cls.reading = Reading(BIN, [{"adapter": "http", **source} for source in sources],
                              f'[pollers]\nmax_processes = 2\nca_file = "{cls.trusted[0]}"\n', environment)
        cls.reading.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.reading.__exit__(None, None, None)
        for server in (cls.server, cls.other, cls.secure, cls.wrong, cls.dead):
            server.close()
        cls.holder.cleanup()

    def expect(self, status, source, target, op="get", error="", **more):
        sample = self.reading.once(source, op, target, **more)
        self.assertEqual(sample["status"], status, sample)
        self.assertIn(error, sample["error"])
        self.assertTrue((status == "ok") == (sample["error"] == ""), sample)
        self.assertNotIn(SECRET, repr({**sample, "content": b""}))
        return sample

    def test_answers(self):
        sample = self.expect("ok", "good", "/ok?a=b%20c")
        self.assertEqual((sample["content"], sample["meta"]["code"], sample["meta"]["redirects"]), (b"fine", 200, 0))
        self.assertEqual(sample["meta"]["headers"]["x-one"], "1")
        method, target, headers, _ = self.server.seen["/ok"]
        self.assertEqual((method, target, headers["host"]), ("GET", "/ok?a=b%20c", f"127.0.0.1:{self.server.port}"))
        self.assertNotIn("authorization", headers)
        self.expect("ok", "based", "x")
        self.assertEqual(self.server.seen["/base/x"][1], "/base/x")
        self.expect("ok", "named", "/ok")

    def test_post(self):
        sample = self.expect("ok", "good", "/echo", "post", args={"body": "{\"a\": 1}", "headers": {
            "Content-Type": "application/json", "X-Mine": "yes"}})
        self.assertEqual((sample["content"], sample["meta"]["headers"]["x-type"]), (b'POST {"a": 1}', "application/json"))
        self.assertEqual(self.server.seen["/echo"][2]["x-mine"], "yes")
        body = bytes(range(256)) * 31
        self.assertEqual(self.expect("ok", "good", "/echo", "post", args={"body": body})["content"], b"POST " + body)
        self.assertEqual(self.expect("ok", "good", "/echo", "post")["content"], b"POST ")

    def test_headers_are_bounded_and_readable(self):
        headers = self.expect("ok", "good", "/headers")["meta"]["headers"]
        self.assertEqual((headers["x-twice"], headers["x-latin"], headers["x-long"]), ("a, b", "??", "l" * 512))
        self.assertNotIn("set-cookie", headers)

    def test_codes(self):
        self.assertEqual(self.expect("not_found", "bad", "/gone", error="404")["content"], b"nothing here")
        self.assertEqual(self.expect("failed", "bad", "/trouble", error="503")["meta"]["code"], 503)
        self.expect("ok", "bad", "/trouble", args={"ok": [200, 503]})
        self.expect("failed", "bad", "/ok", args={"ok": [503]})
        self.expect("ok", "bad", "/loop", args={"ok": [302]})

    def test_auth(self):
        self.assertEqual(self.expect("ok", "basic", "/basic")["content"], b"in")
        self.assertEqual(self.expect("ok", "bearer", "/bearer")["content"], b"in")
        self.expect("denied", "good", "/basic", error="give the source an auth")
        self.expect("denied", "bearer", "/basic", error="refuses the source's auth")
        self.expect("denied", "unset", "/ok", error="VD_TEST_UNSET")
        self.expect("malformed", "user", "/ok", error="must not name a user")
        # What one read was given is not in the next one's hands.
        self.expect("denied", "good", "/bearer")

    def test_redirects(self):
        self.assertEqual(self.expect("ok", "good", "/see", "post", args={"body": "x"})["content"], b"fine")
        self.assertEqual(self.server.seen["/ok"][0], "GET")
        sample = self.expect("ok", "good", "/moved", "post", args={"body": "x"})
        self.assertEqual((sample["content"], sample["meta"]["redirects"]), (b"POST x", 1))
        self.expect("failed", "bad", "/round", error="more than 5")
        self.assertEqual(self.server.requests["/round"], 6)
        self.expect("failed", "bad", "/to-a-file", error="no place of HTTP")

    def test_another_origin_learns_nothing(self):
        sample = self.expect("ok", "bearer", "/away", args={"headers": {"X-Key": "mine"}})
        self.assertEqual(sample["meta"]["redirects"], 1)
        self.assertIn("authorization", self.server.seen["/away"][2])
        self.assertFalse({"authorization", "x-key"} & set(self.other.seen["/ok"][2]))

    def test_certificates(self):
        self.assertEqual(self.expect("ok", "secure", "/ok")["content"], b"fine")
        self.expect("denied", "wrong", "/ok", error="certificate")
        # Who speaks no TLS waits for the end of a line in what seems noise to him, which may be there.
        self.assertIn(self.reading.once("plain", "get", "/ok", deadline_ms=700)["status"], ("timed_out", "malformed"))

    def test_arguments_are_checked(self):
        for args, error in (({"body": 1}, "body"), ({"headers": {"A": "b\r\nC: d"}}, "one line"),
                            ({"headers": {"A B": "c"}}, "name"), ({"headers": {"Content-Length": "7"}}, "length"),
                            ({"ok": [99]}, "codes"), ({"body": "x"}, "post")):
            self.expect("malformed", "bad", "/ok", args=args, error=error)
        self.expect("malformed", "bad", "/a b", error="%XX")
        self.expect("malformed", "odd", "/ok", error="http://")
        # A target leads to no other host.
        self.expect("ok", "bad", "@127.0.0.1:1/")

    def test_connections_are_kept(self):
        self.expect("ok", "good", "/ok")
        poller, feed = self.reading.stand("good", "get", "/kept", 20, deadline_ms=PATIENT_MS)
        wait_for("the first read", lambda: self.server.requests.get("/kept", 0) > 0)
        before = self.server.connections
        wait_for("fifty reads", lambda: self.server.requests["/kept"] >= 50)
        # The other tests are not running now; a server that hurries may see a second one at the start.
        self.assertLessEqual(self.server.connections - before, 1)
        wait_for(f"fifty are counted of {poller}", lambda: self.reading.readings()[feed]["reads"] >= 50)

    def test_hostile_sources_have_their_own_errors(self):
        """All at once, beside a good one that has to stay on time."""
        want = {
            ("bad", "/hang"): ("timed_out", ""), ("bad", "/drip"): ("timed_out", ""),
            ("bad", "/huge"): ("too_large", "1048576"), ("bad", "/huge-chunked"): ("too_large", "1048576"),
            ("bad", "/loop"): ("failed", "redirects"), ("wrong", "/ok"): ("denied", "certificate"),
            ("bad", "/basic"): ("denied", "401"), ("unnamed", "/"): ("unreachable", "resolve"),
            ("slow", "/"): ("timed_out", ""), ("dead", "/"): ("unreachable", "connect"),
            ("bad", "/reset"): ("unreachable", ""), ("bad", "/garbage"): ("malformed", ""),
            ("bad", "/cut"): ("unreachable", ""), ("bad", "/nothing"): ("unreachable", ""),
            ("bad", "/bad-chunk"): ("malformed", "chunk"), ("bad", "/endless-headers"): ("too_large", "headers"),
            ("bad", "/gone"): ("not_found", "404"),
        }
        # On time is what the number of its reads says below: the deadline leaves room for a machine that is busy.
        good_poller, good = self.reading.stand("good", "get", "/on-time", 100, deadline_ms=PATIENT_MS)
        feeds = {key: self.reading.stand(key[0], "get", key[1], 100, deadline_ms=DEADLINE_MS if status == "timed_out"
                                         else PATIENT_MS) for key, (status, _) in want.items()}
        wait_for("three failures of each", lambda: all(self.reading.readings()[feed]["failures"] >= 3
                                                       for _, feed in feeds.values()))
        first = self.reading.readings()
        wait_for("three more of each", lambda: all(
            self.reading.readings()[feed]["failures"] >= first[feed]["failures"] + 3 for _, feed in feeds.values()))
        last = self.reading.readings()
        for key, (poller, feed) in feeds.items():
            row, status = last[feed], want[key][0]
            self.assertEqual(row["status"], status, (key, row))
            self.assertIn(want[key][1], row["error"], key)
            self.assertLess(row["took_us"] / 1000, DEADLINE_MS + LATE_MS, (key, row))
            self.assertNotIn(SECRET, repr(self.reading.newest(poller, feed)))
        reads = {feed: last[feed]["reads"] - first[feed]["reads"] for feed in (good, feeds["bad", "/hang"][1])}
        self.assertEqual(last[good]["failures"], 0, last[good])
        # One that waits for those that hang is as slow as they are, however busy the machine is.
        self.assertGreater(reads[good], 2 * reads[feeds["bad", "/hang"][1]], f"{reads} of {good_poller}")
        for name in ("bad", "wrong", "unnamed", "slow", "dead"):
            row = self.reading.listed(name)
            self.assertNotEqual(row["status"], "ok", row)
            self.assertGreater(row["failures"], 0)
            self.assertTrue(row["last_error"])
        self.assertEqual(self.reading.listed("slow")["status"], "timed_out")
        self.assertEqual(self.reading.listed("unnamed")["status"], "unreachable")

    def test_zz_the_secret_is_nowhere(self):
        """Last by its name: what all the tests before have left behind."""
        text = self.reading.logs() + repr(self.reading.home.json("source", "ls"))
        text += repr(self.reading.client.membership()) + repr(self.reading.readings())
        for _, _, names in os.walk(self.reading.home.dir):
            self.assertNotIn(SECRET, repr(names))
        self.assertIn("env(VD_TEST_SECRET)", repr(self.reading.client.membership()))
        self.assertNotIn(SECRET, text)
        for actor in ("poller-1", "poller-2"):
            with open(f"/proc/{self.reading.pid(actor)}/status", encoding="ascii") as file:
                anonymous = next(int(line.split()[1]) / 1024 for line in file if line.startswith("RssAnon"))
            with open(f"/proc/{self.reading.pid(actor)}/maps", encoding="utf-8") as file:
                sanitized = "san.so" in file.read()
            # After contents of a megabyte, certificates and threads; a sanitizer keeps memory of its own.
            self.assertTrue(sanitized or anonymous < 24, f"{actor}: {anonymous} MiB")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[1:]], verbosity=2)
