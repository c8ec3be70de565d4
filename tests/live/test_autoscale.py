"""The scaler on a Platform API that answers as Heroku's does: from what is in Redis to workers that run."""

import pytest

from app.autoscale import ASK_SECONDS, DOWN_SECONDS, UP_SECONDS, Note, Scaler
from app.config import Settings
from app.web import create_app
from app.web.autoscale import problem, rests
from tests.dynos import freeze, thaw, wait_for
from tests.platform_api import DOWN, FORBIDDEN, NOT_FOUND, RATE_LIMIT, TOKEN, UNAUTHORIZED, UNVERIFIED, Platform
from tests.stores import start, submit


@pytest.fixture
def platform():
    platform = Platform()
    yield platform
    platform.end()


@pytest.fixture
def tick(platform, store, clock):
    """Some seconds later, once."""
    def tick(seconds=0.0, **env):
        clock.forward(seconds)
        scaler = Scaler(store, Settings.from_env({"APP_ENV": "development", "WORKER_CONCURRENCY": "2"}
                                                 | platform.env | env))
        scaler.tick()
        return Note.read(store)
    return tick


@pytest.fixture
def page(redis, store, platform):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "RATE_LIMIT": "0"} | platform.env))
    app.extensions["store"] = store
    with app.test_request_context():
        yield app


def test_a_job_wakes_an_app_that_sleeps_and_once_it_is_done_for_long_it_sleeps_again(platform, store, tick):
    tick()
    assert platform.told() == []
    submit(store)
    assert tick(1).workers == platform.quantity == 1
    token = start(store).token
    tick(DOWN_SECONDS + 1)
    assert platform.quantity == 1, "it runs"
    store.settle("a", token, "w1", "succeeded")
    tick(1)
    tick(DOWN_SECONDS - 2)
    assert platform.quantity == 1
    tick(2)
    assert platform.told() == [1, 0]


def test_more_workers_when_jobs_wait_and_fewer_one_by_one(platform, store, tick):
    platform.quantity = 1
    for id in "abcdef":
        submit(store, id)
    tick()
    assert platform.told() == []
    tick(UP_SECONDS)
    assert platform.told() == [3]
    for id in "abcdef":
        store.cancel(id)
    tick(1)
    for _ in range(3):
        tick(DOWN_SECONDS)
    assert platform.told() == [3, 2, 1, 0]


def test_a_worker_with_a_number_keeps_those_before_it_while_it_runs_a_job(platform, store, tick):
    platform.quantity = 3
    submit(store)
    token = start(store, worker="worker.2-1f3a@host", lease=9999).token
    tick()
    for _ in range(4):
        tick(DOWN_SECONDS)
    assert platform.told() == [2]
    store.settle("a", token, "worker.2-1f3a@host", "succeeded")
    tick(DOWN_SECONDS)
    assert platform.told() == [2, 1]


def test_a_job_that_begins_while_the_platform_takes_its_time_is_not_cut(platform, store, tick):
    platform.quantity = 2
    tick()
    tick(DOWN_SECONDS - 30)
    begun = []

    def begin():
        if not begun:
            submit(store)
            begun.append(start(store, worker="worker.2-1f3a@host", lease=9999))

    platform.before_answer = begin
    tick(31)
    tick(DOWN_SECONDS)
    assert begun and platform.told() == []


def test_what_runs_and_has_no_record_is_not_cut_either(platform, store, tick):
    """A task that opts out of our jobs: only its worker knows of it."""
    platform.quantity = 2
    for _ in range(60):
        store.beat("worker.2-1f3a@host", 2, 1)
        tick(DOWN_SECONDS / 30)
    assert platform.told() == []
    store.beat("worker.2-1f3a@host", 2, 0)
    tick(1)
    assert platform.told() == [1]


def test_what_another_program_put_on_the_broker_wakes_it(platform, store, tick):
    store.redis.lpush("default", "a message")
    tick()
    assert platform.told() == [1]


def test_what_falls_due_wakes_it_in_time_a_schedule_too(platform, store, tick, clock):
    submit(store, delay=300)
    store.create_schedule("s", clock() + 900_000, {"kind": "demo"}, 9)
    tick()
    tick(260)
    assert platform.told() == []
    tick(15)
    assert platform.told() == [1]
    store.cancel("a")
    tick(1)
    tick(DOWN_SECONDS)
    assert platform.told() == [1, 0]
    tick(900 - 276 - DOWN_SECONDS - 20)
    assert platform.told() == [1, 0, 1]


def test_between_its_bounds(platform, store, tick):
    tick(AUTOSCALE_MIN="2")
    assert platform.quantity == 2
    tick(ASK_SECONDS + 1, AUTOSCALE_MIN="0", AUTOSCALE_MAX="1")
    assert platform.quantity == 1


def test_what_a_person_has_scaled_it_learns(platform, store, tick):
    tick()
    platform.quantity = 2
    assert tick(ASK_SECONDS + 1).workers == 2
    tick(DOWN_SECONDS + 1)
    assert platform.told() == [1]


def test_at_rest_it_asks_once_a_minute(platform, tick):
    for _ in range(100):
        tick(2)
    assert platform.asked == [("GET", None)] * 4


@pytest.mark.parametrize("size", ["Basic", "Eco"])
def test_one_dyno_a_type_is_understood_once_and_said(platform, store, tick, page, caplog, size):
    platform.size = size
    for id in "abcdef":
        submit(store, id)
    assert tick().workers == 1
    for _ in range(10):
        tick(30)
    assert platform.told() == [3, 1]
    assert [record.message for record in caplog.records if "dynos allow" in record.message] == [
        f"autoscale: {size} dynos allow 1 of a type; AUTOSCALE_MAX is 3. More: heroku ps:type worker=standard-1x"]
    assert problem().sentence.startswith(f"Of {size} dynos a type may have 1, so no more workers are started")
    platform.size = "Standard-1X"
    tick(ASK_SECONDS + 1)
    tick(1)
    assert platform.quantity == 3
    assert problem() is None


def test_of_a_limit_for_all_types_together_it_takes_what_is_left(platform, store, tick, page):
    platform.most = 2
    for id in "abcdef":
        submit(store, id)
    tick()
    for _ in range(10):
        tick(30)
    assert platform.told() == [3, 2, 1]
    assert "a type may have 1, so no more workers are started" in problem().sentence


@pytest.mark.parametrize(("answer", "words"), [
    (UNAUTHORIZED, "Heroku does not let HEROKU_API_TOKEN scale workers (401)"),
    (FORBIDDEN, "Heroku does not let HEROKU_API_TOKEN scale workers (403)"),
    (NOT_FOUND, "Heroku knows of no worker of the app shop"),
    (UNVERIFIED, "Heroku does not scale workers (422): Please verify your account."),
    ((302, {"Location": "/elsewhere"}, {}), "Heroku does not scale workers (302)"),
    ((200, {}, b"<html>"), "Heroku does not scale workers (200): an answer without a quantity")])
def test_what_it_refuses_is_said_and_asked_again_a_minute_later(platform, store, tick, page, caplog, answer, words):
    platform.answers = [answer] * 2
    submit(store)
    tick()
    assert problem().sentence.startswith(words)
    for _ in range(10):
        tick(5)
    assert len(platform.asked) == 1
    tick(ASK_SECONDS)
    assert len([record for record in caplog.records if "refuses" in record.message]) == 1
    assert TOKEN not in caplog.text
    tick(ASK_SECONDS)
    assert platform.quantity == 1 and problem() is None


def test_a_limit_of_requests_is_waited_out(platform, store, tick):
    platform.answers = [RATE_LIMIT]
    submit(store)
    tick()
    tick(1)
    assert len(platform.asked) == 1
    tick(1)
    assert platform.quantity == 1


def test_a_limit_is_waited_out_where_redis_is_full(platform, store, tick):
    platform.answers = [RATE_LIMIT]
    submit(store)
    store.redis.config_set("maxmemory", 1)
    tick()
    tick(1)
    assert len(platform.asked) == 1
    tick(1)
    store.redis.config_set("maxmemory", 0)
    assert platform.quantity == 1


def test_a_clock_that_is_put_back_keeps_nobody_waiting_for_what_was_noted_before(platform, store, tick):
    platform.answers = [DOWN]
    submit(store)
    tick()
    tick(-3600)
    assert platform.quantity == 1
    store.cancel("a")
    tick(1)
    tick(-3600)
    tick(DOWN_SECONDS)
    assert platform.told() == [1, 0]


def test_an_outage_is_waited_out_and_said_when_it_lasts(platform, store, tick, page, caplog):
    platform.answers = [DOWN] * 3
    submit(store)
    for expected in (None, None, "Heroku's API does not answer, so workers are not scaled."):
        tick(31)
        assert (problem() and problem().sentence) == expected
    assert len([record for record in caplog.records if "left alone" in record.message]) == 1
    tick(31)
    assert platform.quantity == 1 and problem() is None


def test_who_is_slow_or_not_there_is_no_more_than_that(platform, store, tick, monkeypatch):
    monkeypatch.setattr("app.asking.SECONDS", 0.2)
    submit(store)
    platform.slow = 1
    assert tick().failures == 1
    platform.slow = 0
    assert tick(31).workers == 1
    platform.end()
    assert tick(ASK_SECONDS + 1).failures == 1


def test_only_one_process_acts_at_a_time(platform, store, tick):
    submit(store)
    store.lock("autoscale-call", 10)
    tick()
    assert platform.asked == []
    scaler = Scaler(store, Settings.from_env({"APP_ENV": "development"} | platform.env))
    store.lock("autoscale", 10)
    scaler.step()
    assert platform.asked == []


def test_an_app_that_sleeps_is_well(platform, store, tick, page, clock):
    client = page.test_client()
    assert client.get("/health/ready").status_code == 503, "nobody has asked the platform yet"
    tick()
    assert client.get("/health/ready").json == {"status": "ready", "workers": 0, "reason": rests()}
    client.post("/sign-in", data={"token": "t"})
    text = client.get("/").text
    assert "No worker has started" not in text and "No worker runs, as there is nothing to do" in text
    submit(store)
    tick(1)
    assert rests() == "A worker is starting."
    tick(61)
    assert rests() == ""
    assert client.get("/health/ready").status_code == 503
    assert "No worker has started" in client.get("/").text


def test_a_scaler_that_is_gone_excuses_nothing(store, tick, page, clock):
    tick()
    assert rests()
    clock.forward(60)
    assert rests() == ""


def test_off_unless_all_of_it_is_set(platform, capsys):
    others = len(create_app(Settings.from_env({"APP_ENV": "development"})).extensions["on_start"])
    for left_out in ("HEROKU_APP", "HEROKU_API_TOKEN", "AUTOSCALE_MAX"):
        env = {name: value for name, value in platform.env.items() if name != left_out}
        app = create_app(Settings.from_env({"APP_ENV": "development"} | env))
        assert (len(app.extensions["on_start"]), app.extensions["rests"]) == (others, [])
    assert "autoscale: off, as HEROKU_APP is not set" in capsys.readouterr().err
    app = create_app(Settings.from_env({"APP_ENV": "development", "HEROKU_PR_NUMBER": "7"} | platform.env))
    assert len(app.extensions["on_start"]) == others, "a review app does not scale its parent"


def test_from_nothing_to_workers_that_run_the_jobs_and_back(redis, make_dynos, monkeypatch, platform):
    """Real processes: gunicorn scales up, and one that comes after it down; the platform starts and stops workers."""
    dynos = platform.dynos = make_dynos(redis.url, WORKER_CONCURRENCY="1", **platform.env)
    web = dynos.web(WEB_CONCURRENCY="2")
    wait_for(lambda: platform.asked == [("GET", None)], what="one of two processes to ask the platform")
    freeze(web.popen.pid)  # or it might look after the first job
    for name in "abc":
        dynos.work(name, 2)
    thaw(web.popen.pid)
    wait_for(lambda: len(dynos.lines("done")) == 3, 60)
    assert platform.told() == [3]
    assert TOKEN not in web.text()
    web.end()
    monkeypatch.setattr("app.autoscale.DOWN_SECONDS", 3)
    last = dynos.work("last", 8)
    scaler = Scaler(dynos.store, dynos.celery.settings)
    wait_for(lambda: scaler.step() and platform.quantity == 0, 60)
    assert dynos.job(last)["state"] == "succeeded" and dynos.job(last)["attempt"] == 1
    wait_for(lambda: not dynos.store.workers(within=60), what="the workers to leave")
    later = dynos.work("later", countdown=32)
    wait_for(lambda: scaler.step() and dynos.job(later)["state"] == "succeeded", 60)
