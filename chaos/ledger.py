"""One file, a line of JSON for each thing that happened; every process appends to it.

Each line has `at`, seconds on the monotonic clock, which all processes of a machine share and no fault steps, and
`what`:

    start alive end broke     of a run: job, run, dyno, pid, attempt
    accepted                  by an answer of the API: job, kind, sent (the first time), delay, fails, lane, to (whom an
                              email goes)
    cancel                    as answered: job, sent, state ("cancelled", "running", "refused")
    mail                      the mail server said yes: job, to
    fault                     one that ends: name, began, on (dynos, or "redis"), felt (for so long afterwards)
    record                    in the end: job, kind, state, error, attempts (how each ended), most, took (seconds of the
                              last attempt), schedule and due (ms since 1970) if one made it
    setting                   lease, follows (whether a job may start when another ends), seed, minutes, machine …
"""

import json
import os
import time
from functools import lru_cache
from pathlib import Path


@lru_cache
def _file(path: str, pid: int) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def write(path: str | Path, what: str, /, **fields) -> None:
    """In one write, so that lines of several processes do not mix, and none is half there when one is killed."""
    line = json.dumps({"at": round(time.monotonic(), 3), "what": what, **fields})
    os.write(_file(str(path), os.getpid()), line.encode() + b"\n")


def read(path: str | Path) -> list[dict]:
    with open(path) as file:
        return sorted(map(json.loads, file), key=lambda line: line["at"])
