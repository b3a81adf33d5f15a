# SPDX-License-Identifier: Apache-2.0
"""Runs in a pod: starts lookups by real resolvers at a steady pace, until SIGTERM. traffic.py PLAN

PLAN is a JSON list of [seconds between, first at, command, ...]. Commands run one after the other
per entry and never twice at the same time; one that takes longer than its pace is not caught up.
On SIGTERM what runs may finish; what does not within 3 s is ended. Says on stdout at the end how
many commands ran, as JSON."""
import json
import signal
import subprocess
import sys
import time

FINISH_SECONDS = 3.0


class Step:
    def __init__(self, every, first, *argv):
        self.every, self.argv, self.process = every, argv, None
        self.due, self.runs = time.monotonic() + first, 0

    def poll(self, now):
        """Seconds until there is something to do."""
        if self.process is not None and self.process.poll() is None:
            return 0.05
        self.process = None
        if now >= self.due:
            self.process = subprocess.Popen(self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            self.runs += 1
            self.due = max(self.due + self.every, now)
        return max(0.0, min(0.05, self.due - now))

    def finish(self, until):
        if self.process is None:
            return
        try:
            self.process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def main():
    stopping = []
    signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
    steps = [Step(*entry) for entry in json.loads(sys.argv[1])]
    while not stopping:
        now = time.monotonic()
        time.sleep(max(0.005, min(step.poll(now) for step in steps)))
    until = time.monotonic() + FINISH_SECONDS
    for step in steps:
        step.finish(until)
    print(json.dumps({"runs": sum(s.runs for s in steps)}), flush=True)


main()
