"""A day of jobs in fast time: the scaler decides, and a model of the platform and its workers does as it says."""

import heapq
import math
import random
from bisect import bisect_right
from typing import NamedTuple

from app.autoscale import TICK_SECONDS, Note, Scaler
from app.config import Settings
from app.demand import START_SECONDS, Demand

DAY = 86400
STEP = 0.5
SLOTS = 2
#: A dyno is up and its worker takes jobs.
BOOT_SECONDS = 25


class Work(NamedTuple):
    due: float  # seconds since midnight
    accepted: float
    seconds: float


class Told(NamedTuple):
    starts: list[float]  # of each job, in the order of their dues
    hours: float  # of workers, from their start to their end
    changes: list[tuple[float, int]]  # when, and to how many
    cut: int  # jobs that ran on a worker as it was stopped


def bursts(seed: int) -> list[Work]:
    """A newsletter at nine, reports each hour, a nightly import, and people: some now and then, some all at once."""
    chance = random.Random(seed)
    work = [Work(9 * 3600, 0, 1.5) for _ in range(600)]
    work += [Work(hour * 3600, (hour - 1) * 3600, chance.uniform(20, 60)) for hour in range(1, 24) for _ in range(3)]
    work.append(Work(3.5 * 3600, 0, 1500))
    at = 8 * 3600.0
    while (at := at + chance.expovariate(1 / 240)) < 19 * 3600:
        work.append(Work(at, at, chance.uniform(0.5, 10)))
    for _ in range(6):
        at = chance.uniform(7, 22) * 3600
        work += [Work(at + n * 0.05, at, chance.uniform(1, 12)) for n in range(chance.randint(40, 250))]
    return sorted(work)


def settings(least: int, most: int) -> Settings:
    return Settings.from_env({"APP_ENV": "development", "AUTOSCALE_MIN": str(least), "AUTOSCALE_MAX": str(most),
                              "HEROKU_APP": "a", "HEROKU_API_TOKEN": "t", "WORKER_CONCURRENCY": str(SLOTS)})


def run(work: list[Work], least: int, most: int, until: float = DAY, seed: int = 1) -> Told:
    """`least` = `most` is a fleet that is always on."""
    fleet, note, scaler = Fleet(seed), Note(workers=0), Scaler(None, settings(least, most))
    fleet.scale(least, -BOOT_SECONDS)
    note = note._replace(workers=least)
    dues, starts, changes, now, used = [job.due for job in work], [], [], 0.0, 0.0
    while now < until:
        reached = bisect_right(dues, now)
        fleet.finish(now)
        while len(starts) < reached and fleet.take(now, work[len(starts)].seconds):
            starts.append(now)
        if now % TICK_SECONDS == 0:
            note, _ = scaler.noted(note, demand(work, dues, starts, reached, fleet, now))
            if note.wanted != note.workers:
                fleet.scale(note.wanted, now)
                changes.append((now, note.wanted))
                note = note._replace(workers=note.wanted, quiet_since=now * 1000)
        used += len(fleet.ready) * STEP
        now += STEP
    return Told(starts, used / 3600, changes, fleet.cut)


def demand(work, dues, starts, reached, fleet, now) -> Demand:
    ahead = [job for job in work[reached:bisect_right(dues, now + 300)] if job.accepted <= now]
    return Demand(
        now * 1000, now - dues[len(starts)] if len(starts) < reached else 0, reached - len(starts), len(fleet.running),
        sum(job.due <= now + START_SECONDS for job in ahead), ahead[0].due - now if ahead else math.inf,
        SLOTS, fleet.highest())


class Fleet:
    """Workers by number; any of them takes the next job, the platform stops those with the highest numbers."""

    def __init__(self, seed: int):
        self.ready: dict[int, float] = {}
        self.running: list[tuple[float, int]] = []  # when each job ends, and where it runs
        self.chance = random.Random(seed)
        self.cut = 0

    def scale(self, count: int, now: float):
        self.cut += sum(number > count for _, number in self.running)
        self.running = [(end, number) for end, number in self.running if number <= count]
        self.ready = {number: self.ready.get(number, now + BOOT_SECONDS) for number in range(1, count + 1)}

    def finish(self, now: float):
        while self.running and self.running[0][0] <= now:
            heapq.heappop(self.running)

    def take(self, now: float, seconds: float) -> bool:
        busy = [number for _, number in self.running]
        free = [number for number, at in self.ready.items() if at <= now and busy.count(number) < SLOTS]
        if free:
            heapq.heappush(self.running, (now + seconds, self.chance.choice(free)))
        return bool(free)

    def highest(self) -> int:
        return max((number for _, number in self.running), default=0)
