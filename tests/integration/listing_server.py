"""listing_server.py: a service that lists sources over HTTP, and does whatever `answer.json` in its directory says.
Usage: listing_server.py DIR PORT. Fields: status, body, claim (bytes more than it sends), header (of a redirect),
auth (the Authorization that it wants). What was asked stands in `asked` beside it, one line for each request."""
import http.server
import json
import os
import sys

DIRECTORY = sys.argv[1]


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        with open(os.path.join(DIRECTORY, "answer.json"), encoding="utf-8") as file:
            answer = json.load(file)
        with open(os.path.join(DIRECTORY, "asked"), "a", encoding="utf-8") as file:
            file.write(f"{self.path} {self.headers.get('Authorization', '')}\n")
        if answer.get("auth") and self.headers.get("Authorization") != answer["auth"]:
            answer = {"status": 401, "body": "who asks?"}
        body = answer.get("body", "").encode() * answer.get("times", 1)
        self.send_response(answer.get("status", 200))
        for name, value in answer.get("header", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) + answer.get("claim", 0)))
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:
            pass                                                   # it has heard enough
        self.close_connection = True

    def log_message(self, *_):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler).serve_forever()
