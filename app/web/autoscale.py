"""Starts the scaler in each web process where it is configured, and says on the page what it meets."""

import logging

from flask import Blueprint, current_app

from app.autoscale import TICK_SECONDS, Note, Scaler, starting
from app.config import Settings
from app.loop import Loop
from app.queue import queues
from app.redis_health import Problem
from app.web.api import store
from app.web.language import _

blueprint = Blueprint("autoscale", __name__)
logger = logging.getLogger(__name__)

#: What was noted longer ago, in ticks, nobody stands for.
STALE_TICKS = 15
#: Calls without an answer in a row, before somebody is told.
FAILURES = 3


@blueprint.record
def set_up(setup):
    settings, extensions = setup.app.extensions["settings"], setup.app.extensions
    if not settings.autoscale_max:
        return
    missing = [name for name in ("HEROKU_API_TOKEN", "HEROKU_APP") if not getattr(settings, name.lower())]
    if missing:
        logger.warning("autoscale: off, as %s is not set", " and ".join(missing))
        return
    extensions["problems"].append(problem)
    extensions["rests"].append(rests)
    scaler = Scaler(extensions["store"], settings, queues(extensions["celery"]))
    extensions["on_start"].append(lambda: Loop("autoscale", scaler.step).start())


def rests() -> str:
    note = Note.read(store())
    if note.workers is None or note.refusal or note.at < (store().now() - STALE_TICKS * TICK_SECONDS) * 1000:
        return ""
    if note.workers == note.wanted == 0:
        return _("No worker runs, as there is nothing to do; one is started when a job is due.")
    return _("A worker is starting.") if starting(note) else ""


def problem() -> Problem | None:
    note, settings = Note.read(store()), current_app.extensions["settings"]
    if note.refusal:
        return refused(*note.refusal, settings)
    if note.failures >= FAILURES:
        return Problem(_("Heroku's API does not answer, so workers are not scaled."), "heroku status")
    if note.most is not None and note.most < settings.autoscale_max:
        return Problem(_("Of %(size)s dynos a type may have %(most)s, so no more workers are started, though "
                         "AUTOSCALE_MAX is %(wanted)s.", size=note.size or "such", most=note.most,
                         wanted=settings.autoscale_max), "heroku ps:type worker=standard-1x")
    return None


def refused(status: int, why: str, settings: Settings) -> Problem:
    if status in (401, 403):
        return Problem(_("Heroku does not let HEROKU_API_TOKEN scale workers (%(status)s), so they stay as they are.",
                         status=status),
                       'heroku config:set HEROKU_API_TOKEN="$(heroku authorizations:create --scope write --short)"')
    if status == 404:
        return Problem(_("Heroku knows of no worker of the app %(app)s, so none is scaled: HEROKU_APP is its name.",
                         app=settings.heroku_app), "heroku apps:info")
    return Problem(_("Heroku does not scale workers (%(status)s): %(why)s", status=status, why=why), "heroku ps")
