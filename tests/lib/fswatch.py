# SPDX-License-Identifier: Apache-2.0
"""Who changes what in the file systems of this mount namespace: fanotify on each of them, by process and path. What cannot be
watched (bpffs, proc, sysfs) is named in `blind`."""
import ctypes
import os
import struct

LIBC = ctypes.CDLL(None, use_errno=True)
INIT = 0x1 | 0x2 | 0x400 | 0x800  # CLOEXEC, NONBLOCK, REPORT_DIR_FID, REPORT_NAME
UNLIMITED = 0x10 | 0x20  # queue and marks
ADD_FILESYSTEM = 0x1 | 0x100
# modify, attrib, moved from and to, create, delete, and the same of folders
EVENTS = 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200 | 0x40000000
AT_FDCWD = -100
OVERFLOW = 0x4000


class Watch:
    def __init__(self):
        self.fd = LIBC.fanotify_init(INIT | UNLIMITED, os.O_RDONLY)
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), "fanotify_init")
        self.mounts, self.blind = {}, []
        with open("/proc/self/mounts", encoding="utf-8") as f:
            points = [line.split()[1].encode().decode("unicode_escape") for line in f]
        for point in dict.fromkeys(points):
            self.mark(point)

    def mark(self, point):
        try:
            fsid = os.statvfs(point).f_fsid & (2 ** 64 - 1)
        except OSError:
            return
        if fsid in self.mounts:
            return
        if LIBC.fanotify_mark(self.fd, ADD_FILESYSTEM, ctypes.c_uint64(EVENTS), AT_FDCWD, point.encode()):
            self.blind.append(point)
            return
        self.mounts[fsid] = os.open(point, os.O_RDONLY | os.O_DIRECTORY) if os.path.isdir(point) else -1

    def path_of(self, fsid, handle, name):
        fd = LIBC.open_by_handle_at(self.mounts.get(fsid, -1), handle, os.O_PATH | os.O_CLOEXEC)
        if fd < 0:
            return f"?/{name}"
        try:
            return os.path.normpath(f"{os.readlink(f'/proc/self/fd/{fd}')}/{name}")
        finally:
            os.close(fd)

    def take(self):
        """(pid, path) of what changed since the last call; pid 0: a process outside of this pid namespace."""
        out = []
        while True:
            try:
                octets = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return out
            at = 0
            while at < len(octets):
                length, _, _, head, mask, _, pid = struct.unpack_from("=IBBHQii", octets, at)
                if mask & OVERFLOW:
                    raise RuntimeError("the watch lost events")
                _, _, size = struct.unpack_from("=BBH", octets, at + head)
                fsid = int.from_bytes(octets[at + head + 4:at + head + 12], "little")
                handle_len, = struct.unpack_from("=I", octets, at + head + 12)
                handle = octets[at + head + 12:at + head + 20 + handle_len]
                name = octets[at + head + 20 + handle_len:at + head + size].split(b"\0")[0].decode(errors="replace")
                out.append((pid, self.path_of(fsid, handle, name)))
                at += length

    def close(self):
        os.close(self.fd)
        for fd in self.mounts.values():
            if fd >= 0:
                os.close(fd)
