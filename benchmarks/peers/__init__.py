"""The queues that ours is measured against, each deployed as its own documentation does it. Needs none of them.

One file each, of two jobs, `noop(n)` and `sleep(n, seconds)`, that write to benchmarks/peers/ledger.py, and of
`enqueue` and, where the library has a delay, `schedule`. They live in venvs of their own (benchmarks/peers/install.py)
and import nothing else of ours.
"""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
THEIRS, ARQ = ".data/venv-benchmarks", ".data/venv-arq"  # in .data, which git and bin/rename leave alone
FIRST, LAST = "before", "after"  # when a job counts as done for the queue: before the work, or after it


class Peer(NamedTuple):
    name: str
    module: str  # of benchmarks.peers
    acknowledges: str
    packages: tuple[str, ...]
    command: str  # of a worker: {slots} jobs at a time
    docs: str  # where it is said to be deployed like that
    settings: str = "default"  # for its module: SETTINGS
    differs: str = ""  # what of it is not the default
    venv: str = THEIRS  # or "", that of the app
    delays: bool = True
    env: dict[str, str] = {}

    @property
    def bin(self) -> Path:
        return ROOT / self.venv / "bin" if self.venv else Path(sys.executable).parent

    def worker(self, slots: int, redis_url: str) -> list[str]:
        """Its command, to be run from ROOT with `environment`."""
        return shlex.split(self.command.format(slots=slots, redis=redis_url))

    def environment(self, redis_url: str, ledger: Path, slots: int = 2) -> dict[str, str]:
        """What its processes get, and nothing of the shell that we run in."""
        return {"REDIS_URL": redis_url, "LEDGER": str(ledger), "SLOTS": str(slots), "SETTINGS": self.settings,
                "PATH": f"{self.bin}{os.pathsep}{os.environ['PATH']}", "HOME": str(ledger.parent),
                "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "WORKER_CONCURRENCY": str(slots), **self.env}

    def call(self, env: dict[str, str], *arguments) -> dict:
        """Run `enqueue COUNT JOB [ARGUMENT …]` or `schedule COUNT AT [OVER]` in a process of its own.

        Returns:
            {"at": when it began, in seconds since 1970, "seconds": that it took, without its start, "rss": of the
            process when it was done, in bytes}
        """
        command = [self.bin / "python", "-m", "benchmarks.peers", self.module, *map(str, arguments)]
        told = subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True)
        if told.returncode:
            raise RuntimeError(f"{self.name}: {told.stderr}")
        return json.loads(told.stdout.splitlines()[-1])

    def versions(self) -> str:
        code = "import importlib.metadata as m, sys; print(*(f'{p} {m.version(p)}' for p in sys.argv[1:]), sep=', ')"
        return subprocess.run([self.bin / "python", "-c", code, *self.packages], check=True, capture_output=True,
                              text=True).stdout.strip()


#: Without it the worker's children end at the first SIGTERM, as the platform sends it to every process.
REMAP = {"REMAP_SIGTERM": "SIGQUIT"}
CELERY = "celery --app benchmarks.peers.celery worker --concurrency {slots}"
DRAMATIQ = "dramatiq benchmarks.peers.dramatiq --processes {slots} --threads 1"
HUEY = "huey_consumer benchmarks.peers.huey.huey --workers {slots} --worker-type process"
TASKIQ = "taskiq worker benchmarks.peers.taskiq:broker --workers {slots} --max-async-tasks 1"

PEERS = (
    Peer("later", "ours", LAST, ("celery", "kombu", "redis"), "python -m benchmarks.peers.ours",
         "the Procfile's line, with the jobs of the benchmark; default settings", venv="",
         env={"APP_ENV": "development"}),
    Peer("later, tuned", "ours", LAST, ("celery", "kombu", "redis"), "python -m benchmarks.peers.ours",
         "docs/settings.md", "tuned", "LEASE_SECONDS of 10", venv="",
         env={"APP_ENV": "development", "LEASE_SECONDS": "10"}),
    Peer("Celery", "celery", FIRST, ("celery", "kombu", "redis"), CELERY, "First Steps with Celery; Redis as a broker"),
    Peer("Celery, acks late", "celery", LAST, ("celery", "kombu", "redis"), CELERY, "Tasks: acks_late",
         "late", "task_acks_late"),
    Peer("Celery, tuned", "celery", LAST, ("celery", "kombu", "redis"), CELERY,
         "Workers Guide: soft shutdown, REMAP_SIGTERM; Redis as a broker: visibility timeout", "tuned",
         "task_acks_late, task_reject_on_worker_lost, worker_prefetch_multiplier=1, visibility_timeout of 30 s, "
         "worker_soft_shutdown_timeout of 20 s, REMAP_SIGTERM=SIGQUIT", env=REMAP),
    Peer("Dramatiq", "dramatiq", LAST, ("dramatiq", "redis"), DRAMATIQ, "User Guide; Redis broker"),
    Peer("Dramatiq, tuned", "dramatiq", LAST, ("dramatiq", "redis"), DRAMATIQ + " --worker-shutdown-timeout 20000",
         "API reference: RedisBroker", "tuned",
         "heartbeat_timeout of 10 s, maintenance_chance of 10 %, a worker-shutdown-timeout of 20 s"),
    Peer("RQ", "rq", LAST, ("rq", "redis"), "rq worker-pool --num-workers {slots} --url {redis}",
         "Workers: worker pool"),
    Peer("RQ, tuned", "rq", LAST, ("rq", "redis"),
         "sh -c 'for slot in $(seq {slots}); do rq worker --worker-class rq.worker.HerokuWorker --with-scheduler "
         "--worker-ttl 30 --maintenance-interval 10 --job-monitoring-interval 5 --url {redis} & done; wait'",
         "Workers: Heroku; Exceptions and Retries", "tuned",
         "retry=Retry(max=3), HerokuWorker, a worker-ttl of 30 s, a maintenance-interval of 10 s, a "
         "job-monitoring-interval of 5 s"),
    Peer("Huey", "huey", FIRST, ("huey", "redis"), HUEY, "Guide; Consumer"),
    Peer("Huey, tuned", "huey", FIRST, ("huey", "redis"), HUEY + " --graceful-signal TERM --shutdown-timeout 20",
         "Consumer: graceful signal; Signals: interrupted", "tuned",
         "graceful-signal TERM, shutdown-timeout of 20 s, an interrupted task put back"),
    Peer("taskiq", "taskiq", LAST, ("taskiq", "taskiq-redis", "redis"), TASKIQ,
         "Available brokers: RedisStreamBroker, for reliability", delays=False),
    Peer("taskiq, tuned", "taskiq", LAST, ("taskiq", "taskiq-redis", "redis"), TASKIQ + " --wait-tasks-timeout 20",
         "taskiq-redis: RedisStreamBroker", "tuned",
         "idle_timeout of 10 s, xread_count of 1, unacknowledged_lock_timeout of 10 s, wait-tasks-timeout of 20 s",
         delays=False),
    Peer("arq", "arq", LAST, ("arq", "redis"), "arq benchmarks.peers.arq.WorkerSettings",
         "Usage; one process, max_jobs at a time", venv=ARQ),
    Peer("arq, tuned", "arq", LAST, ("arq", "redis"), "arq benchmarks.peers.arq.WorkerSettings",
         "Reference: Worker", "tuned", "job_timeout of 20 s, job_completion_wait of 20 s", venv=ARQ),
)
