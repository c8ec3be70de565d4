"""What becomes of jobs when the processes of their worker end: python -m benchmarks.faults [--rounds 2] [--jobs 10]

Ten jobs of 3 s, a worker that runs two at a time. Amid them all its processes get KILL or, in another run, TERM and,
after 30 s, KILL: a dyno's restart. Then a new worker starts, and has 150 s. On ours and on other queues, all at a time,
each on a database of its own of one Redis server. Writes the tables into docs/proof.md.
"""

import argparse
import os
import platform
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date
from functools import partial
from itertools import groupby, product
from pathlib import Path
from typing import NamedTuple

import psutil

from benchmarks.peers import PEERS, ROOT, Peer, ledger
from benchmarks.peers.install import install
from benchmarks.tables import put, table
from dev import redis_server
from tests.dynos import Server, wait_for

SLOTS, JOB_SECONDS, KILL_SECONDS, SECONDS = 2, 3.0, 30, 150
DOCS = ROOT / "docs" / "proof.md"
HEADS = {
    signal.SIGKILL: "KILL to every process",
    signal.SIGTERM: f"TERM to every process, KILL after {KILL_SECONDS} s (a dyno's restart)",
}


class Outcome(NamedTuple):
    done: int  # of the jobs
    done_twice: int
    begun_twice: int
    gone: float  # seconds from the signal until the worker had ended
    last: float | None  # seconds from the signal until the last was done; None: not all were


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--jobs", type=int, default=10)
    options.add_argument("--rounds", type=int, default=2, help="the signal comes amid another pair of jobs in each")
    options.add_argument("--only", nargs="+", choices=[peer.name for peer in PEERS])
    options = options.parse_args()
    install()
    peers = [peer for peer in PEERS if not options.only or peer.name in options.only]
    text = report(peers, measure(peers, options.jobs, options.rounds), options.jobs)
    print(text)
    if not options.only:
        put(DOCS, faults=text)


def measure(peers: list[Peer], jobs: int, rounds: int) -> dict[tuple[int, str], list[Outcome]]:
    """The outcomes of each signal and peer, one a round. All peers wait at the same time, the rounds do not."""
    runs = list(product(HEADS, peers))
    server = Server(None, "--databases", str(len(runs) * rounds))
    found = {(number, peer.name): [] for number, peer in runs}
    try:
        for turn in range(rounds):
            with ThreadPoolExecutor(len(runs)) as pool:
                for n, (number, peer) in enumerate(runs):
                    url = f"redis://127.0.0.1:{server.port}/{turn * len(runs) + n}"
                    how = pool.submit(run, peer, number, url, jobs, pair=turn % (jobs // SLOTS))
                    found[number, peer.name].append(how)
        return {what: [how.result() for how in outcomes] for what, outcomes in found.items()}
    finally:
        server.stop()


def run(peer: Peer, number: int, url: str, jobs: int, pair: int) -> Outcome:
    """One worker's end, amid its `pair`-th two jobs."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "ledger"
    path.touch()
    env = peer.environment(url, path, SLOTS)
    peer.call(env, "enqueue", jobs, "sleep", JOB_SECONDS)
    worker = Dyno(peer.worker(SLOTS, url), env, folder / "worker.log")
    try:
        wait_for(partial(ledger.read, path), 120, f"{peer.name} to begin: {folder}")
        time.sleep((pair + 0.5) * JOB_SECONDS)
        at, gone = time.time(), worker.stop(number)
        worker = Dyno(worker.command, env, folder / "next.log")
        time.sleep(SECONDS)
    finally:
        worker.stop(signal.SIGKILL)
    outcome = judge(ledger.read(path), jobs, at, gone)
    shutil.rmtree(folder)
    return outcome


class Dyno:
    """A worker in a session of its own, as some of its processes leave their group. Signals reach each of them."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path):
        self.command = command
        with open(log, "ab") as file:
            self.popen = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)

    def stop(self, number: int) -> float:
        """Returns the seconds that it took all of them to end, with KILL when it was time."""
        began = time.monotonic()
        send(number, self._living())
        while living := self._living():
            if time.monotonic() - began > KILL_SECONDS:
                send(signal.SIGKILL, living)
            time.sleep(0.2)
        return time.monotonic() - began

    def _living(self) -> list[int]:
        self.popen.poll()
        return [pid for pid in psutil.pids() if self._has(pid)]

    def _has(self, pid: int) -> bool:
        try:
            return os.getsid(pid) == self.popen.pid and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except (ProcessLookupError, PermissionError, psutil.NoSuchProcess):
            return False


def send(number: int, pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def judge(lines: list[ledger.Line], jobs: int, at: float, gone: float) -> Outcome:
    begun = Counter(line.n for line in lines if line.what == "start")
    ends = [line for line in lines if line.what == "done"]
    done = Counter(line.n for line in ends)
    first = {line.n: line.time for line in reversed(ends)}  # in the order in which they were written
    last = max(first.values()) - at if len(done) == jobs else None
    return Outcome(len(done), sum(n > 1 for n in done.values()), sum(n > 1 for n in begun.values()), gone, last)


def report(peers: list[Peer], found: dict[tuple[int, str], list[Outcome]], jobs: int) -> str:
    parts = []
    for number, what in HEADS.items():
        head = (what, f"done of {jobs}", "done twice", "begun twice", "worker gone after", "all done after")
        parts.append(table(head, *(row(peer, found[number, peer.name], jobs) for peer in peers)))
    return "\n\n".join([*parts, deployed(peers), machine(len(next(iter(found.values()))))])


def row(peer: Peer, outcomes: list[Outcome], jobs: int) -> list[str]:
    done, done_twice, begun_twice, gone, last = zip(*outcomes)
    cells = [span(done), span(done_twice), span(begun_twice), f"{span(gone)} s",
             f"{span(last)} s" if None not in last else "–"]
    return [peer.name, *(f"**{cell}**" if set(done) == {jobs} and not any(done_twice) and n < 2 else cell
                         for n, cell in enumerate(cells))]


def span(values: tuple[float, ...]) -> str:
    """The same in each round, or from least to most."""
    return "–".join(shown for shown, _ in groupby(f"{value:.0f}" for value in (min(values), max(values))))


def deployed(peers: list[Peer]) -> str:
    rows = ([peer.name, peer.versions(), f"`{' '.join(peer.worker(SLOTS, '$REDIS_URL'))}`", peer.docs,
             peer.differs or "–"] for peer in peers)
    return table(("how it was deployed", "versions", "worker", "said in its documentation", "not its default"), *rows)


def machine(rounds: int) -> str:
    redis = subprocess.run([redis_server.binary(), "--version"], capture_output=True, text=True).stdout
    return (f"Rounds: {rounds}; from–to where they differ. {os.cpu_count()} cores, {platform.system()}, Python "
            f"{platform.python_version()}, {' '.join(redis.split()[:3])}, {date.today():%Y-%m-%d}.")


if __name__ == "__main__":
    main()
