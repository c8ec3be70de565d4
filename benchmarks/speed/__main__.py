"""python -m benchmarks.speed: see the package."""

import argparse
from importlib import import_module

from benchmarks.peers import ROOT
from benchmarks.peers.install import install
from benchmarks.tables import machine, put

DOCS = ROOT / "docs" / "speed.md"
PARTS = ("jobs", "accept", "due", "delayed", "rest")


def main():
    options = argparse.ArgumentParser(prog="python -m benchmarks.speed")
    options.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all, if none is named")
    options.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    options.add_argument("--most", type=int, default=1_000_000, help="jobs for later, at most")
    options.add_argument("--others", type=int, default=1_000_000, help="of another queue than ours")
    options.add_argument("--print", action="store_true", help="write nothing into docs/")
    options = options.parse_args()
    install()
    for part in options.parts or PARTS:
        module = import_module(f"benchmarks.speed.{part}")
        found = module.measure(options)
        tables = module.report(found)
        print("\n\n".join(tables.values()), flush=True)
        if not options.print:
            put(DOCS, **tables, **{f"machine of {part}": machine()})
            if hasattr(module, "draw"):
                module.draw(found)


if __name__ == "__main__":
    main()
