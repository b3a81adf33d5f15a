# SPDX-License-Identifier: Apache-2.0
"""Two controllers with the rights of manifests/ and an API server: one holds the Lease, evaluates, and writes Events that kubectl
describe shows of the rule and of the pod; when it ends the other one has the Lease."""
import json
import os
import signal
import subprocess

import audit
from controller import LOAD, Controller
from kit import TREE, wait
from kube import NAMESPACE, pod
from tap import ok, same

# The test's part of a node: its pods stay.
NODE = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
ACCOUNT = "nametap-controller"
RIGHTS = ("base/namespace.yaml", "base/rbac-controller.yaml", "base/rbac-agent.yaml", "overlays/receivers/events.yaml")
RULE = {"apiVersion": "nametap.io/v1alpha1", "kind": "GlobalAlert", "metadata": {"name": "asked"}, "spec": {
    "summary": "${client_name} asked", "description": "x", "severity": 50, "period": "1s", "lookback": "1s", "dataSet": "dns",
    "aggregateBy": ["client_namespace", "client_name"], "metric": "count", "condition": "gt", "threshold": 0}}


def token(s, account, audience=None, bound=None):
    spec = {"expirationSeconds": 3600, **({"audiences": [audience]} if audience else {})}
    if bound:
        spec["boundObjectRef"] = {"apiVersion": "v1", "kind": "Pod", "name": bound["metadata"]["name"], "uid": bound["metadata"]["uid"]}
    path = f"/api/v1/namespaces/nametap/serviceaccounts/{account}/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
    return json.loads(s.kubectl("create", "--raw", path, "-f", "-", input=json.dumps(request)))["status"]["token"]


def kubeconfig(s, path):
    """That of the controller's account."""
    server = s.kubectl("config", "view", "-o", "jsonpath={.clusters[0].cluster.server}")
    with open(path, "w") as f:
        json.dump({"current-context": "a", "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
                   "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority": f"{s.folder}/pki/ca.crt"}}],
                   "users": [{"name": "u", "user": {"token": token(s, ACCOUNT)}}]}, f)
    return path


def lease(s):
    p = s.kubectl("-n", "nametap", "get", "lease", "nametap-controller", "-o", "json", check=False)
    return json.loads(p.stdout)["spec"] if p.returncode == 0 else {}


def start(s, name, config):
    os.mkdir(f"{s.work}/{name}")
    with open(f"{s.work}/{name}/receivers.yaml", "w") as f:
        json.dump({"receivers": [{"name": "events", "type": "kubernetesEvents"}]}, f)
    c = Controller(f"{s.work}/{name}")
    c.start("--kubeconfig", config, "--alert-delay", "1s", "--receivers", f"{s.work}/{name}/receivers.yaml")
    return c


def here(c):
    return c.api.get("/api/v1/alerts")["evaluator"]["here"]


def lookup(s, k, c, number):
    """The pod asks, as its node's agent says; both are there as far as the API server knows."""
    agent, web = (k.get(n, ns) for n, ns in (("agent-of-n1", "nametap"), ("web", NAMESPACE)))
    p = subprocess.run([LOAD, "--pod", c.url, token(s, "nametap-agent", "nametap-controller", agent), "spool", str(number),
                        NAMESPACE, "web", web["metadata"]["uid"], "10.96.0.10"], capture_output=True, text=True, timeout=90)
    same("a row is taken", p.stdout.split()[1:], ["appended"])


def told(s, name, namespace):
    p = s.kubectl("-n", namespace, "get", "events.events.k8s.io", "-o", "json")
    return [e for e in json.loads(p)["items"] if e["regarding"]["name"] == name and e.get("reportingController") == "nametap.io/controller"]


def events(s, k, c):
    lookup(s, k, c, 1)
    for name, namespace, kind in (("asked", "kube-system", "globalalert"), ("web", NAMESPACE, "pod")):
        found = wait(lambda: told(s, name, namespace), lambda v: len(v) == 2, 60, 0.5)
        same(f"{kind}: that it opened and that it ended", sorted((e["reason"], e["type"]) for e in found),
             [("AlertOpened", "Warning"), ("AlertResolved", "Normal")])
        text = s.kubectl("-n", NAMESPACE, "describe", kind, name)
        ok(f"kubectl describe {kind} shows both", all(w in text for w in ("AlertOpened", "AlertResolved", "asked: web asked")), text)


def tell(s, k):
    for file in RIGHTS:
        s.kubectl("apply", "-f", f"{TREE}/manifests/{file}")
    s.kubectl("apply", "-f", "-", input=json.dumps(RULE))
    k.apply(NODE, pod("agent-of-n1", namespace="nametap", nodeName="n1", serviceAccountName="nametap-agent"), pod("web", nodeName="n1"))
    config = kubeconfig(s, f"{s.work}/controller.conf")
    one = start(s, "one", config)
    two = None
    try:
        ok("a controller takes the Lease", wait(lambda: here(one), bool, 60, 0.3), one.api.get("/api/v1/alerts")["evaluator"])
        two = start(s, "two", config)
        events(s, k, one)
        ok("another one does not", not here(two) and two.api.get("/api/v1/alerts")["evaluator"]["holder"] == lease(s)["holderIdentity"], lease(s))
        same("the holder is ended", one.end(), 0)
        ok("the other one has the Lease", wait(lambda: here(two), bool, 60, 0.3), lease(s))
        same("a transition later", (lease(s)["leaseTransitions"], lease(s)["leaseDurationSeconds"]), (1, 15))
        same("and ends", two.end(), 0)
        same("nobody has it then", lease(s)["holderIdentity"], "")
    finally:
        for c in (one, two):
            if c:
                c.end(signal.SIGKILL)
    asked = audit.asked(f"{s.folder}/log/audit.log", ACCOUNT)
    same("nothing was refused", {k: v for k, v in asked.items() if v & {401, 403}}, {})
    same("Leases and Events: exactly the rights of manifests/", {k for k in asked if k[2] in ("leases", "events")},
         {k for k in audit.allowed(ACCOUNT) if k[2] == "leases"} | {("create", "events.k8s.io", "events")})
    s.kubectl("delete", "globalalert/asked", "node/n1")
    for file in reversed(RIGHTS):
        s.kubectl("delete", "--wait=false", "-f", f"{TREE}/manifests/{file}")
