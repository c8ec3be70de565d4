"""The trace that a request and its jobs share. Who keeps one is found here, so that the core knows of neither."""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from app.config import Settings

#: Each returns what a message made now carries in its headers: to whichever process, at whatever time, it runs in.
carriers: list[Callable[[], dict]] = []


def start(settings: Settings) -> None:
    """Call once in each process, before it forks."""
    for name, wanted in (("sentry", settings.sentry_dsn),):
        if wanted and find_spec(f"app.{name}"):
            import_module(f"app.{name}").start(settings)


def carried() -> dict:
    return {name: value for carry in carriers for name, value in carry().items()}
