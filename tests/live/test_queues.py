"""Queues, workers that take jobs of some of them, and priorities: by real workers on a real Redis."""

import signal

import pytest
from kombu import Queue

from app.config import ConfigError, Settings
from app.job import wake
from app.queue import make_celery, queues
from app.store import PREFIX
from app.timers import Timers
from app.web import create_app
from tests.dynos import wait_for

QUEUES = {"QUEUES": "mail,reports"}


@pytest.fixture
def dynos(redis, make_dynos):
    return make_dynos(redis.url, WORKER_CONCURRENCY="1", **QUEUES)


@pytest.fixture
def call(dynos):
    app = create_app(dynos.celery.settings)
    client = app.test_client()

    def call(method, path, body=None, **options):
        return client.open(path, method=method, json=body, headers={"Authorization": "Bearer test-token"}, **options)

    yield call
    app.extensions["store"].redis.close()


def sample(**route) -> dict:
    return {"kind": "sample", "params": {"seconds": 0, "label": "x"}, **route}


def held(dynos, **options):
    """Occupy the one slot of a worker until somebody writes to the ledger."""
    id = dynos.task("talks").apply_async((str(dynos.ledger), "waits"), **options).id
    wait_for(lambda: "said" in dynos.lines())
    return id


def test_mail_never_waits_behind_reports(dynos):
    dynos.worker(WORKER_QUEUES="reports,default")
    dynos.worker(WORKER_QUEUES="mail")
    held(dynos, queue="reports")
    late = [dynos.work(f"report {n}", queue="reports") for n in range(3)]
    mails = [dynos.work(f"mail {n}", queue="mail", countdown=n % 2) for n in range(6)]
    for id in mails:
        assert dynos.wait(id)["queue"] == "mail"
    assert not dynos.lines("start report"), "the reports still wait behind the first of them"
    with open(dynos.ledger, "a") as ledger:
        ledger.write("go on\n")
    for id in late:
        assert dynos.wait(id)["worker"] != dynos.job(mails[0])["worker"]


def test_the_more_urgent_first_and_among_equals_who_came_first(dynos):
    dynos.worker()
    held(dynos)
    wanted = [("a", None), ("b", 0), ("c", 5), ("d", 9), ("e", 4), ("f", 9), ("g", 1), ("h", None), ("i", 5)]
    ids = [dynos.work(name, priority=priority) for name, priority in wanted]
    with open(dynos.ledger, "a") as ledger:
        ledger.write("go on\n")
    for id in ids:
        dynos.wait(id)
    assert [line[-1] for line in dynos.lines("start")] == list("dfcieg" "abh")
    assert [dynos.job(id)["priority"] for id in ids] == [priority or 0 for _, priority in wanted]


def test_what_is_delayed_or_tried_again_keeps_its_queue_and_its_priority(dynos):
    dynos.worker(WORKER_QUEUES="mail")
    id = dynos.task("again").apply_async((str(dynos.ledger), "again", 1), queue="mail", priority=7, countdown=1).id
    dynos.wait(id, "scheduled")
    job = dynos.wait(id)
    assert (job["state"], job["attempt"], job["queue"], job["priority"]) == ("succeeded", 3, "mail", 7)


def test_a_worker_of_other_queues_promotes_and_sweeps_for_all(dynos):
    mailer = dynos.worker(WORKER_QUEUES="mail")
    due = dynos.work("due", queue="reports", countdown=1)
    lost = dynos.task("die").apply_async((str(dynos.ledger), "die"), queue="mail", priority=3).id
    dynos.wait(due, "queued")
    assert dynos.wait(lost)["attempt"] == 3, "each attempt comes back to its queue"
    mailer.signal_all(signal.SIGTERM)
    mailer.wait()
    dynos.worker(WORKER_QUEUES="reports")
    dynos.wait(due)


def test_a_lost_message_is_found_in_its_queue_behind_whatever_waits_in_others(dynos):
    """First in, first out is true of one queue and one priority alone."""
    reports = [dynos.work(f"report {n}", queue="reports") for n in range(3)]
    plain = [dynos.work(f"plain {n}") for n in range(3)]
    mail, urgent = dynos.work("mail", queue="mail"), dynos.work("urgent", priority=9)
    assert dynos.store.redis.delete("mail", "default\x06\x169") == 2
    store, timers = dynos.store, Timers(dynos.celery)
    assert timers.messages() == {"default": 3, "mail": 0, "reports": 3}
    assert store.sweep_queued(100, 60, 3600, timers.messages()) == [], "they may be on their way"
    missing = store.sweep_queued(100, -1, 3600, timers.messages())
    assert sorted(missing) == sorted([mail, urgent])
    wake(dynos.celery, missing)
    assert timers.messages() == {"default": 4, "mail": 1, "reports": 3}
    assert store.redis.llen("default\x06\x169") == 1
    assert store.sweep_queued(100, -1, 3600, timers.messages()) == []
    dynos.worker()
    for id in (*reports, *plain, mail, urgent):
        dynos.wait(id)


def test_of_one_queue_the_lost_message_is_that_of_the_most_urgent(dynos, redis, make_dynos):
    app = make_dynos(redis.url)  # that names no queues
    plain = app.work("plain")
    urgent = app.work("urgent", priority=2)
    assert app.store.redis.delete("default\x06\x162") == 1
    messages = Timers(app.celery).messages()
    assert messages == {"default": 1}
    assert app.store.sweep_queued(100, -1, 3600, messages) == [urgent]
    assert app.store.get(plain)["queued"] < app.store.get(urgent)["queued"]


def test_a_worker_killed_with_messages_of_any_priority_in_hand_gives_them_back(dynos):
    worker = dynos.worker()
    held(dynos)
    ids = [dynos.work(str(n), priority=n) for n in (9, 3)]
    worker.signal_all(signal.SIGKILL)
    with open(dynos.ledger, "a") as ledger:
        ledger.write("go on\n")
    dynos.worker()
    for id in ids:
        assert dynos.wait(id)["state"] == "succeeded"


def test_the_api_takes_a_queue_and_a_priority(dynos, call):
    job = call("POST", "/api/jobs", sample(queue="mail", priority=9)).json
    assert (job["queue"], job["priority"]) == ("mail", 9)
    assert call("GET", f"/api/jobs/{job['id']}").json == job
    assert dynos.store.redis.llen("mail\x06\x169") == 1
    plain = call("POST", "/api/jobs", sample()).json
    assert (plain["queue"], plain["priority"]) == ("default", 0)
    assert dynos.store.redis.llen("default") == 1
    bulk = call("POST", "/api/jobs/bulk", sample(queue="reports", priority=2)).json
    wait_for(lambda: (Timers(dynos.celery).promote(), dynos.job(bulk["ids"][0])["state"] == "queued")[1])
    assert (dynos.job(bulk["ids"][0])["queue"], dynos.job(bulk["ids"][0])["priority"]) == ("reports", 2)
    assert dynos.store.redis.llen("reports\x06\x162") == 1


@pytest.mark.parametrize("path, more", [("/api/jobs", {}), ("/api/jobs/bulk", {}),
                                        ("/api/schedules", {"cron": "0 9 * * 1"})])
def test_a_queue_that_there_is_not_is_refused_by_the_names_of_those_that_there_are(dynos, call, path, more):
    for route, field, why in (({"queue": "mial"}, "queue", "is none of default, mail, reports"),
                              ({"priority": 10}, "priority", "less than or equal to 9"),
                              ({"priority": -1}, "priority", "greater than or equal to 0"),
                              ({"priority": True}, "priority", "valid integer"),
                              ({"queue": 5}, "queue", "valid string")):
        answer = call("POST", path, sample(**route) | more)
        (error,) = answer.json["errors"]
        assert (answer.status_code, error["field"], why in error["message"]) == (422, field, True), error
    assert dynos.store.counts()["queued"] == 0


def test_a_schedule_gives_its_jobs_a_queue_and_a_priority(dynos, call):
    schedule = call("POST", "/api/schedules", sample(queue="mail", priority=4) | {"cron": "* * * * *"}).json
    assert (schedule["queue"], schedule["priority"]) == ("mail", 4)
    changed = call("PATCH", f"/api/schedules/{schedule['id']}", {"queue": None, "priority": 5}).json
    assert changed == schedule | {"queue": None, "priority": 5}, "and stays due when it was"
    assert call("PATCH", f"/api/schedules/{schedule['id']}", {"queue": "mial"}).status_code == 422
    call("PATCH", f"/api/schedules/{schedule['id']}", {"queue": "reports"})
    dynos.store.redis.zadd(f"{PREFIX}schedules", {schedule["id"]: 1000})
    Timers(dynos.celery).promote()
    ((_, priority),) = [(job["queue"], job["priority"]) for job in call("GET", "/api/jobs").json["jobs"]]
    assert priority == 5 and dynos.store.redis.llen("reports\x06\x165") == 1


def test_the_page_tells_of_them_where_they_are_not_as_usual(dynos, call):
    urgent, plain = (call("POST", "/api/jobs", sample(**route)).json["id"]
                     for route in ({"queue": "mail", "priority": 9}, {}))
    app = create_app(dynos.celery.settings)
    page = app.test_client()
    page.post("/sign-in", data={"token": "test-token"})
    assert "<dt>Queue</dt><dd>mail</dd>" in page.get(f"/jobs/{urgent}").text
    assert "<dt>Priority</dt><dd>9</dd>" in page.get(f"/jobs/{urgent}").text
    assert "Priority" not in page.get(f"/jobs/{plain}").text and "Queue<" not in page.get(f"/jobs/{plain}").text
    app.extensions["store"].redis.close()


def test_what_plain_celery_puts_into_a_queue_stays_there_when_its_worker_dies(dynos):
    dynos.celery.send_task("tests.ledger.die", (str(dynos.ledger), "foreign"), task_id="foreign-1", queue="mail",
                           priority=2)
    dynos.worker(WORKER_QUEUES="mail")
    wait_for(lambda: dynos.store.get("foreign-1"))
    job = dynos.wait("foreign-1")
    assert (job["state"], job["attempt"], job["queue"], job["priority"]) == ("failed", 3, "mail", 2)


def test_a_kind_may_say_where_its_jobs_wait_and_a_job_otherwise(redis, monkeypatch):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "QUEUES": " b, a ,default"}))
    celery = app.extensions["celery"]
    assert queues(celery) == [queue.name for queue in celery.conf.task_queues] == ["default", "a", "b"]
    for name, value in (("queue", "letters"), ("priority", 5)):  # as @kind(queue="letters", priority=5) would
        monkeypatch.setattr(celery.tasks["sample"], name, value, raising=False)
    assert queues(celery) == ["default", "a", "b", "letters"]
    celery.conf.task_queues.append(Queue("letters", routing_key="letters"))
    for route, told in (({}, ("letters", 5)), ({"queue": "a"}, ("a", 5)), ({"priority": 0}, ("letters", 0))):
        job = app.test_client().post("/api/jobs", json=sample(**route), headers={"Authorization": "Bearer t"}).json
        assert (job["queue"], job["priority"]) == told
    assert [celery.store.redis.llen(name) for name in ("letters\x06\x165", "a\x06\x165", "letters")] == [1, 1, 1]
    celery.store.redis.close()


@pytest.mark.parametrize("env, why", [
    ({"WORKER_QUEUES": "mial"}, "WORKER_QUEUES has 'mial', but the queues are default, mail"),
    ({"QUEUES": "a b"}, "QUEUES has 'a b', which is no name"), ({"QUEUES": "é"}, "which is no name")])
def test_a_misspelt_queue_stops_the_worker_with_a_line_that_says_so(dynos, env, why):
    worker = dynos.worker(wait=False, **{"QUEUES": "mail"} | env)
    assert worker.wait() != 0
    assert why in worker.text() and "Traceback" not in worker.text()
    with pytest.raises(ConfigError):
        make_celery(Settings.from_env(dynos.env | {"QUEUES": "mail"} | env))
