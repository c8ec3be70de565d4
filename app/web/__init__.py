"""The web side. Every module here that has a `blueprint` is part of it; delete the file and that part is gone."""

import gzip
import importlib
import os
import pkgutil

from flask import Flask, request, url_for
from werkzeug.exceptions import HTTPException, ServiceUnavailable, TooManyRequests

from app import NAME, lines, logs, trace
from app.accept import TooMany
from app.config import Settings
from app.connections import UNAVAILABLE
from app.files import Away
from app.kinds import kinds
from app.queue import make_celery
from app.web import auth, edge, language, limits

#: The largest request, in bytes. A job lives in Redis, which has 25 MB on the smallest plan.
LARGEST_BODY = 256 * 1024
#: Seconds after which a client may ask again while Redis is away: it is back in a few after a restart.
RETRY_AFTER = 5
#: Smaller answers gain nothing.
LEAST_GZIPPED = 1000


def create_app(settings: Settings | None = None) -> Flask:
    """Build the app. Nothing is connected yet, so gunicorn may fork after it.

    Raises:
        ConfigError: the environment is not right.
    """
    settings = settings or Settings.from_env()
    logs.start(settings, for_people="FLASK_RUN_FROM_CLI" in os.environ)
    trace.start(settings)
    flask = Flask(__name__)
    flask.config.update(
        SECRET_KEY=settings.secret_key,
        MAX_CONTENT_LENGTH=LARGEST_BODY,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=not settings.development,
        # No other host of the domain, and no plain HTTP, can set a cookie of such a name.
        SESSION_COOKIE_NAME="session" if settings.development else "__Host-session",
    )
    flask.json.sort_keys = False
    celery = make_celery(settings)
    flask.extensions |= {"settings": settings, "celery": celery, "kinds": kinds(celery), "store": celery.store,
                         "files": celery.files, "problems": [],  # of parts of the page, beside those of status.py
                         "rests": [],  # who may say why no worker runs, and none need
                         "alive": lambda: True,  # until the web process is asked to stop
                         "on_start": [],  # what each web process does on the side
                         "machines": {}}  # endpoints that a token of their own opens: whether the request has it
    limits.start(flask)
    edge.stand_behind(flask, settings.proxy_hops)
    flask.before_request(edge.admit)
    flask.before_request(auth.guard)
    for module in pkgutil.iter_modules(__path__):
        blueprint = getattr(importlib.import_module(f"{__name__}.{module.name}"), "blueprint", None)
        if blueprint:
            flask.register_blueprint(blueprint)
    flask.context_processor(lambda: {"app_name": NAME, "parts": set(flask.blueprints), "static": static_url,
                                     "development": settings.development,
                                     "has_email": "email" in flask.extensions["kinds"]})
    language.speak(flask)
    flask.register_error_handler(HTTPException, answer)
    flask.register_error_handler(TooMany, too_many)
    flask.after_request(gzipped)
    flask.after_request(edge.headers)
    for error in (*UNAVAILABLE, Away):
        flask.register_error_handler(error, unavailable)
    return flask


def answer(error: HTTPException):
    """An error in the form that the client reads: problem+json under /api, a page elsewhere."""
    from app.web import pages, problems  # they import from this package in turn

    return problems.http(error) if auth.by_token() else pages.error(error)


def gzipped(response):
    """Pages, JSON, style and script: a sixth of the bytes. Files that jobs made pass as they are."""
    response.vary.update(("Accept-Encoding", "Accept-Language"))
    if request.endpoint == "static":
        response.direct_passthrough = False
        response.make_sequence()
    if (response.status_code == 200 and not response.is_streamed and not response.direct_passthrough
            and request.accept_encodings["gzip"] and (response.content_length or 0) >= LEAST_GZIPPED):
        response.data = gzip.compress(response.data, 5)
        response.headers["Content-Encoding"] = "gzip"
    return response


def static_url(name: str) -> str:
    """The address of a static file, with its version: while dynos of two releases answer, one may have another."""
    return url_for("static", filename=name, v=edge.version(name))


def too_many(error):
    return answer(TooManyRequests(str(error), retry_after=60))


def unavailable(error):
    lines.besides(error=type(error).__name__)
    what = "The bucket of files cannot be used" if isinstance(error, Away) else (
        "The job store (Redis) cannot be reached or is full")
    return answer(ServiceUnavailable(f"{what}. Nothing was changed; try again.", retry_after=RETRY_AFTER))
