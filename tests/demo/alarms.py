# SPDX-License-Identifier: Apache-2.0
"""Which alert events there must be, by the judge's own count of the packets: reads the GlobalAlert
manifests, counts what they ask for in windows, and holds the API's events against it.

A row bears the time of the first lookup in it, so a lookup may be counted up to one flush interval
early: for each window there is a count that the rule must have reached and one that it may have.
What the demo does not use is refused, not guessed: other metrics than the number of lookups,
queries that are more than `field = value AND ...`."""
import json
import os
import re
from collections import defaultdict
from datetime import datetime, timezone

import verdicts

FLUSH_S = 1.0
# Between the end of a window and what somebody sees who asks now and then: delay, evaluation, asking.
# To it comes the longest that this somebody had to wait for the machine between two looks.
SEEN_WITHIN_S = 6.0
SLACK_S = 0.5
TERM = re.compile(r"(qtype|rcode|verdict|qname) = (\S+)$")
SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(ms|s|m|h)", text).groups()
    return int(number) * SECONDS[unit]


def when(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(timezone.utc).timestamp()


class Rule:
    def __init__(self, o):
        spec = o["spec"]
        self.name, self.threshold = o["metadata"]["name"], spec["threshold"]
        self.period, self.lookback = seconds(spec["period"]), seconds(spec["lookback"])
        terms = [TERM.match(t) for t in spec["query"].split(" AND ")]
        known = (spec["metric"], spec["field"], spec["condition"], spec["aggregateBy"])
        if not all(terms) or known != ("sum", "count", "gte", ["client_namespace", "client_name"]):
            raise ValueError(f"the judge does not know how to count {self.name}")
        self.terms = [t.groups() for t in terms]

    def matches(self, lookup):
        return all(lookup[field].lower() == value.lower() for field, value in self.terms)

    def spells(self, times):
        """[(ends of windows that may have fired, those of them that must have)], one per spell."""
        found = []
        if not times:
            return found
        end = times[0] // self.period * self.period
        last = None
        while end <= times[-1] + self.lookback + self.period:
            low, high = end - self.lookback, end
            if sum(low <= t < high + FLUSH_S for t in times) >= self.threshold:
                if last is None or end - last > self.period * 1.5:
                    found.append(([], []))
                found[-1][0].append(end)
                last = end
                if sum(low + FLUSH_S <= t < high for t in times) >= self.threshold:
                    found[-1][1].append(end)
            end += self.period
        return found

    def within(self, times, spell):
        """Those that a window of the spell may have counted."""
        return [t for t in times if spell[0] - self.lookback <= t < spell[-1] + FLUSH_S]

    def passed(self, times):
        """When the threshold was passed within one lookback, each time."""
        n = int(self.threshold)
        return [b for a, b in zip(times, times[n - 1:]) if b - a <= self.lookback]


class Alarms:
    def __init__(self, evidence, policies, seen):
        self.rules = [Rule(o) for o in verdicts.objects(f"{evidence}/objects", "GlobalAlert")]
        self.policies, self.seen = policies, seen
        self.watched = []  # what somebody saw who asked the API now and then, as it changed
        if os.path.exists(f"{evidence}/events.jsonl"):
            with open(f"{evidence}/events.jsonl") as f:
                self.watched = [json.loads(line) for line in f]

    def times(self, rule):
        """Pod -> times of the lookups that the rule counts."""
        found = defaultdict(list)
        for key, s in self.seen.items():
            for query, reply in s.pairs:
                lookup = {"qname": query.qname, "qtype": query.qtype, "rcode": reply.rcode if reply else "",
                          "verdict": self.policies.judge(key, query.qname)[0]}
                if rule.matches(lookup):
                    found[key].append(query.time)
        return found

    def compare(self, report, api):
        """Returns how many events there are."""
        events = api.get("/api/v1/alerts/events", limit=1000)["events"] if self.rules else []
        listed = {r["name"]: r for r in api.get("/api/v1/alerts")["rules"]} if self.rules else {}
        left = {e["id"]: e for e in events}
        for rule in self.rules:
            if not listed.get(rule.name, {}).get("accepted"):
                report.differ(f"alerts: the rule {rule.name} is not in force: {listed.get(rule.name)}")
            for key, times in self.times(rule).items():
                group = dict(zip(("client_namespace", "client_name"), key.split("/")))
                mine = [e for e in events if e["rule"] == rule.name and e["group"] == group]
                for possible, sure in rule.spells(times):
                    fits = [e for e in mine if possible[0] <= when(e["first_seen"]) <= possible[-1]]
                    if len(fits) > 1 or (sure and not fits):
                        report.differ(f"alerts: {rule.name} of {key}: {len(fits)} events, and one was due")
                    for e in fits:
                        left.pop(e["id"], None)
                        self.compare_event(report, rule, key, e, possible, sure, rule.within(times, possible))
        for e in left.values():
            report.differ(f"alerts: {e['rule']} fired for {e['group']} at {e['first_seen']} without a reason")
        return len(events)

    def compare_event(self, report, rule, key, e, possible, sure, times):
        what, passed = f"alerts: {rule.name} of {key}", rule.passed(times)
        first, last = when(e["first_seen"]), when(e["last_seen"])
        if sure and first > sure[0]:
            report.differ(f"{what}: first seen {first - sure[0]:.1f} s after the window that must have fired")
        if passed and not times[0] < first + SLACK_S <= passed[0] + rule.period + SLACK_S:
            report.differ(f"{what}: first seen {first - passed[0]:.1f} s after the threshold was passed")
        if not (sure or possible)[-1] <= last <= possible[-1]:
            report.differ(f"{what}: last seen at {last}, due between {(sure or possible)[-1]} and {possible[-1]}")
        if e["state"] != "resolved" or not e["resolved"] or \
                not last < when(e["resolved"]) <= possible[-1] + rule.period + SLACK_S:
            report.differ(f"{what}: it is {e['state']}, resolved {e['resolved']}; the last lookup was at {times[-1]}")
        if not rule.threshold <= e["peak"] <= len(times):
            report.differ(f"{what}: its peak is {e['peak']}, {len(times)} lookups were seen")
        self.compare_seen(report, what, e, first, times)

    def compare_seen(self, report, what, e, first, times):
        """It was there to be seen soon after its window, open at first."""
        looks = [w for w in self.watched if w["id"] == e["id"]]
        if [w["state"] for w in looks] != ["open", "resolved"]:
            report.differ(f"{what}: somebody who looked saw it {' '.join(w['state'] for w in looks) or 'never'}")
        elif not times[0] < looks[0]["time"] <= first + SEEN_WITHIN_S + looks[0]["pause"]:
            report.differ(f"{what}: it could be seen {looks[0]['time'] - first:.1f} s after its window, by somebody "
                          f"who looked at least each {looks[0]['pause']:.1f} s")
