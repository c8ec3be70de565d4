"""Logs go to stderr, a line each; Sentry hears of errors when SENTRY_DSN is set."""

import logging

import sentry_sdk

from app.config import Settings


def start(settings: Settings) -> None:
    """Set up logging and Sentry. Call once in each process, before it forks."""
    logging.basicConfig(level=settings.log_level, format="%(levelname)s %(name)s %(message)s", force=True)
    if settings.sentry_dsn:
        sentry_sdk.init(dsn=settings.sentry_dsn, environment="development" if settings.development else "production")
