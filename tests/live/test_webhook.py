"""Webhooks, by a real worker, to a real server that checks them with the library of Standard Webhooks."""

import signal
import time
from datetime import datetime

import pytest
from standardwebhooks import Webhook

from app.accept import NewJob, accept
from app.config import Settings
from app.kinds import kinds
from app.web import create_app
from tests.dynos import wait_for

SECRET = "0123456789abcdef" * 4
TOLD = {"WEBHOOK_SECRET": SECRET, "WEBHOOK_PRIVATE_HOSTS": "localhost"}


@pytest.fixture
def dynos(redis, make_dynos):
    return make_dynos(redis.url, **TOLD)


def sample(dynos, countdown=None, **params) -> str:
    params = {"seconds": 0.1, "label": "x"} | params
    return dynos.task("sample").apply_async(kwargs={"params": params}, countdown=countdown).id


def tell(dynos, receiver, id: str, host="http://localhost") -> str:
    params = {"job": id, "url": f"{host}:{receiver.port}/hook"}
    return dynos.task("webhook").apply_async(kwargs={"params": params}).id


def verified(got) -> dict:
    return Webhook(SECRET).verify(got.body, got.headers)


def notifying(dynos, receiver, delay=None, **params) -> str:
    new = NewJob(kind="sample", params={"seconds": 0.1, "label": "x"} | params, delay=delay,
                 notify=f"http://localhost:{receiver.port}/hook")
    return accept(kinds(dynos.celery), new).id


def told(dynos, id: str, end=1) -> dict:
    """The webhook of that end of a job, when it has ended itself."""
    hook = f"{id}-end-{end}"
    wait_for(lambda: dynos.store.get(hook), what="the webhook")
    return dynos.wait(hook)


@pytest.mark.parametrize("end, delay, params", [
    ("succeeded", None, {"fail": "once"}), ("failed", None, {"fail": "always"}), ("cancelled", 600, {}),
    ("cancelled", None, {"seconds": 60, "steps": 600})])
def test_the_end_of_a_job_is_told_once_and_signed(dynos, receiver, end, delay, params):
    dynos.worker()
    id = notifying(dynos, receiver, delay, **params)
    if end == "cancelled":
        dynos.wait(id, "scheduled" if delay else "running")
        dynos.store.cancel(id)
    job = dynos.wait(id)
    assert told(dynos, id)["result"] == {"status": 204}
    (got,) = receiver.got
    payload = verified(got)
    assert (payload["type"], payload["timestamp"]) == (f"job.{end}", job["finished_at"])
    assert payload["data"].items() <= job.items()
    assert (payload["data"]["id"], payload["data"]["error"]) == (id, job["error"])
    assert (got.path, got.headers["webhook-id"]) == ("/hook", f"{id}-end-1")
    assert got.headers["content-type"] == "application/json"


def test_a_job_that_is_tried_again_by_hand_has_another_end(dynos, receiver):
    dynos.worker()
    id = notifying(dynos, receiver, delay=600)
    dynos.store.cancel(id)
    told(dynos, id)
    dynos.store.act("retry", [id])
    told(dynos, id, 2)
    assert [verified(got)["type"] for got in receiver.got] == ["job.cancelled", "job.succeeded"]


def test_a_job_whose_worker_dies_in_the_middle_has_one_end(dynos, receiver):
    worker = dynos.worker()
    id = notifying(dynos, receiver, seconds=1)
    dynos.wait(id, "running")
    worker.signal_all(signal.SIGKILL)
    dynos.worker()
    told(dynos, id)
    assert dynos.job(id)["attempt"] == 2
    assert [got.headers["webhook-id"] for got in receiver.got] == [f"{id}-end-1"]


def test_it_is_tried_again_under_the_same_id_and_with_the_time_of_each_attempt(dynos, receiver):
    receiver.answers = [(500, {}), (302, {"Location": "/elsewhere"})]
    dynos.worker()
    hook = tell(dynos, receiver, dynos.wait(sample(dynos))["id"])
    wait_for(lambda: len(receiver.got) == 2)
    dynos.wait(hook, "scheduled")
    assert dynos.job(hook)["attempts"][1]["error"]["message"] == "The receiver said 302 Found"
    dynos.store.delete(dynos.job(hook)["params"]["job"])  # what is told is kept until it could be
    dynos.store.act("run_now", [hook])
    assert dynos.wait(hook)["attempt"] == 3
    assert [got.headers["webhook-id"] for got in receiver.got] == [hook] * 3
    times = [int(got.headers["webhook-timestamp"]) for got in receiver.got]
    assert times[1] >= times[0] + 5
    assert verified(receiver.got[0]) == verified(receiver.got[2])


def test_it_waits_as_the_receiver_asks(dynos, receiver):
    receiver.answers = [(503, {"Retry-After": "1000"})]
    dynos.worker()
    hook = tell(dynos, receiver, dynos.wait(sample(dynos))["id"])
    wait_for(lambda: receiver.got)
    job = dynos.wait(hook, "scheduled")
    assert 900 < datetime.fromisoformat(job["due_at"]).timestamp() - time.time() <= 1000


def test_a_receiver_that_wants_no_more_is_left_alone(dynos, receiver):
    receiver.answers = [(410, {})]
    dynos.worker()
    job = dynos.wait(tell(dynos, receiver, dynos.wait(sample(dynos))["id"]))
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
    assert len(receiver.got) == 1


def test_a_worker_that_dies_before_the_answer_sends_it_again_under_the_same_id(dynos, receiver):
    """The one window: between the receiver's yes and our note of it. Its library, or the id, tells it of the second."""
    worker = dynos.worker()
    id = dynos.wait(sample(dynos))["id"]
    receiver.may_answer.clear()
    hook = tell(dynos, receiver, id)
    wait_for(lambda: receiver.got)
    worker.signal_all(signal.SIGKILL)
    receiver.may_answer.set()
    dynos.worker()
    assert dynos.wait(hook)["state"] == "succeeded"
    assert [got.headers["webhook-id"] for got in receiver.got] == [hook, hook]
    assert [attempt["outcome"] for attempt in dynos.job(hook)["attempts"]] == ["lost", "succeeded"]


def test_a_worker_reaches_nothing_on_its_own_machine(dynos, receiver):
    dynos.worker(WEBHOOK_PRIVATE_HOSTS="elsewhere")
    id = dynos.wait(sample(dynos))["id"]
    for host in ("http://localhost", "https://localhost", "https://127.0.0.1", "https://[::1]", "https://0x7f000001"):
        job = dynos.wait(tell(dynos, receiver, id, host))
        assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
        assert job["error"]["message"].startswith(("The URL must begin", "The URL has no public"))
    assert not receiver.got


def test_of_a_job_that_was_deleted_or_has_not_ended_nothing_is_told(dynos, receiver):
    gone, waiting = notifying(dynos, receiver, delay=600), sample(dynos, countdown=600)
    dynos.store.cancel(gone)
    dynos.store.delete(gone)
    hook = tell(dynos, receiver, waiting)
    dynos.worker()
    for id, why in ((f"{gone}-end-1", "deleted"), (hook, "scheduled")):
        job = dynos.wait(id)
        assert (job["state"], job["attempt"]) == ("failed", 1)
        assert why in job["error"]["message"]
    assert not receiver.got


@pytest.fixture
def call(redis):
    apps = []

    def call(body, **env):
        app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t"} | env))
        apps.append(app)
        assert "webhook" in kinds(app.extensions["celery"])
        return app.test_client().post("/api/jobs", json=body, headers={"Authorization": "Bearer t"})

    yield call
    for app in apps:
        app.extensions["store"].redis.close()


def test_the_list_says_of_which_job_a_webhook_tells(dynos, call):
    body = {"kind": "sample", "params": {"label": "x"}, "notify": "https://example.com/hidden", "delay": 600}
    id = call(body, **TOLD).json["id"]
    dynos.store.cancel(id)
    http = create_app(dynos.celery.settings).test_client()
    http.post("/sign-in", data={"token": dynos.env["API_TOKEN"]})
    page = http.get("/?kind=webhook").text
    assert f">sample {id[:8]}</a>" in page and "example.com" not in page
    http.application.extensions["store"].redis.close()


@pytest.mark.parametrize("url, env, why", [
    ("https://127.0.0.1/", TOLD, "no public address"),
    ("https://0x7f.1/", TOLD, "no public address"),
    ("http://example.com/", TOLD, "https://"),
    ("https://a@example.com/", TOLD, "is no URL"),
    ("https://example.com/", {}, "WEBHOOK_SECRET"),
])
def test_a_url_that_may_not_be_told_is_refused_at_once(dynos, call, url, env, why):
    hook = {"kind": "webhook", "params": {"job": sample(dynos), "url": url}}
    notifying = {"kind": "sample", "params": {"label": "x"}, "notify": url}
    for body, field in ((hook, "params.url"), (notifying, "notify")):
        answer = call(body, **env)
        assert answer.status_code == 422
        (error,) = answer.json["errors"]
        assert error["field"] == field and why in error["message"]


def test_a_job_that_there_is_not_is_refused_at_once(call):
    answer = call({"kind": "webhook", "params": {"job": "none", "url": "https://example.com/"}}, **TOLD)
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json["errors"]] == ["params.job"]
    answer = call({"kind": "sample", "params": {"label": "x"}, "notify": "https://example.com/"}, **TOLD)
    assert answer.status_code == 202
