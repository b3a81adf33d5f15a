# SPDX-License-Identifier: Apache-2.0
"""The real controller on loopback, as a process of the test. BUILD is the build folder."""
import http.client
import os
import re
import signal
import socket
import subprocess

from api import Api

BUILD = os.environ.get("BUILD") or os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../build")
BINARY = os.path.join(BUILD, "nametap-controller")
LOAD = os.path.join(BUILD, "tests/helpers/load")


class Controller:
    """One process at a time on one data folder; the port stays over restarts."""

    def __init__(self, data):
        self.data, self.port, self.process = data, 0, None

    def start(self, *more):
        self.log = open(os.path.join(self.data, "log"), "a+")
        self.process = subprocess.Popen(
            [BINARY, "--data", os.path.join(self.data, "store"), "--listen", f"127.0.0.1:{self.port}", *more],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        m = re.fullmatch(r"listening on (http://127\.0\.0\.1:(\d+)/)\n", line)
        if not m:
            raise RuntimeError(f"no address, but {line!r}; log: {open(self.log.name).read()}")
        self.url, self.port = m.group(1), int(m.group(2))
        self.api = Api(self.url)
        self.token = open(os.path.join(self.data, "store/token")).read().strip()

    def end(self, signal_number=signal.SIGTERM):
        if not self.process:
            return None
        self.process.send_signal(signal_number)
        code = self.process.wait(30)
        self.process.stdout.close()
        self.log.close()
        self.process = None
        return code

    def request(self, method, path, headers=None, body=None):
        """One request as it is written; status, headers, body."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            c.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            headers = {"Host": f"127.0.0.1:{self.port}", **(headers or {})}
            if body is not None:
                headers.setdefault("Content-Length", str(len(body)))
            for k, v in headers.items():
                if v is not None:
                    c.putheader(k, v)
            c.endheaders(body)
            r = c.getresponse()
            return r.status, {k.lower(): v for k, v in r.getheaders()}, r.read()
        finally:
            c.close()

    def raw(self, data, seconds=10):
        """Octets in, octets out until the server closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as s:
            s.sendall(data)
            out = b""
            try:
                while chunk := s.recv(65536):
                    out += chunk
            except (TimeoutError, ConnectionResetError):
                pass
            return out
