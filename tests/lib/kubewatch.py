# SPDX-License-Identifier: Apache-2.0
"""Lists and watches of a Kubernetes API on loopback, of objects that the test puts and deletes, in plain HTTP and in the
test's own process. As kube-apiserver says it, as far as it goes: one resourceVersion for all, paged lists, chunks, bookmarks
never, and of field selectors a node's pods. missing: paths that are 404, as on a cluster without them; refused: paths that are 403; held: paths whose lists
have no answer until the path is taken out."""
import http.server
import json
import threading
import time
import urllib.parse

PATHS = {
    "Pod": "/api/v1/pods", "Service": "/api/v1/services", "Endpoints": "/api/v1/endpoints", "Namespace": "/api/v1/namespaces",
    "Node": "/api/v1/nodes", "ReplicaSet": "/apis/apps/v1/replicasets", "Job": "/apis/batch/v1/jobs",
    "EndpointSlice": "/apis/discovery.k8s.io/v1/endpointslices", "DNSPolicy": "/apis/nametap.io/v1alpha1/dnspolicies",
    "GlobalAlert": "/apis/nametap.io/v1alpha1/globalalerts", "DomainFeed": "/apis/nametap.io/v1alpha1/domainfeeds",
}
BETA_SLICES = "/apis/discovery.k8s.io/v1beta1/endpointslices"


def is_selected(o, query):
    node = query.get("fieldSelector", "").removeprefix("spec.nodeName=")
    return not node or o.get("spec", {}).get("nodeName") == node


class Cluster:
    def __init__(self):
        self.change = threading.Condition()  # covers all below
        self.version, self.objects, self.events = 1, {}, []  # events: (version, path, type, object)
        self.missing, self.refused, self.held, self.requests = {BETA_SLICES}, set(), set(), []
        # What a PATCH gets in place of an answer, or 0; the status objects that were written, with their object's name.
        self.patch_answer, self.patched = 0, []
        self.single = {}  # objects that are got by their path, and not listed
        self.ended, self.agent_node = False, "n1"
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        with self.change:
            self.ended = True
            self.change.notify_all()
        self.server.shutdown()
        self.server.server_close()

    def kubeconfig(self, path):
        with open(path, "w") as f:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                       "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}"}}],
                       "users": [{"name": "u", "user": {"token": "of-the-test"}}],
                       "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}, f)
        return path

    def put(self, kind, name, namespace="shop", api_version="v1", labels=None, owner=None, uid=None, annotations=None, **rest):
        """owner: (apiVersion, kind, name, uid). Returns the object's UID."""
        path = PATHS[kind]
        with self.change:
            self.version += 1
            key = (path, namespace, name)
            old = self.objects.get(key)
            meta = {"name": name, "namespace": namespace, "resourceVersion": str(self.version), "labels": labels or {},
                    "uid": uid or (old or {}).get("metadata", {}).get("uid") or f"uid-{name}-{self.version}",
                    "annotations": annotations or {}, "generation": (old or {}).get("metadata", {}).get("generation", 0) + 1,
                    "creationTimestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
            if owner:
                meta["ownerReferences"] = [dict(zip(("apiVersion", "kind", "name", "uid"), owner), controller=True)]
            self.objects[key] = {"kind": kind, "apiVersion": api_version, "metadata": meta, **({"status": old["status"]} if old and "status" in old else {}), **rest}
            self.events.append((self.version, path, "MODIFIED" if old else "ADDED", self.objects[key]))
            self.change.notify_all()
            return meta["uid"]

    def delete(self, kind, name, namespace="shop"):
        with self.change:
            self.version += 1
            path = PATHS[kind]
            gone = self.objects.pop((path, namespace, name))
            gone["metadata"]["resourceVersion"] = str(self.version)
            self.events.append((self.version, path, "DELETED", gone))
            self.change.notify_all()

    def set(self, name, *paths):
        """missing, refused or held from now on."""
        with self.change:
            setattr(self, name, set(paths))
            self.change.notify_all()

    def write_status(self, path, name, patch):
        """Merges a status as a JSON merge patch says; (code, object)."""
        with self.change:
            key = next((k for k in self.objects if k[0] == path and k[2] == name), None)
            if self.patch_answer or not key:
                return self.patch_answer or 404, None
            old = self.objects[key]
            if patch["metadata"].get("resourceVersion", old["metadata"]["resourceVersion"]) != old["metadata"]["resourceVersion"]:
                return 409, None
            self.version += 1
            status = {k: v for k, v in {**old.get("status", {}), **patch["status"]}.items() if v is not None}
            self.objects[key] = {**old, "metadata": {**old["metadata"], "resourceVersion": str(self.version)}, "status": status}
            self.events.append((self.version, path, "MODIFIED", self.objects[key]))
            self.patched.append((name, status))
            self.change.notify_all()
            return 200, self.objects[key]

    def wait_for_request(self, part, seconds=60):
        with self.change:
            return self.change.wait_for(lambda: any(part in r for r in self.requests), seconds)

    # --- the server's side ------------------------------------------------------------------------

    def _list(self, path, query):
        with self.change:
            self.change.wait_for(lambda: path not in self.held or self.ended)
            items = [o for (p, _, _), o in sorted(self.objects.items()) if p == path and is_selected(o, query)]
            first, limit = int(query.get("continue", "0")), int(query.get("limit", len(items) or 1))
            meta = {"resourceVersion": str(self.version)}
            if first + limit < len(items):
                meta["continue"] = str(first + limit)
            return {"kind": "List", "apiVersion": "v1", "metadata": meta, "items": items[first:first + limit]}

    def _next(self, path, query, after, until):
        """The first change of path after that version; None when there is none in time."""
        with self.change:
            find = lambda: next((e for e in self.events
                                 if e[1] == path and e[0] > after and is_selected(e[3], query)), None)
            self.change.wait_for(lambda: find() or self.ended, max(0, until - time.monotonic()))
            return None if self.ended else find()

    def handler(cluster):  # noqa: N805
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self, code, body):
                text = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def refuse(self, code, reason):
                self.answer(code, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                                   "message": f"the test says {reason}", "reason": reason, "code": code})

            def watch(self, path, query):
                after, until = int(query["resourceVersion"]), time.monotonic() + int(query["timeoutSeconds"])
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                while event := cluster._next(path, query, after, until):
                    after = event[0]
                    line = json.dumps({"type": event[2], "object": event[3]}).encode() + b"\n"
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.write(b"0\r\n\r\n")

            def do_POST(self):
                """TokenReview: whoever has a token is the agent of cluster.agent_node."""
                review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self.path.endswith("/tokenreviews"):
                    self.refuse(404, "NotFound")
                    return
                said = {f"authentication.kubernetes.io/{k}": [v] for k, v in
                        {"pod-name": "agent", "pod-uid": "uid-agent", "node-name": cluster.agent_node}.items()}
                user = {"username": "system:serviceaccount:nametap:nametap-agent", "uid": "u", "groups": [], "extra": said}
                self.answer(201, dict(review, status={"authenticated": True, "user": user, "audiences": review["spec"]["audiences"]}))

            def do_PATCH(self):
                patch = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                path, name, subresource = self.path.rsplit("/", 2)
                with cluster.change:
                    cluster.requests.append(f"PATCH {self.path}")
                if subresource != "status" or self.headers["Content-Type"] != "application/merge-patch+json":
                    self.refuse(415, "UnsupportedMediaType")
                    return
                code, o = cluster.write_status(path, name, patch)
                if code == 200:
                    self.answer(200, o)
                else:
                    self.refuse(code, {403: "Forbidden", 404: "NotFound", 409: "Conflict"}.get(code, "InternalError"))

            def one(self, path):
                """The object of that path, of a kind without namespaces; None when there is none."""
                with cluster.change:
                    return next((o for (p, _, name), o in cluster.objects.items() if f"{p}/{name}" == path), None)

            def do_GET(self):
                url = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(url.query))
                with cluster.change:
                    cluster.requests.append(self.path)
                    cluster.change.notify_all()
                    missing, refused = url.path in cluster.missing, url.path in cluster.refused
                if url.path in cluster.single:
                    self.answer(200, cluster.single[url.path])
                elif url.path.rpartition("/")[0] in PATHS.values() and self.one(url.path):
                    self.answer(200, self.one(url.path))
                elif missing or url.path not in (*PATHS.values(), BETA_SLICES):
                    self.refuse(404, "NotFound")
                elif refused:
                    self.refuse(403, "Forbidden")
                elif "watch" in query:
                    self.watch(url.path, query)
                else:
                    self.answer(200, cluster._list(url.path, query))

            def log_message(self, *_):
                pass

            def handle(self):
                try:
                    super().handle()
                except (BrokenPipeError, ConnectionResetError):
                    pass

        return Handler
