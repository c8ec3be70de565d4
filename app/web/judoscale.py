"""Tells Judoscale, when its add-on has set JUDOSCALE_URL, how long the oldest due job waits and how many there are.

Not by its own adapter: that keeps a connection more, turns on Celery's events, and looks at the broker alone, so that
it would not see what falls due while no worker runs.
"""

import logging
import os
import platform

from celery import __version__ as celery_version
from flask import Blueprint

from app import demand
from app.asking import ask
from app.config import Settings
from app.loop import Loop
from app.queue import QUEUE
from app.store import Store

blueprint = Blueprint("judoscale", __name__)
logger = logging.getLogger(__name__)

REPORT_SECONDS = 10
#: The release of its adapter that these reports are like.
LIKE = "1.14.0"


@blueprint.record
def set_up(setup):
    store, settings = setup.app.extensions["store"], setup.app.extensions["settings"]
    if settings.judoscale_url:
        setup.app.extensions["on_start"].append(lambda: Loop("judoscale", Reporter(store, settings).step).start())


class Reporter:
    def __init__(self, store: Store, settings: Settings):
        self.store, self.settings = store, settings

    def step(self) -> float:
        """Raises OSError when it does not answer."""
        if self.store.lock("judoscale", REPORT_SECONDS * 0.9):
            answer = ask("POST", f"{self.settings.judoscale_url.rstrip('/')}/v3/reports", {}, self.report())
            if answer.status >= 300:
                logger.warning("judoscale: it does not take our report: %d", answer.status)
        return REPORT_SECONDS

    def report(self) -> dict:
        seen = demand.look(self.store)
        return {
            "container": self.settings.dyno, "pid": os.getpid(),
            "config": {"log_level": self.settings.log_level, "report_interval_seconds": REPORT_SECONDS},
            "adapters": {"judoscale-python": {"runtime_version": platform.python_version(), "adapter_version": LIKE},
                         "judoscale-celery": {"runtime_version": celery_version, "adapter_version": LIKE}},
            "metrics": [[round(seen.now / 1000), value, measurement, QUEUE] for measurement, value in (
                ("qt", round(seen.wait * 1000)), ("qd", seen.waiting), ("busy", seen.running))],
            "metadata": {}}
