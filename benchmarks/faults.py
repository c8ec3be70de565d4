"""What becomes of jobs when the processes of their worker end: python -m benchmarks.faults [--rounds 2]

Ten jobs of 3 s, a worker that runs two at a time. Amid them all its processes get KILL or, in another run, TERM and,
after 30 s, KILL: a dyno's restart. Then a new worker starts, and has 150 s. And jobs of 45 s that nothing disturbs:
what a short timeout does to them. On ours and on other queues, all at a time (3 GB of memory), each on a database of
its own of one Redis server. Writes the tables into docs/proof.md.
"""

import argparse
import shutil
import signal
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count, groupby, product
from pathlib import Path
from typing import NamedTuple

from benchmarks.peers import PEERS, ROOT, Peer, ledger
from benchmarks.peers.dyno import KILL_SECONDS, Dyno
from benchmarks.peers.install import install
from benchmarks.tables import machine, put, table
from tests.dynos import Server, wait_for

SLOTS, SECONDS = 2, 150
DOCS = ROOT / "docs" / "proof.md"


class Trial(NamedTuple):
    what: str
    signal: int | None  # to every process of the worker, or to none
    jobs: int
    seconds: float  # of each job


TRIALS = (
    Trial("KILL to every process", signal.SIGKILL, 10, 3),
    Trial(f"TERM to every process, KILL after {KILL_SECONDS} s (a dyno's restart)", signal.SIGTERM, 10, 3),
    Trial("nothing ends, but jobs take 45 s", None, 4, 45),
)


class Outcome(NamedTuple):
    done: int  # of the jobs
    done_twice: int
    begun_twice: int
    gone: float | None  # seconds from the signal, if there was one, until the worker had ended
    last: float | None  # seconds from then, or from the first's begin, until the last was done; None: not all were


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=2, help="the signal comes amid another pair of jobs in each")
    options.add_argument("--only", nargs="+", choices=[peer.name for peer in PEERS], help="writes nothing")
    options = options.parse_args()
    install()
    peers = [peer for peer in PEERS if not options.only or peer.name in options.only]
    text = report(peers, measure(peers, options.rounds))
    print(text)
    if not options.only:
        put(DOCS, faults=text)


def measure(peers: list[Peer], rounds: int) -> dict[tuple[Trial, int], list[Outcome]]:
    """The outcomes of each trial and peer, one a round. All wait at the same time, only the rounds do not."""
    runs = list(product(TRIALS, range(len(peers))))
    server = Server(None, "--databases", str(len(runs) * rounds))
    urls = (f"redis://127.0.0.1:{server.port}/{n}" for n in count())
    found = {each: [] for each in runs}
    try:
        for turn in range(rounds):
            with ThreadPoolExecutor(len(runs)) as pool:
                for trial, n in runs:
                    found[trial, n].append(pool.submit(run, peers[n], trial, next(urls), turn))
        return {what: [future.result() for future in futures] for what, futures in found.items()}
    finally:
        server.stop()


def run(peer: Peer, trial: Trial, url: str, turn: int) -> Outcome:
    """One worker's end, amid its first two jobs or, in a later turn, its next."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "ledger"
    path.touch()
    env = peer.environment(url, path, SLOTS)
    peer.call(env, "enqueue", trial.jobs, "sleep", trial.seconds)
    worker, gone = Dyno(peer.worker(SLOTS, url), env, folder / "worker.log"), None
    try:
        at = wait_for(partial(ledger.read, path), 120, f"{peer.name} to begin: {folder}")[0].time
        if trial.signal:
            time.sleep((turn % (trial.jobs // SLOTS) + 0.5) * trial.seconds)
            at, gone = time.time(), worker.stop(trial.signal)
            worker = Dyno(worker.command, env, folder / "next.log")
        time.sleep(SECONDS)
    finally:
        worker.stop(signal.SIGKILL)
    outcome = judge(ledger.read(path), trial.jobs, at, gone)
    shutil.rmtree(folder)
    return outcome


def judge(lines: list[ledger.Line], jobs: int, at: float, gone: float) -> Outcome:
    begun = Counter(line.n for line in lines if line.what == "start")
    ends = [line for line in lines if line.what == "done"]
    done = Counter(line.n for line in ends)
    first = {line.n: line.time for line in reversed(ends)}  # in the order in which they were written
    last = max(first.values()) - at if len(done) == jobs else None
    return Outcome(len(done), sum(n > 1 for n in done.values()), sum(n > 1 for n in begun.values()), gone, last)


def report(peers: list[Peer], found: dict[tuple[Trial, int], list[Outcome]]) -> str:
    parts = []
    for trial in TRIALS:
        head = (trial.what, f"done of {trial.jobs}", "done twice", "begun twice", "worker gone after", "all done after")
        parts.append(table(head, *(row(peer.name, trial, found[trial, n]) for n, peer in enumerate(peers))))
    rounds = len(found[TRIALS[0], 0])
    return "\n\n".join([*parts, deployed(peers), f"Rounds: {rounds}; from–to where they differ. {machine()}"])


def row(name: str, trial: Trial, outcomes: list[Outcome]) -> list[str]:
    done, done_twice, begun_twice, gone, last = zip(*outcomes)
    kept = set(done) == {trial.jobs} and not any(done_twice)
    bold = "**" if kept else ""
    return [name, f"{bold}{span(done)}{bold}", f"{bold}{span(done_twice)}{bold}", span(begun_twice), span(gone, " s"),
            span(last, " s")]


def span(values: tuple[float | None, ...], unit: str = "") -> str:
    """The same in each round, or from least to most."""
    if None in values:
        return "–"
    return "–".join(shown for shown, _ in groupby(f"{value:.0f}" for value in (min(values), max(values)))) + unit


def deployed(peers: list[Peer]) -> str:
    rows = ([peer.name, peer.versions(), f"`{peer.command.format(slots=SLOTS, redis='$REDIS_URL')}`", peer.docs,
             peer.differs or "–"] for peer in peers)
    return table(("how it was deployed", "versions", "worker", "said in its documentation", "not its default"), *rows)


if __name__ == "__main__":
    main()
