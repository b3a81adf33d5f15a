# SPDX-License-Identifier: Apache-2.0
"""TAP lines: ok(what, truth, detail...) prints one; done() is the exit code."""
_failed = 0


def ok(what, truth, *details):
    global _failed
    print(("ok - " if truth else "not ok - ") + what, flush=True)
    if not truth:
        _failed += 1
        for d in details:
            for line in str(d).splitlines()[-60:]:
                print("    # " + line, flush=True)
    return bool(truth)


def same(what, got, wanted, *details):
    return ok(what, got == wanted, f"got    {got!r}", f"wanted {wanted!r}", *details)


def skip(what, why):
    print(f"ok - {what} # SKIP {why}", flush=True)


def done():
    return 1 if _failed else 0
