"""What is wrong with Redis, in a sentence each, with the command that mends it: for the page, and for a release.

`_` makes a sentence of a text and its values: the page's in the reader's language, `english` in English.
"""

from collections.abc import Callable
from typing import NamedTuple

from app.pulse import Pulse

#: The first Redis whose scripts carry flags, which store.lua has. Every Valkey does.
OLDEST = 7
#: From this share of a limit on, somebody should know.
NEARLY = 0.9
LARGER = "heroku addons:upgrade REDIS heroku-redis:premium-0"

Words = Callable[..., str]


class Problem(NamedTuple):
    sentence: str  # {} is where `time` stands, which grows: it is shown, but not read out again and again
    command: str
    time: str = ""
    here: str = ""  # the command on a developer's machine


def english(text: str, **values) -> str:
    return text % values


def problems(pulse: Pulse, _: Words) -> list[Problem]:
    """The worst first."""
    return [problem for problem in (cannot_save(pulse, _), no_room(pulse, _), evicts(pulse, _),
                                    few_connections(pulse, _)) if problem]


def cannot_save(pulse: Pulse, _: Words) -> Problem | None:
    if pulse.saves is not False:
        return None
    return Problem(_("Redis could not save its data to disk, and refuses changes until it can."), "heroku redis:info")


def no_room(pulse: Pulse, _: Words) -> Problem | None:
    if not pulse.memory or not pulse.memory.most or pulse.memory.used < NEARLY * pulse.memory.most:
        return None
    if pulse.memory.used >= pulse.memory.most:
        return Problem(_("Redis is full, and refuses new jobs. Delete what has ended, or take a larger plan."), LARGER)
    return Problem(_("Redis is %(share)s %% full; once it is, new jobs are refused. Delete what has ended, or take a "
                     "larger plan.", share=int(100 * pulse.memory.used / pulse.memory.most)), LARGER)


def evicts(pulse: Pulse, _: Words) -> Problem | None:
    if not pulse.memory or pulse.memory.policy in ("noeviction", ""):
        return None
    return Problem(_("When Redis is full it will throw away jobs, as its policy is %(policy)s.",
                     policy=pulse.memory.policy), "heroku redis:maxmemory REDIS --policy noeviction")


def few_connections(pulse: Pulse, _: Words) -> Problem | None:
    if not pulse.connections or pulse.connections[0] < NEARLY * pulse.connections[1]:
        return None
    return Problem(_("Redis has %(now)s of its %(most)s connections in use; a worker more may not get one.",
                     now=pulse.connections[0], most=pulse.connections[1]), LARGER)


def forgets(pulse: Pulse, _: Words) -> Problem | None:
    """No problem of the page's, which has it among its facts: who tries the app out can live with it."""
    return Problem(_("Redis forgets all when it restarts"), LARGER) if pulse.persistent is False else None
