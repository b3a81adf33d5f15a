# SPDX-License-Identifier: Apache-2.0
"""A primary CNI plugin's side of a CNI folder: what it wrote last into which file, the many ways in
which such programs write, and whether the folder is as it should be with our entry in it. Knows
nothing of the installer's code: it compares octets with what it wrote itself."""
import json
import os
import shutil
import time

SUFFIXES = (".conf", ".conflist", ".json")
MADE = "-nametap.conflist"


class Primary:
    def __init__(self, folder, random):
        self.folder, self.random, self.count = folder, random, 0
        self.files = {}  # name: octets as this program wrote them last
        self.modes = {}  # name: (mode, uid, gid)
        self.away = {}  # name: octets of what was renamed away

    def path(self, name):
        return f"{self.folder}/{name}"

    # --- what it would write ---

    def layout(self, value):
        r = self.random
        text = json.dumps(value, indent=r.choice([None, 1, 2, 4, "\t"]), ensure_ascii=r.random() < 0.5,
                          separators=r.choice([(",", ":"), (", ", ": "), (" , ", " : ")]))
        if r.random() < 0.2:
            text = text.replace("\n", "\r\n")
        return r.choice(["", " ", "\n"]) * (r.random() < 0.2) + text + r.choice(["", "\n", "\n\n", " \n"])

    def plugin(self):
        r = self.random
        self.count += 1
        p = {"type": r.choice(["bridge", "ptp", "calico", "cilium-cni"]), "n": self.count, "big": 12345678901234567890123,
             "text": "ä\"\\/\n", "list": [1, [], {}, None, True], "type2": "nametap"}
        return dict(r.sample(list(p.items()), len(p)))

    def content(self, name):
        r = self.random
        head = {"cniVersion": r.choice(["0.3.1", "0.4.0", "1.0.0"]), "name": f"net{r.randrange(3)}"}
        if not name.endswith(".conflist"):
            value = {**head, **self.plugin()}
        else:
            value = {**head, "plugins": [self.plugin() for _ in range(r.randint(1, 4))]}
            value = dict(r.sample(list(value.items()), len(value)))
        return self.layout(value).encode()

    # --- ways to write ---

    def wrote(self, name, octets):
        self.files[name] = octets
        st = os.stat(self.path(name))
        self.modes[name] = (st.st_mode & 0o7777, st.st_uid, st.st_gid)

    def replace(self, name):
        """A new file beside it, renamed over."""
        octets = self.content(name)
        tmp = self.path("." + name + ".tmp")
        with open(tmp, "wb") as f:
            os.fchmod(f.fileno(), self.random.choice([0o600, 0o640, 0o644]))
            f.write(octets)
        os.rename(tmp, self.path(name))
        self.wrote(name, octets)

    def in_place(self, name, pause=0.0, halt=0.0):
        """The same file, emptied and written, perhaps slowly, perhaps with a halt in the middle."""
        octets = self.content(name)
        parts = self.random.randint(2, 6) if pause else 1
        cuts = sorted(self.random.sample(range(1, len(octets)), parts - 1))
        with open(self.path(name), "wb", buffering=0) as f:
            for a, b in zip([0] + cuts, cuts + [len(octets)]):
                f.write(octets[a:b])
                time.sleep(self.random.random() * pause)
                if a == 0:
                    time.sleep(halt)
        self.wrote(name, octets)

    def append(self, name):
        """White space at the end, without looking at what is there."""
        with open(self.path(name), "ab", buffering=0) as f:
            f.write(b"\n")
        self.files[name] += b"\n"

    def remove(self, name):
        os.unlink(self.path(name))
        del self.files[name], self.modes[name]

    def rename_away(self, name):
        os.rename(self.path(name), self.path(name + ".bak"))
        self.away[name] = self.files.pop(name), self.modes.pop(name)

    def rename_back(self, name):
        os.rename(self.path(name + ".bak"), self.path(name))
        self.files[name], self.modes[name] = self.away.pop(name)

    def change_mode(self, name):
        mode, uid, gid = self.random.choice([0o600, 0o604, 0o640, 0o644]), self.random.randrange(9), self.random.randrange(9)
        os.chown(self.path(name), uid, gid)
        os.chmod(self.path(name), mode)
        self.modes[name] = (mode, uid, gid)

    def remove_folder(self):
        shutil.rmtree(self.folder)
        os.makedirs(self.folder)
        self.files, self.modes, self.away = {}, {}, {}

    # --- is it right? ---

    def problems(self):
        """What is not as it should be, in words; [] when all is."""
        out = []
        there = sorted(os.listdir(self.folder))
        first = min(self.files, default=None, key=str.encode)
        made = first.rsplit(".", 1)[0] + MADE if first and not first.endswith(".conflist") else None
        for name in self.files:
            if name not in there:
                out.append(f"{name} is gone")
                continue
            out += self.compare(name, needs_ours=name == first and not made)
        if made:
            out += self.compare_made(first, made)
        for name in there:
            if name.endswith(SUFFIXES) and name not in self.files and name != made and not self.is_made_from(name):
                out.append(f"{name} should not be there")
            if name.startswith(".nametap"):
                out.append(f"{name} was left behind")
        return out

    def compare(self, name, needs_ours):
        wanted = self.files[name]
        with open(self.path(name), "rb") as f:
            got = f.read()
        st = os.stat(self.path(name))
        out = []
        if (st.st_mode & 0o7777, st.st_uid, st.st_gid) != self.modes[name]:
            out.append(f"{name}: mode or owner {oct(st.st_mode)} {st.st_uid} {st.st_gid}, not {self.modes[name]}")
        if got == wanted:
            return out + ([f"{name} is first and has no entry of ours"] if needs_ours else [])
        extra = inserted(wanted, got)
        if extra is None:
            return out + [f"{name}: not what was written there, nor that with an entry:\n{wanted!r}\n{got!r}"]
        return out + self.check_entry(name, json.loads(got), json.loads(wanted)["plugins"])

    def check_entry(self, name, value, others):
        plugins = value["plugins"]
        if plugins[:-1] != others or plugins[-1].get("type") != "nametap":
            return [f"{name}: our entry is not the last, or others have changed"]
        return []

    def compare_made(self, source, made):
        """The list beside a .conf: read before it, the plugin's text in it as it is."""
        try:
            with open(self.path(made), "rb") as f:
                got = f.read()
        except OSError as e:
            return [f"{made} is not there: {e}"]
        wanted = json.loads(self.files[source])
        value = json.loads(got)
        out = self.check_entry(made, value, [wanted])
        if self.files[source].strip() not in got or (value["name"], value["cniVersion"]) != (wanted["name"], wanted["cniVersion"]):
            out.append(f"{made} is not made from {source}")
        if not made.encode() < source.encode():
            out.append(f"{made} is not read before {source}")
        return out

    def is_made_from(self, name):
        """A list made from a .conf that is there but not the first; it may stay as long as it is right."""
        for source in self.files:
            if not source.endswith(".conflist") and source.rsplit(".", 1)[0] + MADE == name:
                return not self.compare_made(source, name)
        return False


def inserted(before, after):
    """The one piece that makes `before` into `after`; None when it is not one piece."""
    n = len(after) - len(before)
    p = 0
    while p < len(before) and p < len(after) and before[p] == after[p]:
        p += 1
    return after[p:p + n] if n > 0 and after[p + n:] == before[p:] else None
