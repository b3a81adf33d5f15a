# SPDX-License-Identifier: Apache-2.0
"""Cgroups of a test's own below the machine's cgroup2, one of which plays a node's root."""
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
    """A folder with the machine's name for it; folders below are made as they are asked for."""

    def __init__(self, name):
        self.path = f"{cgroup2()}/{name}"
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
