"""Is it working? What is wrong, in a sentence each, with the command that mends it."""

from app import redis_health
from app.config import Settings
from app.pulse import Pulse, Worker
from app.redis_health import Problem
from app.states import QUEUED, RUNNING, SCHEDULED
from app.web.health import SILENT_SECONDS
from app.web.language import _, duration, ngettext

#: A due job may wait so long before it is said that there are too few workers, in seconds.
LONG_WAIT = 60


def alive(pulse: Pulse) -> list[Worker]:
    return [worker for worker in pulse.workers if pulse.now - worker.heard <= SILENT_SECONDS * 1000]


def problems(pulse: Pulse, settings: Settings, rests: str = "") -> list[Problem]:
    """The worst first. Args: rests: why no worker runs, and none need."""
    return [problem for problem in (not rests and no_worker(pulse, settings), *redis_health.problems(pulse, _),
                                    too_many(pulse, settings), too_few_workers(pulse)) if problem]


def no_worker(pulse: Pulse, settings: Settings) -> Problem | None:
    if alive(pulse):
        return None
    here = "bin/dev" if settings.development else ""
    last = max(pulse.left, *(worker.heard for worker in pulse.workers), 0)
    if not last:
        return Problem(_("No worker has started yet, so nothing runs."), "heroku ps:scale worker=1", here=here)
    return Problem(_("No worker{}, so nothing runs."), "heroku ps:scale worker=1",
                   _(" for %(time)s", time=duration((pulse.now - last) / 1000)), here)


def too_many(pulse: Pulse, settings: Settings) -> Problem | None:
    if sum(pulse.counts.get(state, 0) for state in (SCHEDULED, QUEUED, RUNNING)) < settings.waiting_max:
        return None
    return Problem(_("As many jobs wait or run as WAITING_MAX allows, %(most)s. New ones are refused, and those of "
                     "schedules wait, until some have ended.", most=settings.waiting_max),
                   f"heroku config:set WAITING_MAX={2 * settings.waiting_max}")


def too_few_workers(pulse: Pulse) -> Problem | None:
    workers = len(alive(pulse))
    if not workers or (pulse.oldest or 0) < LONG_WAIT:
        return None
    sentence = ngettext("Jobs wait{}: more come than %(num)s worker gets done. Eco and Basic dynos allow one worker; "
                        "larger ones: heroku ps:type standard-1x",
                        "Jobs wait{}: more come than %(num)s workers get done.", workers)
    return Problem(sentence % {"num": workers}, f"heroku ps:scale worker={workers + 1}",
                   _(" up to %(time)s", time=duration(pulse.oldest)))
