# SPDX-License-Identifier: Apache-2.0
"""A stand-in for the API server where a test needs its faults, which a real one does not have on demand: HTTPS, and
per request the answer that the file `mode` in its folder names:

    there, deleting, 404, 401, 403, 503   about the DaemonSet nametap/nametap-agent, as kube-apiserver 1.20 says it
    page404    "404 page not found" in plain text       hang   no answer

TokenReviews are answered by the file `tokens` (token: {"aud": [...], "user": {...}}), pods by `pods` ("NAMESPACE/NAME":
{"uid", "node"}); Secrets, ConfigMaps and Leases are kept, with versions and 409, in the file `kept`.

Events that are posted go to the file `events`, one line each, with the status that they got; the file `event-status`
may ask for another one ("429 2": with Retry-After; "shop:403": in that namespace; "lost": it is kept, and the answer is lost;
"page404": there is no events.k8s.io). All requests go to `requests`.

Api is the test's side: it makes certificates and the pod's service account, and runs this program in a namespace; Standin runs it
on a free port of loopback, with a kubeconfig."""
import base64
import http.server
import json
import os
import ssl
import subprocess
import sys
import threading
import time

from certs import self_signed

ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"
NAME = "nametap-agent"
PORT = 6443
KEPT = ("secrets", "configmaps", "leases")


def status(code, reason, message, kind="daemonsets"):
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
            "reason": reason, "details": {"name": NAME, "group": "apps", "kind": kind}, "code": code}


def daemonset(**meta):
    return {"kind": "DaemonSet", "apiVersion": "apps/v1",
            "metadata": {"name": NAME, "namespace": "nametap", "uid": "c84aade3-b649-4c3f-8642-be6f18b7021a", **meta},
            "spec": {}, "status": {}}


ANSWERS = {
    "there": (200, daemonset()),
    "deleting": (200, daemonset(deletionTimestamp="2026-11-26T21:00:00Z", finalizers=["foregroundDeletion"])),
    "404": (404, status(404, "NotFound", f'daemonsets.apps "{NAME}" not found')),
    "401": (401, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "Unauthorized",
                  "reason": "Unauthorized", "code": 401}),
    "403": (403, status(403, "Forbidden", f'daemonsets.apps "{NAME}" is forbidden: User "x" cannot get resource')),
    "503": (503, "apiserver is shutting down\n"),
    "page404": (404, "404 page not found\n"),
}


def lines_of(path):
    try:
        with open(path) as f:
            return [json.loads(l) for l in f if l.endswith("\n")]
    except FileNotFoundError:
        return []


class Api:
    def __init__(self, lab):
        self.lab, self.folder, self.child = lab, f"{lab.work}/kubeapi", None
        os.makedirs(self.folder)
        os.makedirs(ACCOUNT)
        key, crt = f"{self.folder}/tls.key", f"{self.folder}/tls.crt"
        self_signed(crt, key, "kube-apiserver")
        lab.run("cp", crt, f"{ACCOUNT}/ca.crt")
        self.write(f"{ACCOUNT}/token", "a.token.of-the-pod")
        self.mode("there")

    @staticmethod
    def write(path, text):
        with open(path + ".new", "w") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def mode(self, text):
        self.write(f"{self.folder}/mode", text)

    def event_status(self, text):
        self.write(f"{self.folder}/event-status", text)

    def env(self):
        return dict(os.environ, KUBERNETES_SERVICE_HOST="127.0.0.1", KUBERNETES_SERVICE_PORT=str(PORT))

    def start(self):
        self.child = self.lab.spawn("kubeapi", [sys.executable, os.path.abspath(__file__), self.folder], netns=self.lab.node)
        self.lab.wait_for(self.child, "ready")
        os.truncate(self.child.log, 0)

    def kill(self):
        self.lab.end(self.child, 9)

    def lines(self, name):
        return lines_of(f"{self.folder}/{name}")


class Standin:
    """On a free port of loopback; a dead one is started again on the same port."""

    def __init__(self, folder):
        self.folder, self.port, self.process, self.kubeconfig = folder, 0, None, f"{folder}/kubeconfig"
        os.makedirs(folder)
        self_signed(f"{folder}/tls.crt", f"{folder}/tls.key", "kube-apiserver")
        self.mode("there")

    def write(self, name, value):
        Api.write(f"{self.folder}/{name}", value if isinstance(value, str) else json.dumps(value))

    def mode(self, text):
        self.write("mode", text)

    def add_agent(self, token, node):
        """Uploads with that token are those of the node's agent."""
        extra = {f"authentication.kubernetes.io/{k}": [v] for k, v in
                 {"pod-name": "agent", "pod-uid": "uid-agent", "node-name": node}.items()}
        user = {"username": "system:serviceaccount:nametap:nametap-agent", "extra": extra}
        self.write("tokens", {token: {"aud": ["nametap-controller"], "user": user}})

    def start(self):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), self.folder, str(self.port)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.write("kubeconfig", {
            "current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{self.port}", "certificate-authority": "tls.crt"}}],
            "users": [{"name": "u", "user": {"token": "of-the-controller"}}]})

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def read(self, name):
        try:
            with open(f"{self.folder}/{name}") as f:
                return json.load(f)
        except FileNotFoundError:
            return {}

    def lines(self, name):
        return lines_of(f"{self.folder}/{name}")

    def requests(self):
        return self.lines("requests")


# --- the server --------------------------------------------------------------------------------


def serve(folder, port):
    lock, names, kept, version = threading.Lock(), set(), {}, [int(time.time())]

    def note(name, line):
        with lock, open(f"{folder}/{name}", "a") as f:
            f.write(json.dumps(line) + "\n")

    def read(name, default=""):
        try:
            with open(f"{folder}/{name}") as f:
                return f.read().strip()
        except FileNotFoundError:
            return default

    kept.update(json.loads(read("kept", "{}")))

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, code, body, **headers):
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(code)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(text)))
            for k, v in headers.items():
                self.send_header(k.replace("_", "-"), v)
            self.end_headers()
            self.wfile.write(text)

        def keep(self, key, obj):
            """The lock is held."""
            version[0] += 1
            obj["metadata"]["resourceVersion"] = str(version[0])
            for k, v in obj.pop("stringData", {}).items():
                obj.setdefault("data", {})[k] = base64.b64encode(v.encode()).decode()
            kept[key] = obj
            with open(f"{folder}/kept.new", "w") as f:
                json.dump(kept, f)
            os.rename(f"{folder}/kept.new", f"{folder}/kept")

        def get_object(self, kind, namespace, name):
            if kind == "pods":
                pod = json.loads(read("pods", "{}")).get(f"{namespace}/{name}")
                obj = pod and {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": name, "namespace": namespace, "uid": pod["uid"]},
                               "spec": {"nodeName": pod["node"]}}
            else:
                with lock:
                    obj = kept.get(f"{kind}/{namespace}/{name}")
            self.answer(*((200, obj) if obj else (404, status(404, "NotFound", f'{kind} "{name}" not found', kind))))

        def review(self, body):
            token, wanted = body["spec"]["token"], body["spec"]["audiences"]
            known = json.loads(read("tokens", "{}")).get(token)
            said = {"error": "[invalid bearer token, Token has been invalidated]"} if not known else \
                {"error": f"[invalid bearer token, token audiences {known['aud']} is invalid for the target audiences {wanted}]"}
            if known and known["aud"] is None:
                said = {"authenticated": True, "user": known["user"]}
            elif known and set(known["aud"]) & set(wanted):
                said = {"authenticated": True, "user": known["user"], "audiences": sorted(set(known["aud"]) & set(wanted))}
            body["spec"] = {"token": token, "audiences": wanted}
            self.answer(201, dict(body, metadata={"creationTimestamp": None}, status=said))

        def body(self):
            return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

        def faulty(self, mode):
            """The modes that concern every request."""
            if mode == "hang":
                time.sleep(60)
            elif mode in ("401", "403", "503"):
                self.answer(*ANSWERS[mode])
            return mode in ("hang", "401", "403", "503")

        def note_write(self, method, obj, mode):
            holder = {"holder": obj["spec"]["holderIdentity"]} if obj["kind"] == "Lease" else {}
            note("requests", {"t": time.time(), "method": method, "path": self.path, "mode": mode, **holder})

        def do_PUT(self):
            obj, parts, mode = self.body(), self.path.split("/"), read("mode")
            self.note_write("PUT", obj, mode)
            if self.faulty(mode):
                return
            key = "/".join((parts[-2], parts[-3], parts[-1]))
            with lock:
                good = key in kept and kept[key]["metadata"]["resourceVersion"] == obj["metadata"].get("resourceVersion")
                if good:
                    self.keep(key, obj)
            self.answer(*((200, obj) if good else (409, status(409, "Conflict", "the object has been modified", parts[-2]))))

        def create(self, obj, kind, namespace):
            key = f"{kind}/{namespace}/{obj['metadata']['name']}"
            with lock:
                fresh = key not in kept
                if fresh:
                    self.keep(key, obj)
            self.answer(*((201, obj) if fresh else (409, status(409, "AlreadyExists", f"{key} already exists", kind))))

        def do_GET(self):
            mode = read("mode")
            parts = self.path.split("/")
            note("requests", {"t": time.time(), "method": "GET", "path": self.path, "mode": mode,
                              "token": self.headers.get("Authorization", "")})
            if mode == "hang":
                time.sleep(60)
                return
            if mode == "there" and len(parts) > 6 and parts[-2] in ("pods", *KEPT):
                self.get_object(parts[-2], parts[-3], parts[-1])
                return
            if mode in ("there", "deleting") and self.path != f"/apis/apps/v1/namespaces/nametap/daemonsets/{NAME}":
                self.answer(*ANSWERS["page404"])
                return
            self.answer(*ANSWERS[mode])

        def do_POST(self):
            body, parts, mode = self.body(), self.path.split("/"), read("mode")
            if parts[-1] in ("tokenreviews", *KEPT):
                self.note_write("POST", body, mode)
                if self.faulty(mode):
                    return
                if parts[-1] == "tokenreviews":
                    self.review(body)
                else:
                    self.create(body, parts[-1], parts[-2])
                return
            self.post_event(body, parts)

        def post_event(self, body, parts):
            wanted = read("event-status").split() or ["201"]
            namespace, _, code = wanted[0].rpartition(":")
            if namespace not in ("", parts[-2]) or (code == "page404" and parts[2] != "events.k8s.io"):
                code = "201"
            lost, code = code == "lost", "201" if code == "lost" else code
            name, more = (parts[-2], body["metadata"]["name"]), {"Retry_After": wanted[1]} if len(wanted) > 1 else {}
            with lock:
                code = 409 if code == "201" and name in names else 404 if code == "page404" else int(code)
                if code == 201:
                    names.add(name)
            note("events", {"t": time.time(), "path": self.path, "status": code, "event": body})
            if lost:
                self.close_connection = True
            elif wanted[0] == "page404" and code == 404:
                self.answer(*ANSWERS["page404"])
            else:
                self.answer(code, body if code == 201 else {"kind": "Status", "message": f"says {code}", "reason": "x"}, **more)

        def log_message(self, *_):
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        allow_reuse_address = True

        def get_request(self):
            # The handshake belongs to the connection's own thread.
            fd, who = self.socket.accept()
            return context.wrap_socket(fd, server_side=True, do_handshake_on_connect=False), who

        def handle_error(self, *_):
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/tls.crt", f"{folder}/tls.key")
    server = Server(("127.0.0.1", port), Handler)
    print("ready", server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else PORT)
