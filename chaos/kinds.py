"""Kinds of job that write to the ledger what they do. Other releases have other kinds."""

import os
import secrets
import time
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from typing import Literal

from celery import shared_task
from pydantic import Field

from app.kinds import Params, kind
from chaos.ledger import write

RELEASE = int(os.environ.get("HEROKU_RELEASE_VERSION", "v1")[1:])
ALIVE_SECONDS = 0.5
#: A job may lose so many workers: that its attempts are used up is a promise too, but not the one looked at.
MANY = 50


class Work(Params):
    seconds: float = Field(default=0, ge=0, le=60)
    asks: bool = False  # whether to go on
    fails: Literal["never", "once", "always"] = "never"


@contextmanager
def on_the_ledger(job, **more):
    note = partial(write, os.environ["CHAOS_LEDGER"], job=job.request.id, run=secrets.token_hex(4),
                   dyno=os.environ["DYNO"], pid=os.getpid(), **more)
    note("start", attempt=job.request.retries + 1)
    try:
        yield note
    except BaseException as error:
        note("broke", error=type(error).__name__)
        raise
    note("end")


def work(job, params: Work) -> None:
    with on_the_ledger(job) as note:
        began, said = time.monotonic(), 0.0
        while (passed := time.monotonic() - began) < params.seconds:
            time.sleep(min(params.seconds - passed, 0.1))
            if passed - said >= ALIVE_SECONDS:
                said = passed
                note("alive")
            if params.asks:
                job.checkpoint(passed, params.seconds)
        if params.fails == "always" or (params.fails == "once" and job.request.retries == 0):
            raise ValueError("asked to fail")


@kind(autoretry_for=(ValueError,), max_retries=MANY, retry_backoff=1, retry_backoff_max=4)
def chaos(job, params: Work):
    """Works for a while."""
    work(job, params)


@kind(autoretry_for=(ValueError,), max_retries=2, retry_backoff=1)
def chaos_fails(job, params: Work):
    """Gives up after three attempts."""
    work(job, params)


@kind(max_retries=MANY)
def chaos_leads(job, params: Work):
    """Another job starts when it has succeeded, if app/events.py is there."""
    work(job, params)


@shared_task(bind=True, max_retries=MANY)
def chaos_step(self, number):
    with on_the_ledger(self, step=number):
        time.sleep(0.2)


@kind(max_retries=MANY)
def chaos_chain(job, params: Work):
    """Two jobs go on for it, one after the other; the second has its id."""
    with on_the_ledger(job, step=0):
        time.sleep(params.seconds)
    job.replace(chaos_step.si(1) | chaos_step.si(2))


if find_spec("app.events"):
    from app.events import Ended, on

    @on("succeeded", kind="chaos_leads", max_retries=MANY)
    def chaos_follows(job, params: Ended):
        """Starts when another has succeeded."""
        with on_the_ledger(job, after=params.job):
            pass


def newcomer(release: int) -> None:
    """A kind that workers of older releases have no code for."""

    @kind(name=f"chaos_since_v{release}", max_retries=MANY)
    def since(job, params: Work):
        """Came with a release."""
        work(job, params)


for number in range(2, RELEASE + 1):
    newcomer(number)
