"""The app that is broken: a Redis with persistence, a mail server, web and workers, each with a door of its own."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from chaos.ledger import write
from tests.dynos import Dynos, Process, Server
from tests.proxy import Proxy
from tests.smtp import Mailbox, MailServer

#: The mail server takes its time, so that some die while they wait for its yes.
MAIL_SECONDS = 0.1
#: How addresses begin that it takes no mail for until it was asked a second time.
LATER = "later-"


@dataclass(eq=False)
class Dyno:
    name: str
    process: Process
    door: Proxy
    release: int
    base: str = ""  # URL of a web dyno
    taken: bool = False  # by a fault


class Fleet(Dynos):
    WORKER, WEB = "chaos.worker_dyno", "chaos.web_dyno:app"

    def __init__(self, folder: Path, lease: float):
        self.clock_library = build_clock(folder)
        (folder / "redis").mkdir()
        # `always`: what was answered is on the disk. With `everysec` Redis may answer before it writes, while the disk
        # is slow, and a kill takes what was accepted in that second; our promise is for a Redis that keeps its data.
        self.server = Server(folder / "redis", "--appendfsync", "always", "--save", "",
                             env=os.environ | self.clock(folder, "redis"))
        self.mail = MailServer(Mail(folder / "ledger"))
        self.mail.start()
        super().__init__(
            self.server.url, folder, LEASE_SECONDS=str(lease), WORKER_CONCURRENCY="4", RATE_LIMIT="0",
            SMTP_URL=f"smtp://127.0.0.1:{self.mail.port}", MAIL_FROM="chaos@example.com", MAIL_DAILY_LIMIT="0",
            WEBHOOK_SECRET="", CHAOS_LEDGER=str(folder / "ledger"))
        self.lease, self.release, self.over = lease, 1, False
        self.webs: list[Dyno] = []
        self.workers: list[Dyno] = []
        self.doors: list[Proxy] = []
        self.numbers = count(1)
        self.lock, self.redis_lock = threading.RLock(), threading.Lock()

    # --- dynos

    def add_worker(self, wait=False) -> Dyno:
        with self.lock:
            name, door, env = self._new("worker")
            dyno = Dyno(name, self.worker(wait, **env), door, self.release)
            self.workers.append(dyno)
            return dyno

    def add_web(self) -> Dyno:
        with self.lock:
            name, door, env = self._new("web")
            dyno = Dyno(name, self.web(**env), door, self.release, self.base)
            self.webs.append(dyno)
            return dyno

    def _new(self, kind: str) -> tuple[str, Proxy, dict[str, str]]:
        name, door = f"{kind}.{next(self.numbers)}", Proxy(self.server.port)
        self.doors.append(door)
        door.__enter__()
        return name, door, {"DYNO": name, "REDIS_URL": f"redis://127.0.0.1:{door.port}/0",
                            "HEROKU_RELEASE_VERSION": f"v{self.release}", **self.clock(self.tmp, name)}

    def forget(self, dyno: Dyno) -> None:
        with self.lock:
            for dynos in (self.webs, self.workers):
                if dyno in dynos:
                    dynos.remove(dyno)

    def replace_crashed(self) -> list[Dyno]:
        with self.lock:
            crashed = [dyno for dyno in [*self.webs, *self.workers] if not self.over
                       and not dyno.taken and dyno.process.popen.poll() is not None]
            for dyno in crashed:
                self.forget(dyno)
                dyno.process.end()
                self.add_web() if dyno.base else self.add_worker()
            return crashed

    @contextmanager
    def one_of(self, dynos: list[Dyno], pick: float) -> Iterator[Dyno | None]:
        """One that no other fault has, if there is one."""
        with self.lock:
            free = [dyno for dyno in dynos if not dyno.taken]
            dyno = free[int(pick * len(free))] if free else None
            if dyno:
                dyno.taken = True
        try:
            yield dyno
        finally:
            if dyno:
                dyno.taken = False

    # --- clocks

    def clock(self, folder: Path, name: str) -> dict[str, str]:
        if not self.clock_library:
            return {}
        (folder / f"{name}.clock").write_bytes(bytes(8))
        return {"LD_PRELOAD": str(self.clock_library), "CHAOS_CLOCK": str(folder / f"{name}.clock")}

    def step(self, name: str, seconds: int) -> None:
        with open(self.tmp / f"{name}.clock", "r+b") as file:
            ahead = int.from_bytes(file.read(8), "little", signed=True) + seconds
            file.seek(0)
            file.write(ahead.to_bytes(8, "little", signed=True))

    # --- the end

    def mend(self, workers: int) -> None:
        """All as it should be: so many workers, all of the newest release."""
        for dyno in [*self.webs, *self.workers]:
            if dyno.release < self.release or dyno.process.popen.poll() is not None:
                began = time.monotonic()
                self.forget(dyno)
                dyno.process.end()
                write(self.ledger, "fault", name="kill_worker", began=began, on=[dyno.name])
        while len(self.workers) < workers:
            self.add_worker()
        if not self.webs:
            self.add_web()

    def end(self) -> None:
        super().end()
        for door in self.doors:
            door.free()
            door.__exit__()
        self.server.stop()
        self.mail.stop()


class Mail(Mailbox):
    def __init__(self, ledger: Path):
        super().__init__()
        self.ledger, self.asked = ledger, set()

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith(LATER) and address not in self.asked:
            self.asked.add(address)
            return "450 later"
        return await super().handle_RCPT(server, session, envelope, address, options)

    async def handle_DATA(self, server, session, envelope):
        await asyncio.sleep(MAIL_SECONDS / 2)
        answer = await super().handle_DATA(server, session, envelope)
        job = self.messages.pop()["Message-ID"].strip("<>").partition("@")[0]
        write(self.ledger, "mail", job=job, to=envelope.rcpt_tos)
        await asyncio.sleep(MAIL_SECONDS / 2)
        return answer


def build_clock(folder: Path) -> Path | None:
    """None where there is no compiler."""
    if not shutil.which("cc"):
        return None
    library = folder / "clock.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, Path(__file__).parent / "clock.c"], check=True)
    return library


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="chaos-"))
