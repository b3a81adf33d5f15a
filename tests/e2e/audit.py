# SPDX-License-Identifier: Apache-2.0
"""What an account has asked the API server for, by the server's own audit log, and what manifests/base allows it."""
import glob
import json

import yaml

from kit import TREE


def entries(path, account):
    """Of an account in the namespace nametap; a request that goes on (a watch) is there from its beginning."""
    with open(path, errors="replace") as f:
        for line in f:
            if account in line and line.endswith("\n"):
                entry = json.loads(line)
                if entry["user"].get("username") == f"system:serviceaccount:nametap:{account}":
                    yield entry


def asked(path, account):
    """(verb, API group, resource) -> status codes; of resources only, not of what the API is made of."""
    found = {}
    for e in entries(path, account):
        o = e.get("objectRef", {})
        if "resource" in o:
            key = e["verb"], o.get("apiGroup", ""), "/".join(v for v in (o["resource"], o.get("subresource")) if v)
            found.setdefault(key, set()).add(e.get("responseStatus", {}).get("code"))
    return found


def allowed(account):
    """(verb, API group, resource) of the account's rules."""
    found = set()
    for path in glob.glob(f"{TREE}/manifests/base/rbac-*.yaml"):
        with open(path) as f:
            roles = [o for o in yaml.safe_load_all(f) if o["kind"] in ("Role", "ClusterRole") and o["metadata"]["name"] == account]
        found |= {(v, g, r) for o in roles for rule in o["rules"] for v in rule["verbs"] for g in rule["apiGroups"] for r in rule["resources"]}
    return found
