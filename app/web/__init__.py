"""The web side. Every module here that has a `blueprint` is part of it; delete the file and that part is gone."""

import importlib
import pkgutil

from flask import Flask, request
from werkzeug.exceptions import HTTPException, ServiceUnavailable

from app import NAME, logs
from app.config import Settings
from app.connections import UNAVAILABLE
from app.files import Away
from app.kinds import kinds
from app.queue import make_celery

#: The largest request, in bytes. A job lives in Redis, which has 25 MB on the smallest plan.
LARGEST_BODY = 256 * 1024
#: Seconds after which a client may ask again while Redis is away: it is back in a few after a restart.
RETRY_AFTER = 5


def create_app(settings: Settings | None = None) -> Flask:
    """Build the app. Nothing is connected yet, so gunicorn may fork after it.

    Raises:
        ConfigError: the environment is not right.
    """
    settings = settings or Settings.from_env()
    logs.start(settings)
    flask = Flask(__name__)
    flask.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=not settings.development,
    )
    flask.json.sort_keys = False
    celery = make_celery(settings)
    flask.extensions |= {"settings": settings, "celery": celery, "kinds": kinds(celery), "store": celery.store,
                         "files": celery.files}
    for module in pkgutil.iter_modules(__path__):
        blueprint = getattr(importlib.import_module(f"{__name__}.{module.name}"), "blueprint", None)
        if blueprint:
            flask.register_blueprint(blueprint)
    flask.context_processor(lambda: {"app_name": NAME, "parts": set(flask.blueprints),
                                     "has_email": "email" in flask.extensions["kinds"]})
    flask.register_error_handler(HTTPException, answer)
    flask.after_request(not_stored)
    for error in (*UNAVAILABLE, Away):
        flask.register_error_handler(error, unavailable)
    return flask


def answer(error: HTTPException):
    """An error in the form that the client reads: problem+json under /api, a page elsewhere."""
    from app.web import pages, problems  # they import from this package in turn

    return problems.http(error) if request.path.startswith("/api") else pages.error(error)


def not_stored(response):
    """Jobs and mail are nobody's cache to keep; only what is the same for all may be kept."""
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def unavailable(error):
    what = "The bucket of files cannot be used" if isinstance(error, Away) else (
        "The job store (Redis) cannot be reached or is full")
    return answer(ServiceUnavailable(f"{what}. Nothing was changed; try again.", retry_after=RETRY_AFTER))
