# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the controller where a test needs its faults: takes uploads of the agent, stores
each body once per (spool, seq), and misbehaves when told to.

sink.fault: None, "500" (stored nowhere), "late500" (stored, then 500: the agent sends it again),
"hang" (no answer), "401", "old" (knows no batch of this version), "413" (refused for ever; for the
next `fault_count` uploads). sink.node: takes batches of this node only, as from an agent whose token says
so; None: of any.
"""
import http.server
import json
import os
import ssl
import subprocess
import threading
import time


class Sink:
    def __init__(self, folder, batchdump, token=None, tls=None):
        """tls: certificate and key, files in PEM; None: plain HTTP."""
        self.folder, self.batchdump, self.token = folder, batchdump, token
        self.fault, self.fault_count, self.node, self.foreign = None, 0, None, 0
        self.seen, self.uploads, self.duplicates, self.bad = {}, 0, 0, []
        self.lock = threading.Lock()
        os.makedirs(folder, exist_ok=True)
        sink = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                sink.post(self)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # a client that goes in the middle
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # The handshake belongs to the connection's own thread.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def post(self, h):
        body = h.rfile.read(int(h.headers["Content-Length"]))
        with self.lock:
            status, answer = self.take(h, body)
        if status is None:
            time.sleep(5)
            h.close_connection = True
            return
        text = json.dumps(answer).encode()
        h.send_response(status)
        h.send_header("Content-Type", "application/json")
        h.send_header("Content-Length", str(len(text)))
        h.end_headers()
        h.wfile.write(text)

    def take(self, h, body):
        self.uploads += 1
        fault = self.fault
        if fault and self.fault_count:
            self.fault_count -= 1
            self.fault = fault if self.fault_count else None
        if h.path != "/ingest/v1/batches" or h.headers["Content-Type"] != "application/x-nametap-batch":
            self.bad.append((h.path, h.headers["Content-Type"]))
            return 404, {}
        if self.token and h.headers["Authorization"] != "Bearer " + self.token or fault == "401":
            return 401, {"error": "token"}
        if fault == "500":
            return 500, {}
        if fault == "old":
            return 400, {"detail": "batch: version 2 is not known here, only 1"}
        if fault == "413":
            return 413, {"error": "too large"}
        lines = self.decode(body)
        if lines and self.node not in (None, lines[0]["batch"]["node"]):
            self.foreign += 1
            return 403, {"detail": f"a batch of node {lines[0]['batch']['node']} by an agent on node {self.node}"}
        outcome = self.store(lines)
        if fault == "hang":
            return None, None
        return (500 if fault == "late500" else 200), {"outcome": outcome}

    def decode(self, body):
        path = f"{self.folder}/upload-{self.uploads:06d}"
        with open(path, "wb") as f:
            f.write(body)
        p = subprocess.run([self.batchdump, path], capture_output=True, text=True)
        if p.returncode:
            self.bad.append(p.stderr)
            return None
        return [json.loads(l) for l in p.stdout.splitlines()]

    def store(self, lines):
        if not lines:
            return "bad"
        head = lines[0]["batch"]
        key = (head["spool"], head["seq"])
        if key in self.seen:
            self.duplicates += 1
            return "duplicate"
        self.seen[key] = lines
        return "appended"

    def lines(self, kind):
        """All records, endpoints, ranges or batches, in the order of their arrival."""
        with self.lock:
            return [l[kind] for batch in self.seen.values() for l in batch if kind in l]

    def totals(self):
        """Per (namespace, pod): packets in LOG rows of either side, and UNLOGGED by reason."""
        logged, unlogged = {}, {}
        for r in self.lines("record"):
            if r["type"] == "UNLOGGED":
                reasons = unlogged.setdefault((r.get("client_namespace"), r.get("client_name")), {})
                reasons[r["reason"]] = reasons.get(r["reason"], 0) + r["count"]
                continue
            who = (r.get("client_namespace"), r.get("client_name"))
            if r["side"] == "server":
                who = (r["servers"][0].get("namespace"), r["servers"][0]["name"])
            logged[who] = logged.get(who, 0) + r.get("queries", 0) + r.get("replies", 0)
        return logged, unlogged

    def close(self):
        self.server.shutdown()
        self.server.server_close()
