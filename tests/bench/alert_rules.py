# SPDX-License-Identifier: Apache-2.0
"""Rules as the teams of a cluster and the people who run it write them: the stock rules of manifests/alerts, varied.
Nine in ten are of one namespace, which is in the query; the others are of the whole cluster."""
import copy
import glob
import os

import yaml

STOCK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../manifests/alerts/dns-*.yaml")
NAMESPACES = 20  # of tests/helpers/agents
PERIODS = ("1m", "1m", "2m", "1m", "5m", "10s")
WORKLOAD = ["client_namespace", "client_workload_kind", "client_workload_name"]
POD = ["client_namespace", "client_name"]


def stock():
    rules = [yaml.safe_load(open(path)) for path in sorted(glob.glob(STOCK))]
    return [r for r in rules if not r["spec"].get("disabled")]


def varied(rule, number, namespace):
    """One more of its kind: other name, threshold, period and grouping."""
    rule = copy.deepcopy(rule)
    spec = rule["spec"]
    rule["metadata"]["name"] += f"-{number}"
    most = 0.9 if spec["metric"] == "ratio" else float("inf")
    spec["threshold"] = min(most, spec["threshold"] * (1 + number % 5))
    long = spec["lookback"].endswith("h")
    spec["period"] = spec["period"] if long else PERIODS[number % len(PERIODS)]
    if spec["period"] == "5m" and spec["lookback"] == "2m":
        spec["lookback"] = "5m"
    if namespace:
        query = spec.get("query", "")
        spec["query"] = f"client_namespace = {namespace}" + (f" AND {query}" if query else "")
    if number % 3 == 0 and spec.get("aggregateBy", [])[:2] == POD:
        spec["aggregateBy"] = WORKLOAD + spec["aggregateBy"][2:]
        spec["summary"] = rule["metadata"]["name"]
    return rule


def rules(count):
    """So many; the stock rules themselves are the first of them."""
    kinds = stock()
    made = list(kinds[:count])
    for n in range(len(made), count):
        made.append(varied(kinds[n % len(kinds)], n, "" if n % 10 == 0 else f"team-{n // len(kinds) % NAMESPACES}"))
    return made


def write(path, count):
    with open(path + ".new", "w") as f:
        yaml.safe_dump_all(rules(count), f)
    os.rename(path + ".new", path)
