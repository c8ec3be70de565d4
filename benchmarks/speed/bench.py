"""One queue on a Redis server of its own, for a measurement."""

import shutil
import signal
import tempfile
import time
from pathlib import Path

import redis

from benchmarks.peers import PEERS, Peer, ledger
from benchmarks.peers.dyno import Dyno
from tests.dynos import Server, wait_for

SLOTS = 2
#: Celery says nothing of a job unless it is asked to; we do in three lines.
QUIET = {"LOG_LEVEL": "WARNING"}
#: By then the second worker has started too, and the first has nothing left to acknowledge.
REST_SECONDS = 3


def peers(*names: str) -> list[Peer]:
    """In this order; "later, quiet" is ours without a line in the log for each job."""
    found = {peer.name: peer for peer in PEERS}
    found["later, quiet"] = found["later"]._replace(name="later, quiet", env=found["later"].env | QUIET)
    return [found[name] for name in names]


class Bench:
    def __init__(self, peer: Peer):
        self.peer, self.folder, self.server = peer, Path(tempfile.mkdtemp()), Server()
        self.redis = redis.Redis.from_url(self.server.url)
        self.ledger = self.folder / "ledger"
        self.ledger.touch()
        self.env = peer.environment(self.server.url, self.ledger, SLOTS)
        self.workers: list[Dyno] = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for worker in self.workers:
            worker.stop(signal.SIGKILL)
        self.redis.close()
        self.server.stop()
        shutil.rmtree(self.folder)

    def worker(self) -> Dyno:
        command = self.peer.worker(SLOTS, self.server.url)
        self.workers.append(Dyno(command, self.env, self.folder / f"worker-{len(self.workers)}.log"))
        return self.workers[-1]

    def warm(self, workers: int = 1) -> None:
        """Start so many, and return when they have run some jobs and are at rest again."""
        for _ in range(workers):
            self.worker()
        self.enqueue(100)
        self.wait(100)
        time.sleep(REST_SECONDS * workers)
        self.ledger.write_text("")

    def enqueue(self, count: int) -> dict:
        return self.peer.call(self.env, "enqueue", count, "noop")

    def schedule(self, count: int, at: float, over: float) -> dict:
        return self.peer.call(self.env, "schedule", count, at, over)

    def done(self) -> int:
        return self.ledger.read_bytes().count(b"\n")

    def lines(self) -> list[ledger.Line]:
        return ledger.read(self.ledger)

    def wait(self, count: int, seconds: float = 600) -> None:
        wait_for(lambda: self.done() >= count, seconds, f"{self.peer.name} to run {count} jobs: {self.done()}")
