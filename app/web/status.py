"""Is it working? What is wrong, in a sentence each, with the command that mends it."""

from typing import NamedTuple

from app.config import Settings
from app.pulse import Pulse, Worker
from app.web.health import SILENT_SECONDS
from app.web.language import _, duration, ngettext

#: From this share of a limit on, somebody should know.
NEARLY = 0.9
#: A due job may wait so long before it is said that there are too few workers, in seconds.
LONG_WAIT = 60


class Problem(NamedTuple):
    sentence: str  # {} is where `time` stands, which grows: it is shown, but not read out again and again
    command: str
    time: str = ""
    here: str = ""  # the command on a developer's machine


def alive(pulse: Pulse) -> list[Worker]:
    return [worker for worker in pulse.workers if pulse.now - worker.heard <= SILENT_SECONDS * 1000]


def problems(pulse: Pulse, settings: Settings) -> list[Problem]:
    """The worst first."""
    return [problem for problem in (no_worker(pulse, settings), cannot_save(pulse), no_room(pulse), evicts(pulse),
                                    few_connections(pulse), too_few_workers(pulse)) if problem]


def no_worker(pulse: Pulse, settings: Settings) -> Problem | None:
    if alive(pulse):
        return None
    here = "bin/dev" if settings.development else ""
    last = max(pulse.left, *(worker.heard for worker in pulse.workers), 0)
    if not last:
        return Problem(_("No worker has started yet, so nothing runs."), "heroku ps:scale worker=1", here=here)
    return Problem(_("No worker{}, so nothing runs."), "heroku ps:scale worker=1",
                   _(" for %(time)s", time=duration((pulse.now - last) / 1000)), here)


def cannot_save(pulse: Pulse) -> Problem | None:
    if pulse.saves is not False:
        return None
    return Problem(_("Redis could not save its data to disk, and refuses changes until it can."), "heroku redis:info")


def no_room(pulse: Pulse) -> Problem | None:
    if not pulse.memory or not pulse.memory.most or pulse.memory.used < NEARLY * pulse.memory.most:
        return None
    return Problem(_("Redis is %(share)s %% full; once it is, new jobs are refused. Delete what has ended, or take a "
                     "larger plan.", share=int(100 * pulse.memory.used / pulse.memory.most)),
                   "heroku addons:upgrade REDIS heroku-redis:premium-0")


def evicts(pulse: Pulse) -> Problem | None:
    if not pulse.memory or pulse.memory.policy in ("noeviction", ""):
        return None
    return Problem(_("When Redis is full it will throw away jobs, as its policy is %(policy)s.",
                     policy=pulse.memory.policy), "heroku redis:maxmemory REDIS --policy noeviction")


def few_connections(pulse: Pulse) -> Problem | None:
    if not pulse.connections or pulse.connections[0] < NEARLY * pulse.connections[1]:
        return None
    return Problem(_("Redis has %(now)s of its %(most)s connections in use; a worker more may not get one.",
                     now=pulse.connections[0], most=pulse.connections[1]),
                   "heroku addons:upgrade REDIS heroku-redis:premium-0")


def too_few_workers(pulse: Pulse) -> Problem | None:
    workers = len(alive(pulse))
    if not workers or (pulse.oldest or 0) < LONG_WAIT:
        return None
    sentence = ngettext("Jobs wait{}: more come than %(num)s worker gets done. Eco and Basic dynos allow one worker; "
                        "larger ones: heroku ps:type standard-1x",
                        "Jobs wait{}: more come than %(num)s workers get done.", workers)
    return Problem(sentence % {"num": workers}, f"heroku ps:scale worker={workers + 1}",
                   _(" up to %(time)s", time=duration(pulse.oldest)))
