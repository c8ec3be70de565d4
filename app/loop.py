"""A thread that takes steps for ever, through any outage."""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from kombu.exceptions import KombuError

from app.connections import UNAVAILABLE

logger = logging.getLogger(__name__)


class Loop(threading.Thread):
    """Runs steps for ever. Each does one unit and returns the seconds until it wants to run again."""

    def __init__(self, name: str, *steps: Callable[[], float], on_outage: Callable[[], None] = lambda: None):
        super().__init__(name=name, daemon=True)
        self.steps = steps
        self.on_outage = on_outage
        self.away: set[Callable] = set()  # the steps that found their server out of reach

    def run(self):
        due = dict.fromkeys(self.steps, 0.0)
        pause = threading.Event()
        while True:
            pause.wait(max(0.0, min(due.values()) - monotonic()))
            for step in self.steps:
                if due[step] <= monotonic():
                    due[step] = monotonic() + self.take(step)

    def take(self, step: Callable[[], float]) -> float:
        plain = getattr(step, "func", step)  # of a partial
        name = f"{self.name}: {getattr(plain, '__name__', plain)}"
        try:
            pause = step()
            if step in self.away:
                self.away.remove(step)
                logger.warning("%s: in touch again", name)
            return pause
        except (*UNAVAILABLE, KombuError, OSError) as error:
            if step not in self.away:  # said once, not every second of an outage
                self.away.add(step)
                logger.warning("%s: out of reach, trying on: %s", name, error)
            self.on_outage()
            return 1
        except Exception:
            logger.exception("%s: unexpected", name)
            return 5
