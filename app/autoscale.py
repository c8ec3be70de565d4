"""How many worker dynos run: from what waits, runs and falls due to a number, and from that to a call of the platform.

`workers` decides and knows of nothing else. Scaler does the rest, in a thread of each web process; a short lock elects
the one that acts. What they know stands in Redis, in one key behind the prefix:
autoscale  JSON of a Note
"""

import json
import logging
import math
from collections.abc import Iterable
from typing import NamedTuple

from app import demand
from app.config import Settings
from app.demand import START_SECONDS, Demand
from app.heroku import Busy, Heroku, Limited, Refused
from app.queue import QUEUE
from app.reader import PREFIX
from app.store import Store, dumps

logger = logging.getLogger(__name__)

TICK_SECONDS = 2
#: More workers when the oldest due job has waited so long, so that what one worker does at once starts no other.
UP_SECONDS = 10
#: One worker less when one less would have done for so long; the last one, too, when nothing falls due for as long.
DOWN_SECONDS = 120
#: The platform is asked so often what it runs, in case a person has scaled.
ASK_SECONDS = 60
#: Longer than two calls should take. Should they take longer, two may act at a time, each on what it has just seen.
CALL_SECONDS = 45
#: What a dyno's size forbids is tried again after so long.
LIMIT_SECONDS = 3600


class State(NamedTuple):
    wait: float = 0.0  # seconds that the oldest due job waits
    hand: int = 0  # jobs that are due, queued or running
    soon: int = 0  # jobs that fall due within the time that a worker needs to start
    next: float = math.inf  # seconds until the next one falls due
    workers: int = 0  # that the platform was told to run
    slots: int = 1  # jobs at a time of each
    quiet: float = 0.0  # seconds that one worker less would have done
    highest: int = 0  # number of the last worker that runs a job; 0 for none


def workers(state: State, least: int, most: int) -> int:
    """How many should run, from `least` to `most`; more only as long as one beyond runs a job.

    Up at once to what gives each job a slot; down by one, after a while. The platform stops those with the highest
    numbers, so it does not go below one that runs a job.
    """
    now, wanted = state.workers, state.workers
    if now == 0:
        wanted = slots_for(state.hand + state.soon, state)
    elif state.wait >= UP_SECONDS:
        wanted = max(now, slots_for(state.hand, state))
    elif state.quiet >= DOWN_SECONDS and spare(state):
        wanted = now - 1
    wanted = min(max(wanted, least), most)
    return max(wanted, min(state.highest, now))


def spare(state: State) -> bool:
    """Whether one worker less would do."""
    if state.workers == 1 and state.next < DOWN_SECONDS:
        return False
    return state.wait < UP_SECONDS and slots_for(state.hand + state.soon, state) < state.workers


def slots_for(jobs: int, state: State) -> int:
    return math.ceil(jobs / state.slots)


class Note(NamedTuple):
    """Times are ms since 1970."""

    at: float = 0.0  # when this was true
    workers: int | None = None  # what the platform runs; None: not asked yet
    size: str = ""  # of their dynos
    wanted: int | None = None
    asked: float = 0.0  # when the platform last told
    woke: float = 0.0  # when it was last told to start some where none were
    quiet_since: float = 0.0
    slots: int = 0
    most: int | None = None  # that the size of the dynos allows; None: as many as we like
    most_since: float = 0.0
    failures: int = 0  # calls in a row without an answer
    refusal: tuple[int, str] | None = None  # status and words of the platform, which stay so
    until: float = 0.0  # the platform is left alone till then

    @classmethod
    def read(cls, store: Store) -> "Note":
        """What a newer release has added is left out."""
        kept = json.loads(store.redis.get(f"{PREFIX}autoscale") or "{}")
        return cls(**{name: value for name, value in kept.items() if name in cls._fields})

    def keep(self, store: Store) -> None:
        store.insist("SET", f"{PREFIX}autoscale", dumps(self._asdict()), "EX", 86400)


class Scaler:
    def __init__(self, store: Store, settings: Settings, queues: Iterable[str] = (QUEUE,)):
        self.store, self.settings, self.queues = store, settings, queues
        self.heroku = Heroku(settings)

    def step(self) -> float:
        if self.store.lock("autoscale", TICK_SECONDS * 0.9):
            self.tick()
        return TICK_SECONDS

    def tick(self) -> None:
        note, _ = self.noted(Note.read(self.store), self.look())
        asks = note.workers is None or note.wanted != note.workers or note.at - note.asked > ASK_SECONDS * 1000
        if asks and note.at >= note.until and self.store.lock("autoscale-call", CALL_SECONDS):
            try:
                note = self.told(note)
            finally:
                self.store.redis.delete(f"{PREFIX}lock:autoscale-call")
        note.keep(self.store)

    def look(self) -> Demand:
        return demand.look(self.store, self.queues if self.settings.broker_url == self.settings.redis_url else ())

    def noted(self, note: Note, seen: Demand) -> tuple[Note, State]:
        """What it comes to, with what was known before."""
        if note.at > seen.now:  # the clock of Redis was put back: times of then may be far ahead
            note = note._replace(asked=0.0, quiet_since=0.0, most=None, until=0.0)
        slots = seen.slots or note.slots or self.settings.worker_concurrency
        state = State(seen.wait, seen.waiting + seen.running, seen.soon, seen.next, note.workers or 0, slots,
                      highest=seen.highest)
        if not spare(state) or not note.quiet_since:
            note = note._replace(quiet_since=seen.now)
        if note.most is not None and seen.now - note.most_since > LIMIT_SECONDS * 1000:
            note = note._replace(most=None)
        state = state._replace(quiet=(seen.now - note.quiet_since) / 1000)
        return note._replace(at=seen.now, slots=slots, wanted=self.wanted(note, state)), state

    def wanted(self, note: Note, state: State) -> int:
        most = self.settings.autoscale_max if note.most is None else min(note.most, self.settings.autoscale_max)
        return workers(state, min(self.settings.autoscale_min, most), most)

    def told(self, note: Note) -> Note:
        """Ask the platform what it runs, and tell it what it should."""
        try:
            return self.changed(*self.asked())
        except Busy as error:
            log = logger.warning if not note.failures else logger.debug  # once, not all through an outage
            log("autoscale: the platform is left alone for %g s: %s", error.wait, error)
            return note._replace(failures=note.failures + 1, until=note.at + error.wait * 1000)
        except Refused as error:
            if note.refusal is None or note.refusal[0] != error.status:
                logger.error("autoscale: the platform refuses: %s", error)
            return note._replace(refusal=(error.status, error.why), until=note.at + ASK_SECONDS * 1000)

    def asked(self) -> tuple[Note, State]:
        """What the platform runs, and what there is to do once it has said so: it may have taken its time."""
        found = self.heroku.get()
        note, seen = Note.read(self.store), self.look()
        if found.size != note.size:  # what the one forbids the other may allow
            note = note._replace(most=None)
        if found.workers != note.workers:  # somebody else has scaled
            note = note._replace(quiet_since=0.0)
        note = note._replace(workers=found.workers, size=found.size, asked=seen.now, failures=0)
        return self.noted(note, seen)

    def changed(self, note: Note, state: State) -> Note:
        before = note.workers
        if note.wanted != before:
            try:
                note = note._replace(workers=self.heroku.set(note.wanted).workers, quiet_since=note.at)
            except Limited as error:
                logger.warning("autoscale: %s dynos allow %d of a type; AUTOSCALE_MAX is %d. More: heroku ps:type "
                               "worker=standard-1x", note.size, error.most, self.settings.autoscale_max)
                refused, note = note.wanted, note._replace(most=error.most, most_since=note.at)
                note = note._replace(wanted=self.wanted(note, state))
                return self.changed(note, state) if note.wanted < refused else note
            logger.info("autoscale: workers %d -> %d; %d jobs in hand, the oldest waits %.0f s, %d fall due soon",
                        before, note.workers, state.hand, state.wait, state.soon)
        return note._replace(woke=note.at if not before and note.workers else note.woke, refusal=None)


def starting(note: Note) -> bool:
    """Whether a worker is not heard of yet because it has only just been asked for."""
    return bool(note.workers) and note.at - note.woke < 2 * START_SECONDS * 1000
