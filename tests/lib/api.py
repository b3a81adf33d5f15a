# SPDX-License-Identifier: Apache-2.0
"""The controller's API as a client sees it (api/openapi.yaml), GET only; figures() of a page of metrics, anybody's."""
import json
import time
import urllib.error
import urllib.parse
import urllib.request

PAGE = 1000


class Api:
    def __init__(self, url, host=None):
        """host: the server's own name and port, where a tunnel leads there from another one."""
        self.url, self.headers = url.rstrip("/"), {"Host": host} if host else {}

    def open(self, path, timeout):
        return urllib.request.urlopen(urllib.request.Request(self.url + path, headers=self.headers), timeout=timeout)

    def get(self, path, **parameters):
        text = urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None})
        with self.open(f"{path}{'?' + text if text else ''}", 30) as r:
            return json.loads(r.read())

    def rows(self, **parameters):
        """All rows, page by page, of both ends and every role unless told otherwise."""
        parameters = {"side": "any", "role": "any", "from": "now-24h", "to": "now", "limit": PAGE, **parameters}
        cursor, rows = None, []
        while True:
            page = self.get("/api/v1/logs", cursor=cursor, **parameters)
            rows += page["rows"]
            cursor = page["next_cursor"]
            if not cursor:
                return [r["record"] for r in rows]

    def metrics(self):
        with self.open("/metrics", 30) as r:
            return figures(r.read().decode())

    def healthy(self):
        try:
            with self.open("/healthz", 2) as r:
                return r.status == 200
        except (OSError, urllib.error.URLError):
            return False


def figures(text):
    """What is on a page of metrics, by name and labels."""
    pairs = (l.rsplit(" ", 1) for l in text.splitlines() if l and not l.startswith("#"))
    return {name: int(value) if value.isdigit() else float(value) for name, value in pairs}


def until(condition, seconds, pause=0.1):
    """Asks again and again, at most so long; what the condition said last."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(pause)
