# SPDX-License-Identifier: Apache-2.0
"""Who may upload to the controller in a cluster, over its Service and by its published authority, with tokens of the API server's
TokenRequest: each refusal with its status, once in the log, and nothing of it is stored."""
import http.client
import json
import socket
import ssl
import subprocess
import uuid

from kit import BUILD, wait
from kube import pod
from lab import Failed
from tap import ok, same

NAME, PORT, PATH = "nametap-controller.nametap.svc", 8443, "/ingest/v1/batches"
AUDIENCE = "nametap-controller"
MUCH = (64 << 20) + 1
REFUSED, TAKEN, OTHER, FOREIGN = "refused.test", "taken.test", "other-node.test", "foreign.test"


class Uploads:
    def __init__(self, s):
        self.s, self.spool, self.number = s, str(uuid.uuid4()), 0
        self.address = s.nametap.kubectl("get", "service", "nametap-controller", "-o", "jsonpath={.spec.clusterIP}")
        authority = s.nametap.kubectl("get", "configmap", "nametap-ca", "-o", r"jsonpath={.data.ca\.crt}")
        self.tls = ssl.create_default_context(cadata=authority)

    def connect(self):
        return self.tls.wrap_socket(socket.create_connection((self.address, PORT), 60), server_hostname=NAME)

    def send(self, token, body, **more):
        """Status, and the outcome or why."""
        c = http.client.HTTPConnection(NAME, PORT)
        c.sock = self.connect()
        try:
            c.request("POST", PATH, body, {"Authorization": f"Bearer {token}"} if token else {}, **more)
            r = c.getresponse()
            answer = json.loads(r.read())
            return r.status, answer.get("outcome") or answer.get("detail", "")
        finally:
            c.close()

    def token(self, account, bound=None, audience=AUDIENCE):
        """bound: the pod's object."""
        spec = {"audiences": [audience], "expirationSeconds": 600}
        if bound:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": bound["metadata"]["name"], "uid": bound["metadata"]["uid"]}
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = f"/api/v1/namespaces/nametap/serviceaccounts/{account}/token"
        return json.loads(self.s.cluster.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(request)))["status"]["token"]

    def batch(self, qname, node, o):
        """One row: that pod of the node has asked for the name."""
        self.number += 1
        m = o["metadata"]
        words = [node, self.spool, str(self.number), m["namespace"], m["name"], m["uid"], qname]
        return subprocess.run([f"{BUILD}/tests/helpers/load", "--print", *words], check=True, capture_output=True, timeout=60).stdout

    def stored(self, qname):
        return [r["client_name"] for r in self.s.nametap.api.rows(q=f'qname = "{qname}"')]

    def said(self, *words):
        text = self.s.nametap.kubectl("logs", "deploy/nametap-controller")
        return [line for line in text.splitlines() if all(w in line for w in words)]


def forged(token):
    """The same claims, and no signature of the API server's."""
    head, claims, signature = token.split(".")
    return f"{head}.{claims}.{signature[::-1]}"


def tell(s):
    u = Uploads(s)
    (agent,), (controller,) = s.nametap.pods_of("nametap-agent"), s.nametap.pods_of("nametap-controller")
    other = other_nodes_pod(s)
    tokens(u, agent, other, s.pods["uploads"])
    foreign(u, agent, other)
    bodies(u, u.token("nametap-agent", agent), u.batch(REFUSED, "node1", s.pods["uploads"]))
    no_tls(u)
    for cause in ("its token:", "whose token it is:", "its batch:", "a body that is too large:", "no TLS handshake:"):
        same(f"one line in the log: refused for {cause}", len(u.said("is refused for", cause)), 1, *u.said("is refused for"))
    same("nothing of what was refused is stored", u.stored(REFUSED), [])
    unharmed(s, controller)
    s.nametap.kubectl("delete", "pod", other["metadata"]["name"], "--force", "--grace-period=0")


def other_nodes_pod(s):
    """An agent's pod as far as the API server knows, on a node that nobody has."""
    o = pod("agent-of-node2", namespace="nametap", nodeName="node2", serviceAccountName="nametap-agent")
    s.kube.apply(o)
    made = s.kube.get("agent-of-node2", "nametap")
    if not made:
        raise Failed("the API server has no pod of another node")
    return made


def tokens(u, agent, other, client):
    ours, theirs, mine = u.batch(REFUSED, "node1", client), u.token("nametap-agent", other), u.token("nametap-agent", agent)
    taken, others = u.batch(TAKEN, "node1", client), u.batch(OTHER, "node2", other)
    same("the agent's own token: taken, once", [u.send(mine, taken), u.send(mine, taken)], [(200, "appended"), (200, "duplicate")])
    same("and stored", u.stored(TAKEN), [client["metadata"]["name"]])
    same("a token of another node's pod is good for that node", u.send(theirs, others), (200, "appended"))
    for what, status, token, body in (
            ("no token", 401, None, ours), ("a wrong token", 401, "made-up", ours), ("a token that the API server has not signed", 401, forged(mine), ours),
            ("another audience", 401, u.token("nametap-agent", agent, "https://kubernetes.default.svc.cluster.local"), ours),
            ("a token of another node's pod", 403, theirs, ours), ("a batch of another node", 403, mine, u.batch(REFUSED, "node2", other)),
            ("a token that is bound to no pod", 403, u.token("nametap-agent"), ours),
            ("another account's token", 403, u.token("nametap-controller"), ours)):
        refused(u, what, status, token, body)


def foreign(u, agent, other):
    """In a batch of its own node an agent tells of a pod that runs on another one."""
    same("rows of another node's pod: the batch is taken", u.send(u.token("nametap-agent", agent), u.batch(FOREIGN, "node1", other)), (200, "appended"))
    same("and these rows are not in it", u.stored(FOREIGN), [])
    lines = u.said("node node1 sends rows of pod nametap/agent-of-node2", "which runs on node node2")
    same("the log says so, once", len(lines), 1, *lines)


def refused(u, what, status, token, body, **more):
    answers = [u.send(token, body, **more) for _ in range(2)]
    ok(f"{what}: {status}, and why", all(a[0] == status and a[1] for a in answers), *answers)


def bodies(u, token, batch):
    refused(u, "a malformed batch", 400, token, b"this is no batch")
    refused(u, "a batch that is cut", 400, token, batch[:-7])
    head = f"POST {PATH} HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {token}\r\n"
    for what, line in (("by its length", f"Content-Length: {MUCH}"), ("in pieces", "Transfer-Encoding: chunked")):
        with u.connect() as t:
            t.sendall(f"{head}{line}\r\n\r\n".encode())
            ok(f"an oversized batch, {what}: 413", oversized(t, "chunked" in line).startswith(b"HTTP/1.1 413"))


def oversized(t, chunked):
    """What the server answers; chunked, when it has had more than it may take, to the end."""
    if chunked:
        for _ in range((MUCH >> 20) + 1):
            t.sendall(b"100000\r\n" + bytes(1 << 20) + b"\r\n")
        t.sendall(b"0\r\n\r\n")
    return t.recv(4096)


def no_tls(u):
    """There is no status without TLS."""
    got = b""
    with socket.create_connection((u.address, PORT), 60) as c:
        c.sendall(f"POST {PATH} HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 0\r\n\r\n".encode())
        try:
            while chunk := c.recv(4096):
                got += chunk
        except ConnectionResetError:
            pass
    ok("plain HTTP: no answer but TLS's", b"HTTP" not in got, got)
    wait(lambda: u.said("no TLS handshake"), bool, 30, 0.5)


def unharmed(s, before):
    (after,) = s.nametap.pods_of("nametap-controller")
    same("the controller has not been started again", after["status"]["containerStatuses"][0]["restartCount"], 0)
    same("nor is it another one", after["metadata"]["uid"], before["metadata"]["uid"])
    s.starts("after-refusals")
