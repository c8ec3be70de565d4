"""What a queue's own process does: python -m benchmarks.peers NAME enqueue COUNT JOB [ARGUMENT …]

Or NAME schedule COUNT AT [OVER]: no-ops due at AT (seconds since 1970), evenly over so many seconds.
"""

import importlib
import json
import sys
import time

import psutil


def main(name: str, what: str, *arguments: str):
    module = importlib.import_module(f"benchmarks.peers.{name}")
    at, began = time.time(), time.perf_counter()
    if what == "enqueue":
        count, job, *rest = arguments
        module.enqueue(int(count), job, *map(float, rest))
    else:
        count, at, over = [*arguments, "0"][:3]
        module.schedule(int(count), float(at), float(over))
    seconds = time.perf_counter() - began
    print(json.dumps({"at": at, "seconds": seconds, "rss": psutil.Process().memory_info().rss}))


if __name__ == "__main__":
    main(*sys.argv[1:])
