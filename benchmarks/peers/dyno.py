"""A worker's processes, whatever they are, and what they take."""

import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.peers import ROOT

#: From TERM to KILL, as on the platform.
KILL_SECONDS = 30


class Dyno:
    """A worker in a session of its own, as some of its processes leave their group. Signals reach each of them."""

    def __init__(self, command: list[str], env: dict[str, str], log: Path):
        self.command = command
        with open(log, "ab") as file:
            self.popen = subprocess.Popen(command, env=env, cwd=ROOT, stdout=file, stderr=file, start_new_session=True)

    def stop(self, number: int) -> float:
        """Returns the seconds that it took all of them to end, with KILL when it was time."""
        began = time.monotonic()
        send(number, self.living())
        while living := self.living():
            if time.monotonic() - began > KILL_SECONDS:
                send(signal.SIGKILL, living)
            time.sleep(0.2)
        return time.monotonic() - began

    def cpu(self) -> float:
        """Seconds of a processor that those which live have had."""
        return sum(sum(process.cpu_times()[:2]) for process in self._processes())

    def memory(self) -> int:
        """Bytes; what they share is counted once."""
        return sum(process.memory_full_info().pss for process in self._processes())

    def _processes(self) -> list[psutil.Process]:
        return list(map(psutil.Process, self.living()))

    def living(self) -> list[int]:
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
