"""demo: a job that only takes its time. It shows everything off, and the tests use it."""

import time
from typing import Literal

from pydantic import Field

from app.kinds import Params, kind


class Demo(Params):
    seconds: float = Field(default=5, ge=0, le=3600, description="How long it works")
    steps: int = Field(default=10, ge=1, le=1000, description="How often it reports progress")
    fail: Literal["never", "once", "always"] = Field(default="never", description="Whether it goes wrong")
    label: str = Field(default="", max_length=100, description="A name to find it by")


class DemoFailed(Exception):
    """It was asked to fail."""


@kind(autoretry_for=(DemoFailed,), max_retries=2, retry_backoff=1, retry_backoff_max=5)
def demo(job, params: Demo):
    """Works for a while and reports progress."""
    began = time.monotonic()
    for step in range(params.steps):
        job.checkpoint(step, params.steps, params.label)
        while (left := began + (step + 1) * params.seconds / params.steps - time.monotonic()) > 0:
            time.sleep(min(left, 0.5))
            job.checkpoint()  # a long step too stops within a second when it is cancelled
    if params.fail == "always" or (params.fail == "once" and job.request.retries == 0):
        raise DemoFailed("It was asked to fail.")
    job.checkpoint(params.steps, params.steps, params.label)
    return {"label": params.label, "seconds": round(time.monotonic() - began, 3)}
