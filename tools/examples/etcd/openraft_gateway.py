"""openraft_gateway.py: serves GET /state, as services built on openraft do, translated from live etcd members.

Each member gets a port of its own. Every answer is asked of its member at that moment; a member that does not answer has
no state either (503).
"""
import http.server
import json
import threading

import etcd_cluster


def number_or_none(text):
    return None if text is None else int(text)


def state_of(member):
    """The state of a member in openraft's form; None when it does not answer."""
    status = member.status()
    if not status:
        return None
    listed = etcd_cluster.ask(f"{member.url}/v3/cluster/member/list", {}) or {}
    own, leader = int(status["header"]["member_id"]), number_or_none(status.get("leader"))
    return {"node_id": own, "public_addr": member.url,
            "role": "Leader" if leader == own else "Learner" if status.get("isLearner") else "Follower",
            "current_leader": leader, "current_term": int(status.get("raftTerm", 0)),
            "last_log_index": number_or_none(status.get("raftIndex")),
            "last_applied_index": number_or_none(status.get("raftAppliedIndex")),
            "voters": [int(row["ID"]) for row in listed.get("members", []) if not row.get("isLearner")]}


class Gateway:
    """The gateway of one member."""

    def __init__(self, member):
        self.name = member.name

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                state = state_of(member) if self.path == "/state" else None
                body = json.dumps(state).encode() if state else b"no state\n"
                self.send_response(200 if state else 503 if self.path == "/state" else 404)
                self.send_header("Content-Type", "application/json" if state else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except ConnectionError:
                    self.close_connection = True  # whoever asked has waited long enough

            def log_message(self, *_):
                """Says nothing."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", etcd_cluster.free_port(set())), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def source(self, labels=None):
        return {"name": f"{self.name}-state", "adapter": "http", "address": self.url,
                "labels": {"app": "raft", "reader": "openraft", **(labels or {})}}

    def close(self):
        self.server.shutdown()
        self.server.server_close()
