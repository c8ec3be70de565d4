"""The push kind, by a real worker, to a server that answers as Google's do."""

import signal
import time
from datetime import datetime

import pytest

from app.config import Settings
from app.masking import HIDDEN
from app.web import create_app
from tests import firebase_api as api
from tests.dynos import wait_for

DEVICES = [f"device-{n}:APA91b" for n in range(6)]
SHOWN = {"title": "Hello", "body": "Your table is ready"}


@pytest.fixture
def google():
    google = api.Google()
    yield google
    google.end()


@pytest.fixture
def dynos(redis, make_dynos, google):
    return make_dynos(redis.url, **google.env, READ_TOKEN="r")


def push(dynos, **params) -> str:
    return dynos.task("push").delay(SHOWN | params).id


def test_devices_that_are_no_more_are_told_apart_and_the_others_get_it(dynos, google):
    google.by_token = {DEVICES[1]: api.UNREGISTERED, DEVICES[3]: api.SENDER, DEVICES[4]: api.NO_TOKEN}
    worker = dynos.worker()
    job = dynos.wait(push(dynos, tokens=[*DEVICES, DEVICES[0]], data={"n": "1"}))
    assert (job["state"], job["attempt"]) == ("succeeded", 1)
    assert job["result"] == {
        "accepted": [DEVICES[0], DEVICES[2], DEVICES[5]], "invalid": [DEVICES[1], DEVICES[4]], "refused": [DEVICES[3]],
        "reasons": {"UNREGISTERED": 1, "SENDER_ID_MISMATCH": 1, "INVALID_ARGUMENT": 1}}
    assert google.tokens() == job["result"]["accepted"]
    assert google.sent[0]["notification"] == SHOWN and google.sent[0]["data"] == {"n": "1"}
    topic = dynos.wait(push(dynos, topic="news"))
    assert topic["result"]["accepted"] == ["news"] and google.sent[-1]["topic"] == "news"
    assert google.granted <= 2, "a token for each process at most"
    assert "device-" not in worker.text() and "ya29" not in worker.text()


def test_what_firebase_puts_off_is_sent_later_to_those_alone_who_have_not_got_it(dynos, google):
    google.by_token = {DEVICES[2]: api.INTERNAL}
    dynos.worker()
    id = push(dynos, tokens=DEVICES)
    job = dynos.wait(id, "scheduled")
    assert "500 Internal error encountered. (1 of 6 not sent yet)" in job["attempts"][0]["error"]["message"]
    google.by_token = {}
    dynos.store.act("run_now", [id])
    assert dynos.wait(id)["result"]["accepted"] == DEVICES
    assert google.tokens() == [*DEVICES[:2], *DEVICES[3:], DEVICES[2]]


def test_a_quota_that_is_used_up_leaves_google_alone_for_as_long_as_it_asks(dynos, google):
    dynos.worker()
    google.by_token = {DEVICES[1]: (429, {"Retry-After": "1000"}, api.QUOTA[2])}
    job = dynos.wait(push(dynos, tokens=DEVICES), "scheduled")
    assert 900 < datetime.fromisoformat(job["due_at"]).timestamp() - time.time() <= 1200
    assert len(google.asked) == 2


def test_a_service_that_is_down_is_not_asked_for_each_device(dynos, google):
    dynos.worker()
    google.by_token = dict.fromkeys(DEVICES, api.UNAVAILABLE)
    dynos.wait(push(dynos, tokens=DEVICES), "scheduled")
    assert len(google.asked) == 3


@pytest.mark.parametrize("answer, why", [(api.DENIED, "Turn the Firebase Cloud Messaging API on"),
                                         (api.BAD_DATA, "Invalid data payload key")])
def test_what_no_attempt_would_mend_fails_at_once(dynos, google, answer, why):
    google.answers = [answer]
    dynos.worker()
    job = dynos.wait(push(dynos, tokens=DEVICES))
    assert (job["state"], job["attempt"], job["error"]["type"], len(google.asked)) == ("failed", 1, "Refused", 1)
    assert why in job["error"]["message"]


def test_a_worker_that_dies_sends_none_twice_but_the_one_whose_answer_it_waited_for(dynos, google):
    """The one window. Both have the job's id as their tag, so a phone shows them once."""
    worker = dynos.worker()
    google.held = {DEVICES[3]}
    id = push(dynos, tokens=DEVICES)
    wait_for(lambda: len(google.asked) == 4)
    worker.signal_all(signal.SIGKILL)
    google.may_answer.set()
    dynos.worker()
    assert dynos.wait(id)["result"]["accepted"] == DEVICES
    assert [message["token"] for message in google.asked] == [*DEVICES[:4], *DEVICES[3:]]
    assert {message["android"]["notification"]["tag"] for message in google.asked} == {id}


def test_a_worker_that_stops_goes_on_elsewhere_and_sends_none_twice(dynos, google):
    first = dynos.worker(SHUTDOWN_SECONDS="3")
    google.held = {DEVICES[0]}
    id = push(dynos, tokens=DEVICES)
    wait_for(lambda: google.asked)
    first.signal_all(signal.SIGTERM)
    time.sleep(1.5)
    google.may_answer.set()
    first.wait()
    dynos.worker()
    job = dynos.wait(id)
    assert (job["attempt"], job["attempts"][0]["outcome"]) == (1, "interrupted")
    assert google.tokens() == DEVICES == job["result"]["accepted"]


def test_a_reader_sees_neither_devices_nor_what_they_are_told(dynos, google):
    dynos.worker()
    id = push(dynos, tokens=DEVICES)
    dynos.wait(id)
    app = create_app(dynos.celery.settings)
    for token, hidden in (("r", True), (dynos.env["API_TOKEN"], False)):
        job = app.test_client().get(f"/api/jobs/{id}", headers={"Authorization": f"Bearer {token}"}).json
        assert ("device-" not in str(job)) == hidden == ("table" not in str(job))
        assert (job["result"]["accepted"] == HIDDEN) == hidden
    page = app.test_client()
    page.post("/sign-in", data={"token": dynos.env["API_TOKEN"]})
    assert page.get(f"/jobs/{id}").status_code == 200
    app.extensions["store"].redis.close()


def test_an_app_without_a_service_account_says_so_at_once(redis, google):
    for env, status in (({}, 422), (google.env, 202)):
        app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t"} | env))
        answer = app.test_client().post("/api/jobs", headers={"Authorization": "Bearer t"},
                                        json={"kind": "push", "params": SHOWN | {"token": "a"}, "delay": 600})
        assert answer.status_code == status
        assert status == 202 or "FIREBASE_SERVICE_ACCOUNT is not set" in answer.json["errors"][0]["message"]
        app.extensions["store"].redis.close()


def test_a_job_that_was_accepted_before_the_variable_went_says_what_to_set(dynos):
    dynos.worker(FIREBASE_SERVICE_ACCOUNT="")
    job = dynos.wait(push(dynos, token=DEVICES[0]))
    assert job["state"] == "failed" and job["error"]["message"].startswith("FIREBASE_SERVICE_ACCOUNT is not set")


@pytest.mark.thorough
def test_the_largest_job_has_its_whole_result(dynos, google):
    dynos.worker()
    devices = [f"{n:03}:{'x' * 116}" for n in range(500)]
    google.by_token = dict.fromkeys(devices[:100], api.UNREGISTERED)
    job = dynos.wait(push(dynos, tokens=devices), seconds=120)
    assert (len(job["result"]["accepted"]), len(job["result"]["invalid"])) == (400, 100)
