"""Tasks that leave a trace outside the store, for tests of what really ran, and how often."""

import json
import logging
import os
import signal
import threading
import time
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal

import celery
from celery import shared_task
from celery.exceptions import Ignore, Reject
from pydantic import BaseModel, Field

from app.address import Addresses
from app.kinds import Params, kind


def note(path: str, line: str) -> None:
    """One line, in one write: lines of several processes do not mix."""
    with open(path, "a", buffering=1) as file:
        file.write(line + "\n")


@shared_task(bind=True)
def work(self, path, name, seconds=0.0, checkpoints=False):
    note(path, f"start {name}")
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        time.sleep(min(left, 0.1))
        if checkpoints:
            self.checkpoint(seconds - left, seconds)
    note(path, f"done {name}")
    return name


@shared_task(bind=True)
def by_steps(self, path, steps):
    """Goes on where the last attempt was interrupted."""
    for step in range(self.cursor or 0, steps):
        self.save(step)
        self.checkpoint(step, steps, resumable=True)
        note(path, f"step {step}")
        time.sleep(0.3)
    note(path, "done")


@shared_task(bind=True)
def chatty(self):
    """Asks whether to go on more often than it has something to say."""
    for step in range(100):
        self.checkpoint(step, 100)
        for _ in range(4):
            time.sleep(0.03)
            self.checkpoint()


@shared_task(bind=True)
def make_file(self, name, type, text):
    return {"file": self.keep(name, type, text.encode()), "lines": text.count("\n")}


@shared_task(bind=True, max_retries=2)
def die(self, path, name):
    note(path, f"start {name}")
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(bind=True, max_retries=2)
def again(self, path, name, countdown):
    note(path, f"start {name} {self.request.retries} {time.time()}")
    if self.request.retries < 2:
        raise self.retry(countdown=countdown)
    return name


@shared_task(ignore_result=False)
def add(x, y):
    return x + y


@shared_task(ignore_result=False)
def total(numbers):
    return sum(numbers)


@shared_task(bind=True, max_retries=1)
def talks(self, path, how):
    """Says something to the log before it ends, one way or another."""
    log = logging.getLogger("a.library")
    log.debug("not of interest")
    log.info("attempt %s of %s", self.request.retries + 1, how)
    if how == "dies":
        log.warning("about to die")
        log.info("never sent")
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "much":
        for n in range(60):
            log.info("line %s %s", n, "x" * 400)
    if how == "badly":
        log.info("%d is no number", "x")
        log.info("half a pair: \ud800")
    if how == "waits":
        note(path, "said")
        while "go on" not in Path(path).read_text():
            time.sleep(0.05)
        log.warning("went on")
        note(path, "logged")
        self.checkpoint()
    if how == "fails":
        raise self.retry(exc=ValueError("no"), countdown=0)
    note(path, f"done {how}")


@shared_task(bind=True)
def headers(self, path):
    note(path, json.dumps(self.request.headers))
    if self.request.retries == 0:
        raise self.retry(countdown=0)


@shared_task
def boom(text="a bug in a job"):
    raise RuntimeError(text)


@shared_task(throws=(LookupError,))
def foreseen(text):
    raise LookupError(text)


@shared_task
def returns(what):
    return {"time": datetime(2027, 1, 31, tzinfo=UTC), "nan": float("nan"), "object": {1, 2}.__class__,
            "large": "x" * 100_000, "none": None, "no UTF-8": "caf\udce9.txt"}[what]


@shared_task(max_retries=2)
def ends_by(path, how):
    """Ends by one of Celery's own exceptions, or by the worst of Python's; says so each time that it runs."""
    note(path, f"start {how}")
    if how == "requeue" and len(Path(path).read_text().splitlines()) > 2:
        return
    raise {"ignore": Ignore(), "reject": Reject("no"), "requeue": Reject(requeue=True), "memory": MemoryError()}[how]


@shared_task
def report_failure(id, path):
    note(path, "told")


@shared_task(expires=1)
def short_lived(path):
    note(path, "start")


@shared_task(bind=True)
def replaced(self, path, chained, fails=False):
    note(path, "start replaced")
    last = work.si(path, "instead", 0.5)
    self.replace((boom.si() if fails else work.si(path, "before")) | last if chained else last)


@shared_task(time_limit=2)
def too_long(path, name):
    note(path, f"start {name}")
    time.sleep(60)


@shared_task
def grow(megabytes):
    """Has so much memory for a moment. Returns the process that it ran in."""
    assert b"x" * (megabytes << 20)
    return os.getpid()


@shared_task(base=celery.Task)
def plain(path, name):
    note(path, f"done {name}")



class Sample(Params):
    seconds: float = Field(default=1, ge=0, le=3600)
    steps: int = Field(default=4, ge=1)
    fail: Literal["never", "once", "always"] = "never"
    label: str = Field(min_length=1, max_length=100)


@kind(autoretry_for=(ValueError,), max_retries=2, retry_backoff=1)
def sample(job, params: Sample):
    """A kind of the tests' own, so that they need none of those that an owner may delete."""
    logging.info("begins %s", params.label)
    for step in range(params.steps):
        job.checkpoint(step, params.steps)
        time.sleep(params.seconds / params.steps)
    if params.fail == "always" or (params.fail == "once" and job.request.retries == 0):
        raise ValueError("asked to fail")
    job.checkpoint(params.steps, params.steps)
    return {"label": params.label}


if find_spec("app.events"):
    from app.events import Ended, on

    @on("succeeded", "cancelled", kind="anything")
    def applause(job, params: Ended):
        """Starts when one that takes anything has ended."""
        return params.model_dump()


@kind()
def parent(job, params: Params):
    """Makes another job, and logs in a thread of its own. Returns the other's id."""
    thread = threading.Thread(target=logging.info, args=("from a thread",))
    thread.start()
    thread.join()
    return job.app.tasks["anything"].delay({}).id


class Papers(Params):
    to: Addresses
    papers: list[Annotated[str, Field(json_schema_extra={"format": "file"})]] = Field(default=[], max_length=3)
    password: str = ""
    at: Annotated[str, Field(title="Where", max_length=5, json_schema_extra={"more": True})] = "here"


@kind()
def papers(job, params: Papers):
    """A kind with addresses, files, a secret, and a field by the name of a control that every form has."""
    return params.model_dump()


PRIVATE = Field(json_schema_extra={"private": True})


class Page(BaseModel):
    text: Annotated[str, PRIVATE]
    day: str = ""


class Mood(BaseModel):
    about: Annotated[str | None, PRIVATE] = None
    score: int = 0


class Found(BaseModel):
    words: int
    summary: Annotated[str, PRIVATE]
    access_token: str = ""
    found: list[Page] = []
    file: Annotated[dict | None, PRIVATE] = None


class Diary(Params):
    title: str = ""
    text: Annotated[str, PRIVATE] = ""
    pages: list[Page] = []
    pin: Annotated[str, Field(json_schema_extra={"format": "password"})] = ""
    mood: Mood | str | None = None


@kind()
def diary(job, params: Diary) -> Found | None:
    """A kind of which not everybody may see everything."""
    return Found(words=len(params.text.split()), summary=params.text, found=params.pages)


class Anything(Params):
    value: Any = None
    more: dict = {}


@kind()
def anything(job, params: Anything):
    """A kind that takes what JSON has, and gives it back."""
    return params.value
