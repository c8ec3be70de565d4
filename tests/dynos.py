"""Real processes on a real Redis: what the tests start, kill and look at."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import date
from pathlib import Path

import psutil

import tests.ledger  # noqa: F401 - registers its tasks
from app.config import Settings
from app.queue import make_celery
from dev import redis_server

ROOT = Path(__file__).parent.parent


def coming(month: int, day: int) -> int:
    """The year in which this day comes next: forms take no time that has passed."""
    today = date.today()
    return today.year + ((month, day) <= (today.month, today.day))


def wait_for(condition, seconds=30.0, what="it to happen"):
    """Returns the condition's first true answer; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def freeze(pid: int):
    """Stop a process and its children, and wait until they are: on a busy machine a signal takes its time."""
    for process in family(pid):
        process.suspend()
        wait_for(lambda: process.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE), what="it to stop")  # noqa: B023


def thaw(pid: int):
    for process in family(pid):
        process.resume()


def family(pid: int) -> list[psutil.Process]:
    return [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]


class Server:
    """A Redis server that a test may stop, freeze and start again."""

    def __init__(self, data: Path | None = None, *options: str, port: int | None = None, env: dict | None = None):
        self.port = port or redis_server.free_port()
        self.data, self.options, self.env = data, options, env
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.start()

    def start(self):
        self.process = redis_server.start(self.port, self.data, *self.options, env=self.env)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(signal.SIGCONT)
        self.process.send_signal(number)
        self.process.wait()

    def freeze(self):
        freeze(self.process.pid)

    def thaw(self):
        thaw(self.process.pid)


class Process:
    """A dyno: a process group, so that a signal can reach every process in it, as the platform does."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path):
        self.log = log
        with open(log, "ab") as file:
            self.popen = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)

    def signal_all(self, number: int):
        os.killpg(self.popen.pid, number)

    def signal_main(self, number: int):
        self.popen.send_signal(number)

    def wait(self, seconds=40.0) -> int:
        return self.popen.wait(seconds)

    def text(self) -> str:
        return self.log.read_text(errors="replace")

    def end(self):
        for number in (signal.SIGCONT, signal.SIGKILL):
            try:
                self.signal_all(number)
            except ProcessLookupError:
                return
        self.popen.wait()


class Dynos:
    """An app: its environment, its web and worker processes, and a Celery app to enqueue with."""

    WORKER, WEB = "tests.ledger_worker", "tests.ledger_web:app"

    def __init__(self, redis_url: str, tmp: Path, **env: str):
        self.tmp = tmp
        self.env = {
            "APP_ENV": "development", "REDIS_URL": redis_url, "API_TOKEN": "test-token", "SECRET_KEY": "test-secret",
            "WORKER_CONCURRENCY": "2", "WEB_CONCURRENCY": "1", "DYNO_RAM": "1024", "LEASE_SECONDS": "5",
            "SHUTDOWN_SECONDS": "5", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]), "HOME": str(tmp),
        } | env
        self.celery = make_celery(Settings.from_env(self.env))
        self.store = self.celery.store
        self.processes: list[Process] = []
        self.ledger = tmp / "ledger"
        self.ledger.touch()

    def worker(self, wait=True, **env: str) -> Process:
        """Start a worker that has the tasks of tests/ledger.py, and wait until it takes jobs."""
        process = self._start([sys.executable, "-m", self.WORKER], "worker", env)
        if wait:
            wait_for(lambda: "ready." in process.text() or process.popen.poll() is not None, 60, "the worker")
            assert process.popen.poll() is None, process.text()
        return process

    def web(self, **env: str) -> Process:
        self.port = redis_server.free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        process = self._start([shutil.which("gunicorn", path=self.env["PATH"]), self.WEB], "web",
                              {"PORT": str(self.port)} | env)
        wait_for(lambda: self._live() or process.popen.poll() is not None, 60, "the web process")
        assert process.popen.poll() is None, process.text()
        return process

    def _live(self) -> bool:
        try:
            urllib.request.urlopen(self.base + "/health/live", timeout=5).close()
            return True
        except (urllib.error.URLError, OSError):
            return False

    def _start(self, command, name, env):
        log = self.tmp / f"{name}-{len(self.processes)}.log"
        self.processes.append(Process(command, self.env | env, log))
        return self.processes[-1]

    def end(self):
        for process in self.processes:
            process.end()
        self.store.redis.close()

    # --- what the tests ask

    def task(self, name: str):
        return self.celery.tasks[name if name in self.celery.tasks else f"tests.ledger.{name}"]

    def work(self, name: str, seconds: float = 0.0, checkpoints=False, **options) -> str:
        """Enqueue a job that writes to the ledger; returns its id."""
        args = (str(self.ledger), name, seconds, checkpoints)
        return self.task("work").apply_async(args, **options).id

    def lines(self, prefix: str = "") -> list[str]:
        return [line for line in self.ledger.read_text().splitlines() if line.startswith(prefix)]

    def job(self, id: str) -> dict:
        from app.record import as_json

        return as_json(self.store.get(id))

    def wait(self, id: str, *states: str, seconds=30.0) -> dict:
        wanted = states or ("succeeded", "failed", "cancelled")
        wait_for(lambda: self.job(id)["state"] in wanted, seconds, f"job {id} to be {wanted}: {self.job(id)}")
        return self.job(id)
