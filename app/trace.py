"""The trace that a request and its jobs share. Who keeps one is found here, so that the core knows of neither."""

import logging
from collections.abc import Callable
from importlib import import_module

from app.config import Settings

logger = logging.getLogger(__name__)

#: Who keeps one here.
started: set[str] = set()
#: Each returns what a message made now carries in its headers: to whichever process, at whatever time, it runs in.
carriers: list[Callable[[], dict]] = []


def start(settings: Settings) -> None:
    """Call once in each process, before it forks. Without its variable, nothing of either is imported."""
    for name, wanted in (("sentry", settings.sentry_dsn), ("telemetry", settings.otlp_endpoint)):
        if wanted:
            try:
                import_module(f"app.{name}").start(settings)
                started.add(name)
            except ModuleNotFoundError as missing:
                logger.warning("no %s, though its variable is set: %s", name, missing)
            except Exception:  # of its own variables; what only tells of the app must not keep it from working
                logger.exception("no %s, though its variable is set", name)


def carried() -> dict:
    return {name: value for carry in carriers for name, value in carry().items()}
