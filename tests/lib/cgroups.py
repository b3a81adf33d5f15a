# SPDX-License-Identifier: Apache-2.0
"""Cgroups of a test's own below the machine's cgroup2, one of which plays a node's root.

These are outside of the sandbox. Root.remove() takes them away; a test that was killed by SIGKILL leaves
nametap-test-PID there, without a process in it: find /sys/fs/cgroup -depth -path '*/nametap-test-*' -type d
-exec rmdir {} +, when no test is running."""
import os
import subprocess

from api import until


def cgroup2():
    """Where it is mounted; None."""
    for path in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        p = subprocess.run(["stat", "-fc", "%T", path], capture_output=True, text=True)
        if p.stdout.strip() == "cgroup2fs":
            return path
    return None


class Root:
    """nametap-test-PID, with the pid as the machine counts; folders below are made as they are asked for."""

    def __init__(self, word=""):
        """word: where a test has several."""
        top = cgroup2()
        if not top:
            raise OSError("no cgroup2 is mounted")
        self.path = f"{top}/nametap-test-{os.environ['NT_SANDBOX_PID']}{word and '-' + word}"
        os.makedirs(self.path)

    def make(self, name):
        path = f"{self.path}/{name}"
        os.makedirs(path)
        return path

    @staticmethod
    def inside(path, argv):
        """The command line that runs argv in that cgroup."""
        return ["sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', path, *argv]

    def remove(self):
        for path, _, _ in os.walk(self.path, topdown=False):
            until(lambda: not subprocess.run(["rmdir", path], capture_output=True).returncode, 60)
