# SPDX-License-Identifier: Apache-2.0
"""A process tree with its own mounts and pids, so that nothing can stay behind.

run(main) starts this very program again inside a mount namespace and a pid namespace of its own,
with a tmpfs on /run that takes named network namespaces, pins and working files. When that process
ends, in whatever way, the kernel ends its children and drops its mounts, and with the mounts the
network namespaces and their links. Nothing is written to the machine's own file systems, but for
cgroups of tests that need some (cgroups.py): after SIGKILL those stay, as nametap-test-PID.

NT_SANDBOX_PID is a pid, as the machine counts, of a process in these mounts (for nsenter).
main(stop) runs inside; `stop` is a Stop, readable when somebody asked for the end: SIGINT, SIGTERM
or SIGHUP to the outer process, or its death.
"""
import os
import select
import signal
import subprocess
import sys

INSIDE = "NT_SANDBOX_STOP_FD"
WORK = "/run/nametap-demo"
BPFFS = WORK + "/bpf"


class Stop:
    """Becomes readable, for good, when the sandbox is to end."""

    def __init__(self, fd):
        self.fd = fd

    def asked(self, seconds=0.0):
        """Waits up to that long; True as soon as the end was asked for."""
        return bool(select.select([self.fd], [], [], max(0.0, seconds))[0])


def missing(commands=(), files=()):
    """What is not there, in words; the caller prints them and ends."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = lambda c: any(os.access(os.path.join(d, c), os.X_OK) for d in path.split(":") if d)
    problems = []
    if os.geteuid() != 0:
        problems.append("must run as root: it makes network namespaces and loads BPF programs")
    problems += [f"command {c} not found (make deps installs it)" for c in commands if not found(c)]
    problems += [f"{f} not found (make builds it)" for f in files if not os.access(f, os.R_OK)]
    return problems


def run(main, check=lambda: True):
    """Returns main's exit code; called once, at the end of a program. check() is asked first, on the
    machine itself; when it says False (having said why) the exit code is 1."""
    if INSIDE in os.environ:
        return inside(main)
    return outside() if check() else 1


def outside():
    read_end, write_end = os.pipe()
    env = dict(os.environ, **{INSIDE: str(read_end)})
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    env["PATH"] = env.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: ask_to_stop(write_end))
    # A session of its own: the terminal's Ctrl-C comes to this process alone, once.
    child = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "sh", "-c", 'NT_SANDBOX_PID=$$ exec "$@"', "sh",
         "unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", sys.executable, os.path.abspath(sys.argv[0]), *sys.argv[1:]],
        env=env, pass_fds=[read_end], start_new_session=True)
    os.close(read_end)
    return child.wait()


def ask_to_stop(fd):
    try:
        os.write(fd, b"s")
    except OSError:
        pass  # it has ended already


def inside(main):
    fd = int(os.environ.pop(INSIDE))
    os.set_inheritable(fd, False)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # A handler, not SIG_IGN: children would inherit that.
        signal.signal(number, lambda *_: None)
    mount("tmpfs", "tmpfs", "/run", "mode=0755")
    os.makedirs(BPFFS)
    os.makedirs("/run/netns")
    os.makedirs("/run/lock")
    mount("bpf", "bpf", BPFFS, "mode=0700")
    return main(Stop(fd))


def mount(kind, source, target, options):
    p = subprocess.run(["mount", "-t", kind, "-o", options, source, target], capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"cannot mount {kind} at {target}: {p.stderr.strip()}")
