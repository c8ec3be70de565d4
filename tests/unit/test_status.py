"""What the page says when something is wrong, and the command that mends it."""

from dataclasses import replace

import pytest

from app.config import Settings
from app.pulse import Memory, Pulse, Worker
from app.web.status import problems

NOW = 1_800_000_000_000.0
DEVELOPMENT = Settings.from_env({"APP_ENV": "development"})
PRODUCTION = Settings.from_env({"REDIS_URL": "redis://h", "API_TOKEN": "t" * 32, "SECRET_KEY": "s" * 32})
WORKER = Worker("w1", NOW - 3_600_000, NOW - 4000, 2, 1, "v1")
FINE = Pulse(version=1, now=NOW, counts={}, workers=[WORKER], oldest=3.0, memory=Memory(5, 100, "noeviction"),
             connections=(11, 20), persistent=True, saves=True, left=0.0)


def said(settings=PRODUCTION, **changes):
    return [(problem.sentence.format(problem.time), problem.command)
            for problem in problems(FINE._replace(**changes), settings)]


def test_nothing_is_said_when_all_is_well_or_redis_does_not_tell():
    assert said() == []
    assert said(memory=None, connections=None, persistent=None, saves=None, oldest=None) == []
    assert said(memory=Memory(5, 0, "noeviction")) == []


@pytest.mark.parametrize(("changes", "time"), [
    ({"workers": [WORKER._replace(heard=NOW - 40_000)]}, "40 s"),
    ({"workers": [], "left": NOW - 180_000}, "3 min"),
    ({"workers": [WORKER._replace(heard=NOW - 90_000)], "left": NOW - 30_000}, "30 s"),
])
def test_no_worker(changes, time):
    assert said(**changes) == [(f"No worker for {time}, so nothing runs.", "heroku ps:scale worker=1")]


def test_no_worker_ever():
    assert said(workers=[]) == [("No worker has started yet, so nothing runs.", "heroku ps:scale worker=1")]
    (problem,) = problems(FINE._replace(workers=[]), DEVELOPMENT)
    assert problem.here == "bin/dev"


def test_a_worker_that_was_silent_for_a_moment_is_alive():
    assert said(workers=[WORKER._replace(heard=NOW - 20_000)]) == []


def test_a_disk_that_fails():
    assert said(saves=False) == [("Redis could not save its data to disk, and refuses changes until it can.",
                                  "heroku redis:info")]


def test_memory_that_is_nearly_full():
    ((sentence, command),) = said(memory=Memory(93, 100, "noeviction"))
    assert sentence.startswith("Redis is 93 % full; once it is, new jobs are refused.")
    assert command == "heroku addons:upgrade REDIS heroku-redis:premium-0"
    assert said(memory=Memory(89, 100, "noeviction")) == []
    assert said(memory=Memory(99, 100, "noeviction"))[0][0].startswith("Redis is 99 % full; once it is")


@pytest.mark.parametrize("used", [100, 138])
def test_memory_that_is_full(used):
    ((sentence, command),) = said(memory=Memory(used, 100, "noeviction"))
    assert sentence.startswith("Redis is full, and refuses new jobs.")
    assert command == "heroku addons:upgrade REDIS heroku-redis:premium-0"


def test_as_many_jobs_as_may_wait():
    settings = replace(PRODUCTION, waiting_max=6)
    counts = {"scheduled": 1, "queued": 2, "running": 3, "succeeded": 9}
    ((sentence, command),) = said(settings, counts=counts)
    assert sentence.startswith("As many jobs wait or run as WAITING_MAX allows, 6. New ones are refused")
    assert command == "heroku config:set WAITING_MAX=12"
    assert said(settings, counts=counts | {"running": 2}) == []


def test_a_policy_that_would_throw_away_jobs():
    ((sentence, command),) = said(memory=Memory(5, 100, "allkeys-lru"))
    assert "will throw away jobs, as its policy is allkeys-lru" in sentence
    assert command == "heroku redis:maxmemory REDIS --policy noeviction"


def test_connections_that_are_nearly_used_up():
    ((sentence, _command),) = said(connections=(18, 20))
    assert sentence.startswith("Redis has 18 of its 20 connections in use")


def test_jobs_that_wait_although_there_are_workers():
    ((sentence, command),) = said(oldest=240.0)
    assert sentence.startswith("Jobs wait up to 4 min: more come than 1 worker gets done. Eco and Basic dynos allow")
    assert command == "heroku ps:scale worker=2"
    ((sentence, command),) = said(oldest=240.0, workers=[WORKER, WORKER._replace(name="w2")])
    assert "than 2 workers get done" in sentence
    assert command == "heroku ps:scale worker=3"


def test_the_worst_comes_first():
    assert [command for _, command in said(workers=[], oldest=240.0, memory=Memory(99, 100, "allkeys-lru"))] == [
        "heroku ps:scale worker=1", "heroku addons:upgrade REDIS heroku-redis:premium-0",
        "heroku redis:maxmemory REDIS --policy noeviction"]
