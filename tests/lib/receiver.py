# SPDX-License-Identifier: Apache-2.0
"""A receiver of notices on loopback: what it was asked, and what it took."""
import http.server
import json
import ssl
import threading


class Peer(http.server.ThreadingHTTPServer):
    """A receiver. `answer` is called with each request (headers, body) and gives status, headers and content, or None to hang up."""
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, certificate=None):
        self.requests, self.taken, self.lock = [], [], threading.Lock()
        self.answer = lambda headers, body: (200, {})
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http{'s' if certificate else ''}://127.0.0.1:{self.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(f"{certificate}.crt", f"{certificate}.key")
            self.socket = context.wrap_socket(self.socket, server_side=True)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a killed controller hangs up

    def bodies(self):
        with self.lock:
            return [json.loads(body) for _, _, body in self.requests]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.server.lock:
            self.server.requests.append((self.path, dict(self.headers), body))
        answer = self.server.answer(self.headers, body)
        if answer is None:
            self.close_connection = True
            return
        status, headers, *content = answer
        if 200 <= status < 300:
            with self.server.lock:
                self.server.taken.append((self.headers.get("Idempotency-Key"), body))
        self.send_response(status)
        for k, v in {"Content-Length": "0", **headers}.items():
            self.send_header(k, v)
        self.end_headers()
        for octets in content:
            self.wfile.write(octets)

    def log_message(self, *arguments):
        pass
