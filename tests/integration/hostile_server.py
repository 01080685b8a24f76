"""hostile_server.py: a server of HTTP that answers as its paths say, and most of them badly."""
import base64
import socket
import ssl
import struct
import threading
import time

MIB = 1048576


class Server:
    """Listens on a free port of 127.0.0.1, a thread for each connection. Counts connections and requests by path."""

    def __init__(self, certificate=None):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.listener.getsockname()[1]
        self.context = None
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)
        self.lock = threading.Lock()
        self.connections, self.requests, self.seen = 0, {}, {}
        self.other = ""  # where /away sends to
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, host="127.0.0.1"):
        return f"{'https' if self.context else 'http'}://{host}:{self.port}"

    def close(self):
        self.listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client):
        with self.lock:
            self.connections += 1
        try:
            if self.context:
                client = self.context.wrap_socket(client, server_side=True)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with client, client.makefile("rb") as lines:
                while self._one(client, lines):
                    pass
        except OSError:
            client.close()

    def _one(self, client, lines):
        """One request. Returns whether the connection goes on."""
        first = lines.readline().decode("latin-1").split()
        if len(first) != 3:
            return False
        method, target, _ = first
        headers = {}
        while (line := lines.readline().decode("latin-1").strip()):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = lines.read(int(headers.get("content-length", 0)))
        path = target.partition("?")[0]
        with self.lock:
            self.requests[path] = self.requests.get(path, 0) + 1
            self.seen[path] = (method, target, headers, body)
        return getattr(self, "path_" + path.strip("/").replace("/", "_").replace("-", "_"), self.path_ok)(
            client, method, headers, body)

    @staticmethod
    def answer(client, code, body=b"", **headers):
        head = [f"HTTP/1.1 {code} X", f"Content-Length: {len(body)}"]
        head += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        client.sendall("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body)
        return True

    def path_ok(self, client, *_):
        return self.answer(client, 200, b"fine", X_One="1")

    def path_headers(self, client, *_):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Twice: a\r\nx-twice:  b \r\nX-Latin: \xe4\xff\r\n"
                       b"Set-Cookie: session=hidden\r\nX-Long: " + b"l" * 2000 + b"\r\n\r\n")
        return True

    def path_endless_headers(self, client, *_):
        client.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            client.sendall(b"X-More: " + b"m" * 1000 + b"\r\n")

    def path_hang(self, client, *_):
        client.recv(1)
        return False

    def path_drip(self, client, *_):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(1000):
            client.sendall(b"d")
            time.sleep(1)
        return False

    def path_huge(self, client, *_):
        return self.answer(client, 200, b"h" * (50 * MIB))

    def path_huge_chunked(self, client, *_):
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(50):
            client.sendall(b"100000\r\n" + b"h" * MIB + b"\r\n")
        client.sendall(b"0\r\n\r\n")
        return True

    def path_loop(self, client, *_):
        return self.answer(client, 302, Location="/loop")

    def path_round(self, client, *_):
        return self.answer(client, 302, Location="/round")

    def path_moved(self, client, *_):
        return self.answer(client, 307, Location="/echo")

    def path_see(self, client, *_):
        return self.answer(client, 303, Location="ok?see=1")

    def path_away(self, client, *_):
        return self.answer(client, 302, Location=self.other)

    def path_to_a_file(self, client, *_):
        return self.answer(client, 302, Location="file:///etc/passwd")

    def path_echo(self, client, method, headers, body):
        return self.answer(client, 200, method.encode() + b" " + body, X_Type=headers.get("content-type", "none"))

    def path_basic(self, client, _method, headers, _body):
        good = headers.get("authorization") == "Basic " + base64.b64encode(b"ann:open sesame").decode()
        return self.answer(client, 200, b"in") if good else self.answer(client, 401, b"who?", WWW_Authenticate="Basic")

    def path_bearer(self, client, _method, headers, _body):
        good = headers.get("authorization") == "Bearer open sesame"
        return self.answer(client, 200, b"in") if good else self.answer(client, 403, b"no")

    def path_gone(self, client, *_):
        return self.answer(client, 404, b"nothing here")

    def path_trouble(self, client, *_):
        return self.answer(client, 503, b"later")

    def path_reset(self, client, *_):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        raise OSError

    def path_cut(self, client, *_):
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        return False

    def path_nothing(self, *_):
        return False

    def path_garbage(self, client, *_):
        client.sendall(b"\x00\xff\x93NUMPY garbage\r\n\r\n\x80")
        return False

    def path_bad_chunk(self, client, *_):
        client.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx")
        return False
