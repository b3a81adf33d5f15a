# SPDX-License-Identifier: Apache-2.0
"""The kit that brings real runtimes, ../shared/cluster beside the repository: a cluster for one test,
podman in namespaces of its own, libcni's cnitool.

Whatever becomes of the test, a Guard takes down what it made: a process in a session of its own that
sees a pipe close when the test ends without having said that it has cleaned up."""
import contextlib
import ctypes
import glob
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))
sys.dont_write_bytecode = True
import leftovers  # noqa: E402
import sandbox  # noqa: E402
import tap  # noqa: E402
from lab import TREE, Failed  # noqa: E402

KIT = os.environ.get("CLUSTER_KIT") or os.path.join(TREE, "../shared/cluster")
STATE = os.environ.get("CLUSTER_STATE") or "/var/cache/kube-node"
CNITOOL = f"{STATE}/bin/cnitool"
BUILD = os.path.abspath(os.environ.get("BUILD") or f"{TREE}/build")
OURS = [f"{BUILD}/{n}" for n in ("nametap", "nametap-agent", "nametap-controller")]
CLONE_NEWNET = 0x40000000
INSIDE = "NT_E2E_STOP_FD"
# Until something is there that comes in one when all goes well.
SECONDS = 60


class Ended(Exception):
    """Somebody asked for the end of the test: no part of it goes on."""


class Guard:
    """Runs a line of shell when this process ends, even by SIGKILL, before done() was called."""

    def __init__(self, script, *words):
        self.process = subprocess.Popen(
            ["sh", "-c", f'read -r said; [ "$said" = done ] || {{ {script}; }}', "guard", *words],
            stdin=subprocess.PIPE, start_new_session=True)

    def done(self):
        self.process.communicate(b"done\n")


def work_folder():
    return tempfile.mkdtemp(prefix="nametap-e2e.", dir=os.environ.get("TMPDIR") or "/tmp")


def end_by_exception():
    """So that SIGTERM and the like go through every `finally`."""
    def stop(number, _frame):
        for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(n, signal.SIG_IGN)  # one is enough; what follows is taking down
        raise Ended(signal.Signals(number).name)
    for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(n, stop)


def ready(*commands):
    """Are there the kit and all that a test needs? False, having said so; without the kit it is a skip."""
    name = os.path.basename(sys.argv[0])
    if not os.path.exists(f"{KIT}/up"):
        tap.skip(name, f"no {KIT}")
        return False
    problems = sandbox.missing(commands, OURS)
    for p in problems:
        tap.ok(f"prerequisites of {name}", False, p)
    return not problems


def tool(*argv, check=True, timeout=900, **kw):
    """A program of the kit; what it printed."""
    p = subprocess.run([f"{KIT}/{argv[0]}", *argv[1:]], capture_output=True, text=True, timeout=timeout, **kw)
    if check and p.returncode:
        raise Failed(f"{' '.join(argv)}: {(p.stderr + p.stdout)[-3000:].strip()}")
    return p.stdout if check else p


def children(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as f:
            return [int(c) for c in f.read().split()]
    except OSError:
        return []


class Cluster:
    """A cluster from `up` to `down`, for a with statement. Inside, the calling thread is in the node's
    network namespace, so that what listens there on 127.0.0.1 can be asked.

    base: ptp or bridge; entries: CHAINED, a text of JSON objects; plugins: files for the node's /opt/cni/bin; makes: folders
    of the machine that come with the test and go with it. folder is the cluster's (conflists in cni/net.d), work one of the
    test that the node sees, too."""

    def __init__(self, base="ptp", entries="", plugins=(), makes=(), **environment):
        self.makes = list(makes)
        self.env = dict(os.environ, BASE=base, CHAINED=entries, PLUGINS=" ".join(plugins), **environment)
        self.mark = self.env[leftovers.MARK] = leftovers.mark()

    def __enter__(self):
        there = [f for f in self.makes if os.path.exists(f)]
        if there:
            raise Failed(f"{', '.join(there)}: is nametap in use on this machine? The test would remove that")
        os.environ[leftovers.MARK] = self.mark  # of all that the test starts, too
        self.work = work_folder()
        self.folder = f"{self.work}/cluster"
        # `up` must not outlive the test either: told so, it takes down what it has made so far.
        self.guard = Guard('sleep 1; for i in $(seq 60); do "$1/down" && break; sleep 1; done; shift; rm -rf "$@"', KIT,
                           self.work, *self.makes)
        self.home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self.watch = leftovers.Watch(self.mark)
        try:
            p = subprocess.run(["setpriv", "--pdeathsig", "TERM", f"{KIT}/up", self.folder], env=self.env, text=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if p.returncode:
                raise Failed(f"up: {p.stdout[-3000:]}")
            self.enter_network(f"/proc/{self.node_pid()}/ns/net")
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *_):
        self.enter_network(self.home)
        down = tool("down", check=False)
        if os.environ.get("NT_E2E_KEEP"):
            print(f"# kept: {self.work}", flush=True)
        else:
            shutil.rmtree(self.work, ignore_errors=True)
        for f in self.makes:
            shutil.rmtree(f, ignore_errors=True)
        self.guard.done()
        problems = [] if down.returncode == 0 and "left behind" not in down.stdout else [down.stdout + down.stderr]
        problems += self.left()
        tap.ok("the cluster is down and nothing is left", not problems, *problems)

    def left(self, seconds=20.0):
        """What is still there that was not before, in words: only what is the test's own, others use this machine."""
        def look():
            alive = leftovers.processes(self.mark)
            alive.pop(os.getpid(), None)
            return [f"process {pid} {name}" for pid, name in alive.items()]
        problems = wait(lambda: (look() or None, "none"), lambda v: v[0] is None, seconds)[0] or []
        problems += [f"BPF map {m}" for m in wait(self.watch.left, lambda v: not v, seconds)]
        return problems + [f"{p} exists" for p in ("/run/nametap", "/sys/fs/bpf/nametap", "/usr/lib/cni/nametap", "/var/lib/nametap", self.work)
                           if os.path.exists(p) and not os.environ.get("NT_E2E_KEEP")]

    def node_pid(self):
        with open(f"{self.folder}/run/unshare.pid") as f:
            return children(int(f.read()))[0]

    @staticmethod
    def enter_network(where):
        fd = where if isinstance(where, int) else os.open(where, os.O_RDONLY)
        if ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET):
            raise Failed(f"cannot enter a network namespace: {os.strerror(ctypes.get_errno())}")
        os.close(fd)

    is_kit = True
    kubectl_words = [f"{KIT}/kubectl"]

    def kubectl(self, *argv, **kw):
        return tool("kubectl", *argv, **kw)

    def exec(self, *argv, **kw):
        return tool("exec", *argv, **kw)

    def load(self, tar):
        """An image, under the names that are in it."""
        with open(tar, "rb") as f:
            self.exec("ctr", "-n", "k8s.io", "images", "import", "-", stdin=f)

    @property
    def conflist(self):
        """The first by name, which is the one that counts."""
        return min(glob.glob(f"{self.folder}/cni/net.d/*.conflist"))


def wait(value, good, seconds=SECONDS, pause=0.1):
    """value() again and again until it is good, at most so long; the last one."""
    import time
    end = time.monotonic() + seconds
    while True:
        v = value()
        if good(v) or time.monotonic() > end:
            return v
        time.sleep(pause)


@contextlib.contextmanager
def told(what):
    """A failure inside becomes a line of its own, and the rest of the test goes on."""
    try:
        yield
    except (Failed, subprocess.SubprocessError, OSError, LookupError, TypeError, ValueError) as e:
        tap.ok(f"{what} ({type(e).__name__})", False, traceback.format_exc())


# --- podman ---------------------------------------------------------------------------------------
def with_podman(story, entries, commands=()):
    """Runs story(folder) inside of `podman-cni`, where podman uses CNI; exit code. entries: CHAINED. The
    story runs in mount, pid and network namespaces that end with it, and /sys/fs/bpf there is its own."""
    if INSIDE in os.environ:
        return inside_podman(story)
    if not ready("unshare", "setpriv", *commands):
        return tap.done()
    end_by_exception()
    work, mark = work_folder(), leftovers.mark()
    read_end, write_end = os.pipe()
    # When this process ends, so does the story (by the pipe), and then the kit's script cleans up its part.
    guard = Guard('for i in $(seq 300); do grep -qs "$1" /proc/[0-9]*/environ || break; sleep .2; done; rm -rf "$2"', mark, work)
    env = dict(os.environ, PLUGINS=f"{BUILD}/nametap", CHAINED=entries, **{INSIDE: str(read_end), leftovers.MARK: mark})
    watch = leftovers.Watch(mark)
    code = 1
    script = subprocess.Popen([f"{KIT}/podman-cni", work, sys.executable, os.path.abspath(sys.argv[0])], env=env,
                              pass_fds=[read_end], stdin=subprocess.DEVNULL)
    try:
        code = script.wait()
    except Ended as e:
        tap.ok("podman's story is told to its end", False, f"ended by {e}")
    finally:
        os.close(write_end)
        script.wait()
        left = wait(lambda: leftovers.processes(mark), lambda v: not v, 30)
        shutil.rmtree(work, ignore_errors=True)
        guard.done()
    problems = [f"process {pid} {name}" for pid, name in left.items()]
    problems += [f"BPF map {m}" for m in wait(watch.left, lambda v: not v, 20)]
    problems += [p for p in (work, "/run/nametap", "/sys/fs/bpf/nametap", *libpod_cgroups()) if os.path.exists(p)]
    tap.ok("podman is gone and nothing is left", not problems, *problems)
    return code or tap.done()


def libpod_cgroups():
    return ["/sys/fs/cgroup/libpod_parent", "/sys/fs/cgroup/pids/libpod_parent"]


def inside_podman(story):
    import threading
    fd = int(os.environ.pop(INSIDE))
    os.set_inheritable(fd, False)

    def end_with_outer():
        os.read(fd, 1)
        os._exit(1)  # pid 1 of this namespace ends with us, and all the rest with it
    threading.Thread(target=end_with_outer, daemon=True).start()
    sandbox.mount("bpf", "bpf", "/sys/fs/bpf", "mode=0700")
    with told("podman's story is told to its end"):
        story(os.path.dirname(os.environ["ROOTFS"]))
    return tap.done()
