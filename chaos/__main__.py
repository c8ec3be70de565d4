"""bin/chaos: breaks the app while thousands of jobs run, then says what became of each.

Exit code 0: every promise was kept; 1: one was broken; 2: the run itself failed. The same seed draws the same faults.
"""

import argparse
import random
import shutil
import sys
import threading
import time
import traceback
from importlib.util import find_spec
from pathlib import Path

from app.connections import UNAVAILABLE
from app.record import lines, loads
from app.store import PREFIX
from chaos import faults  # noqa: F401 - has them all
from chaos.client import Client
from chaos.document import DOCS, document, machine
from chaos.fault import FAULTS, Drawn, Skipped, draw
from chaos.fleet import Fleet, new_folder
from chaos.ledger import write
from chaos.reconcile import reconcile

#: Seconds after the last fault for all jobs to end.
WAIT_SECONDS = 240


def main() -> int:
    options = arguments()
    if options.check:
        return tell(options.check, options.document)
    folder = new_folder()
    print(f"seed {options.seed}, {options.minutes:g} minutes, {options.jobs} jobs; the ledger is {folder / 'ledger'}")
    fleet, failed = Fleet(folder, options.lease), []
    try:
        write(fleet.ledger, "setting", **vars(options), follows=bool(find_spec("app.events")), machine=machine())
        run(fleet, options, failed)
    except Exception as error:
        traceback.print_exc()
        failed.append(repr(error))
    finally:
        fleet.end()
    code = tell(fleet.ledger, options.document and not failed)
    for error in failed:
        print(f"The run itself failed: {error}", file=sys.stderr)
    if not (code or failed or options.keep):
        shutil.rmtree(folder)
    return 2 if failed else code


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bin/chaos", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=random.randrange(10_000), help="draws the faults and the jobs")
    parser.add_argument("--minutes", type=float, default=2, help="how long things go wrong")
    parser.add_argument("--jobs", type=int, help="how many are asked for; 600 a minute if not given")
    parser.add_argument("--workers", type=int, default=3, help="dynos, of 4 jobs at a time")
    parser.add_argument("--pause", type=float, default=3, help="seconds from one fault to the next, about")
    parser.add_argument("--lease", type=float, default=8, help="LEASE_SECONDS")
    parser.add_argument("--only", type=lambda text: text.split(","), default=sorted(FAULTS),
                        metavar="FAULT,…", help=", ".join(sorted(FAULTS)))
    parser.add_argument("--keep", action="store_true", help="the ledger and the logs, though nothing is wrong")
    parser.add_argument("--document", action="store_true", help=f"write the table into {DOCS.parent.name}/{DOCS.name}")
    parser.add_argument("--check", type=Path, metavar="LEDGER", help="reconcile the ledger of an earlier run")
    options = parser.parse_args()
    if unknown := set(options.only) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(unknown)}")
    options.jobs = options.jobs or int(600 * options.minutes)
    return options


def run(fleet: Fleet, options: argparse.Namespace, failed: list[str]) -> None:
    fleet.began = time.monotonic()
    fleet.add_web()
    for _ in range(options.workers):
        fleet.add_worker(wait=True)
    seconds = options.minutes * 60
    threading.Thread(target=watch, args=(fleet, failed), daemon=True).start()
    threading.Thread(target=watch_machine, args=(fleet,), daemon=True).start()
    client = Client(fleet, options.seed, options.jobs, seconds)
    client.start()
    break_things(fleet, list(draw(options.seed, seconds, options.pause, options.only)), failed)
    fleet.mend(options.workers)
    client.end()
    failed += client.failed
    wait(fleet)
    fleet.over = True
    for line in records(fleet):
        write(fleet.ledger, "record", **line)


def break_things(fleet: Fleet, drawn: list[Drawn], failed: list[str]) -> None:
    """Each at its time, also while others last; returns when all are over."""
    began, threads = time.monotonic(), []

    def one(fault: Drawn):
        try:
            FAULTS[fault.name](fleet, fault.pick, fault.size)
        except Skipped:
            print(f"{time.monotonic() - fleet.began:7.1f} s  {fault.name}: skipped", flush=True)
        except Exception as error:
            failed.append(f"{fault.name}: {error!r}")

    for fault in drawn:
        time.sleep(max(0, began + fault.at - time.monotonic()))
        threads.append(threading.Thread(target=one, args=(fault,), daemon=True))
        threads[-1].start()
    for thread in threads:
        thread.join()


def watch(fleet: Fleet, failed: list[str]) -> None:
    """A dyno that ends by itself is started again, as the platform does."""
    while not fleet.over:
        before = time.monotonic()
        time.sleep(0.2)
        try:
            for dyno in fleet.replace_crashed():
                write(fleet.ledger, "fault", name="crash", began=before, on=[dyno.name])
                print(f"{before - fleet.began:7.1f} s  {dyno.name} ended by itself", flush=True)
        except Exception as error:
            failed.append(f"a dyno that ended by itself: {error!r}")


def watch_machine(fleet: Fleet) -> None:
    """One that stands still keeps workers from renewing their leases too."""
    while not fleet.over:
        before = time.monotonic()
        time.sleep(0.2)
        if time.monotonic() - before > 1:
            write(fleet.ledger, "fault", name="machine", began=before, on=["all"])


def wait(fleet: Fleet) -> None:
    began = time.monotonic()
    while time.monotonic() - began < WAIT_SECONDS:
        try:
            if not fleet.store.waiting() and not fleet.store.redis.exists(f"{PREFIX}bulks"):
                break
        except UNAVAILABLE:
            pass
        time.sleep(0.5)
    print(f"{time.monotonic() - fleet.began:7.1f} s  {fleet.store.counts()}", flush=True)


def records(fleet: Fleet):
    for id in fleet.store.redis.zrange(f"{PREFIX}all", 0, -1):
        record = fleet.store.get(id)
        if record:
            attempts = lines(record.get("history"))
            yield {"job": id, "kind": record.get("kind"), "state": record["state"], "error": loads(record.get("error")),
                   "attempts": [entry["outcome"] for entry in attempts], "most": int(record.get("max_attempts") or 0),
                   "took": (attempts[-1]["ended_at"] - attempts[-1]["started_at"]) / 1000 if attempts else None,
                   "schedule": record.get("schedule"), "due": int(record.get("due") or 0)}


def tell(ledger: Path, documented: bool) -> int:
    verdict = reconcile(ledger)
    if documented:
        document(DOCS, ledger, verdict)
    width = max(len(name) for name, _ in verdict.rows)
    print("\n".join(f"{name:{width}}  {value}".rstrip() for name, value in verdict.rows))
    for breach in verdict.breaches:
        print(f"BROKEN  {breach}")
    print(verdict.words)
    return 1 if verdict.breaches else 0


if __name__ == "__main__":
    sys.exit(main())
