"""What keeps the app from mailing the world: domains, recipients of a mail, recipients of a day."""

import pytest
from kombu.utils import json

from app import allowance, mail, outbox
from app.config import Settings
from app.job import publish
from app.web import create_app
from tests import ledger  # noqa: F401 - its kind papers
from tests.dynos import wait_for
from tests.stores import kept

PARAMS = {"to": "ada@example.com", "subject": "Hello", "text": "…"}
DAY = 86400


@pytest.fixture
def start(redis, make_dynos, serve):
    """An app that mails through a server of the test's own."""
    server = serve()

    def start(workers=1, **env):
        dynos = make_dynos(redis.url, **{"SMTP_URL": f"smtp://127.0.0.1:{server.port}",
                                         "MAIL_FROM": "app@example.org"} | env)
        for _ in range(workers):
            dynos.worker()
        return dynos

    return start


@pytest.fixture
def client(redis):
    apps = []

    def client(**env):
        app = create_app(Settings.from_env({
            "APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t", "SECRET_KEY": "s"} | env))
        apps.append(app)
        return app.test_client()

    yield client
    for app in apps:
        app.extensions["store"].redis.close()


def email(dynos, **params):
    return dynos.task("email").delay(PARAMS | params).id


def used(dynos):
    (key,) = dynos.store.redis.keys("jobs:mail:*")
    assert 0 < dynos.store.redis.ttl(key) <= 2 * DAY
    return int(dynos.store.redis.hget(key, "used"))


def run_now(dynos, id):
    assert dynos.store.run_now(id)
    ((_, kind, message),) = dynos.store.messages([id])
    publish(dynos.celery, id, kind, json.loads(message))


# --- domains ---

@pytest.mark.parametrize(("kind", "params", "field"), [
    ("email", {"to": ["ada@example.com", "bob@evil.org"]}, "to"), ("email", {"cc": "bob@EVIL.org"}, "cc"),
    ("email", {"bcc": ["bob@mail.example.com"]}, "bcc"), ("papers", {"to": "bob@evil.org"}, "to")])
def test_a_job_that_would_mail_elsewhere_is_not_accepted(client, kind, params, field):
    http = client(MAIL_ALLOWED_DOMAINS="example.com")
    base = PARAMS if kind == "email" else {}
    answer = http.post("/api/jobs", json={"kind": kind, "params": base | params},
                       headers={"Authorization": "Bearer t"})
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert error["field"] == f"params.{field}"
    assert "MAIL_ALLOWED_DOMAINS" in error["message"]
    assert (params[field] if isinstance(params[field], str) else params[field][-1]).rpartition("@")[2].lower() in (
        error["message"])
    assert kept(http.application.extensions["store"]) == []


def test_a_job_that_mails_where_it_may_is_accepted_wherever_the_reply_goes(client):
    http = client(MAIL_ALLOWED_DOMAINS="example.com,.example.net")
    params = {"to": "ada@Example.com", "cc": "eve@eu.example.net", "reply_to": "desk@elsewhere.org"}
    answer = http.post("/api/jobs", json={"kind": "email", "params": PARAMS | params},
                       headers={"Authorization": "Bearer t"})
    assert answer.status_code == 202


def test_nobody_gets_anything_when_one_of_them_may_not_when_it_is_sent(start, mailbox):
    """The job came from Python code, or the variable has changed since."""
    dynos = start(MAIL_ALLOWED_DOMAINS="example.com")
    job = dynos.wait(email(dynos, bcc=["bob@evil.org"]))
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
    assert job["error"]["message"] == (
        "Nobody got anything: no mail goes to 'evil.org': MAIL_ALLOWED_DOMAINS says where it may go.")
    assert dynos.wait(email(dynos, reply_to="desk@elsewhere.org"))["state"] == "succeeded"
    assert [envelope.rcpt_tos for envelope in mailbox.envelopes] == [["ada@example.com"]]


def test_a_review_app_mails_nobody_unless_it_is_said_whom(start, mailbox):
    dynos = start(HEROKU_PR_NUMBER="12")
    id = email(dynos, to="bob@evil.org")
    assert dynos.wait(id)["state"] == "succeeded"
    assert outbox.find(dynos.store, id)
    assert mailbox.messages == []
    dynos.worker(MAIL_ALLOWED_DOMAINS="example.com")
    dynos.processes[0].end()
    assert dynos.wait(email(dynos))["state"] == "succeeded"
    assert len(mailbox.messages) == 1


# --- recipients of a day ---

def test_workers_that_race_for_the_last_recipients_of_the_day_do_not_pass_it(start, mailbox):
    dynos = start(workers=2, MAIL_DAILY_LIMIT="5")
    ids = [email(dynos) for _ in range(12)]
    jobs = [dynos.wait(id, "succeeded", "failed", "scheduled") for id in ids]
    assert sorted(job["state"] for job in jobs) == ["scheduled"] * 7 + ["succeeded"] * 5
    assert len(mailbox.messages) == 5
    assert used(dynos) == 5
    midnight = allowance.tomorrow(dynos.store) * 1000
    late = [job for job in jobs if job["state"] == "scheduled"]
    dues = [float(dynos.store.get(job["id"])["due"]) - midnight for job in late]
    assert all(0 <= due <= 3_600_000 for due in dues)
    assert len(set(dues)) > 1
    for job in late:
        assert (job["attempt"], job["error"]["type"]) == (0, "DailyLimit")
        assert "MAIL_DAILY_LIMIT is 5 recipients a day" in job["error"]["message"]
        assert [entry["outcome"] for entry in job["attempts"]] == ["put off"]
        wait_for(lambda id=job["id"]: any(f"event=put_off job={id}" in worker.text() for worker in dynos.processes))
        assert any("MAIL_DAILY_LIMIT is 5" in line["message"] for line in dynos.store.logs(job["id"]))


def test_what_was_put_off_as_often_as_may_be_still_has_all_its_attempts(start, mailbox):
    dynos = start(MAIL_DAILY_LIMIT="1")
    dynos.wait(email(dynos))
    id = email(dynos)
    for times in range(1, 12):
        wait_for(lambda times=times: len(dynos.job(id)["attempts"]) == times and dynos.job(id)["state"] == "scheduled")
        run_now(dynos, id)
    dynos.wait(id, "scheduled")
    dynos.processes[0].end()
    dynos.worker(MAIL_DAILY_LIMIT="2")
    run_now(dynos, id)
    job = dynos.wait(id)
    assert (job["state"], job["attempt"], job["error"]) == ("succeeded", 1, None)
    assert len(mailbox.messages) == 2


def test_a_mail_goes_to_all_of_its_recipients_or_waits(start, mailbox):
    dynos = start(MAIL_DAILY_LIMIT="4")
    assert dynos.wait(email(dynos, cc="b@example.com", bcc="c@example.com"))["state"] == "succeeded"
    assert dynos.wait(email(dynos, cc="b@example.com"), "scheduled", "succeeded")["state"] == "scheduled"
    assert dynos.wait(email(dynos))["state"] == "succeeded"
    assert used(dynos) == 4


def test_a_mail_that_no_day_has_room_for_fails(start, mailbox):
    dynos = start(MAIL_DAILY_LIMIT="2")
    job = dynos.wait(email(dynos, cc="b@example.com", bcc="c@example.com"))
    assert (job["state"], job["attempt"], job["error"]["type"]) == ("failed", 1, "Refused")
    assert job["error"]["message"] == "MAIL_DAILY_LIMIT is 2, and the mail has 3 recipients: it could never go."
    assert mailbox.messages == []


@pytest.mark.parametrize(("kind", "params", "field"), [
    ("email", {"to": ["a@example.com", "b@example.com", "c@example.com"]}, "params.to"),
    ("email", {"cc": "b@example.com", "bcc": "c@example.com"}, "params"),
    ("papers", {"to": ["a@example.com", "b@example.com", "c@example.com"]}, "params.to")])
def test_a_mail_that_no_day_has_room_for_is_not_accepted(client, kind, params, field):
    smtp = {"SMTP_URL": "smtp://h", "MAIL_FROM": "a@example.org"}
    body = {"kind": kind, "params": (PARAMS if kind == "email" else {}) | params}

    def ask(**env):
        return client(**env).post("/api/jobs", json=body, headers={"Authorization": "Bearer t"})

    answer = ask(**smtp, MAIL_DAILY_LIMIT="2")
    assert answer.status_code == 422
    (error,) = answer.json["errors"]
    assert (error["field"], "MAIL_DAILY_LIMIT is 2, and the mail has 3 recipients" in error["message"]) == (field, True)
    for env in ({"MAIL_DAILY_LIMIT": "2"}, smtp | {"MAIL_DAILY_LIMIT": "3"}, smtp | {"MAIL_DAILY_LIMIT": "0"}):
        assert ask(**env).status_code == 202, env


def test_who_got_nothing_is_not_counted(start, mailbox):
    dynos = start(MAIL_DAILY_LIMIT="2")
    mailbox.data_answers = ["451 busy", "554 no"]
    assert dynos.wait(email(dynos), "scheduled")["error"]["type"] == "Undelivered"
    assert dynos.wait(email(dynos))["error"]["type"] == "Refused"
    assert used(dynos) == 0
    mailbox.rcpt_answers = {"never@example.com": ["550 unknown"]}
    assert dynos.wait(email(dynos, cc="never@example.com"))["state"] == "succeeded"
    assert used(dynos) == 1


@pytest.mark.parametrize("env", [{"MAIL_DAILY_LIMIT": "0"}, {"MAIL_DAILY_LIMIT": "1", "SMTP_URL": ""}])
def test_nothing_is_counted_without_a_limit_or_for_the_outbox(start, env):
    dynos = start(**env)
    assert [dynos.wait(email(dynos, cc="b@example.com"))["state"] for _ in range(2)] == ["succeeded"] * 2
    assert dynos.store.redis.keys("jobs:mail:*") == []


def test_a_full_redis_stops_neither_a_mail_that_was_accepted_nor_the_outbox(store):
    store.redis.config_set("maxmemory", 100_000)
    taken = allowance.take(store, 3, 5)
    allowance.give_back(store, taken, 2)
    assert store.redis.hget(taken, "used") == "1"
    message = mail.compose(message_id="<a@b>", sender="a@example.com", to=["b@example.com"], subject="x", text="y",
                           html=None)
    outbox.put(store, "a", message, ["b@example.com"], [])
    assert outbox.find(store, "a").message["Subject"] == "x"


def test_a_new_day_has_its_whole_limit(store, clock):
    clock.ms = (clock.ms // (DAY * 1000) + 1) * DAY * 1000 - 1  # the last millisecond of a day
    end = (clock.ms + 1) / 1000
    first = allowance.take(store, 3, 4)
    assert allowance.take(store, 2, 4) is None
    assert allowance.is_short(store, 4)
    assert not allowance.is_short(store, 5)  # somebody has raised it
    assert allowance.tomorrow(store) == end
    clock.forward(0.001)
    assert not allowance.is_short(store, 4)
    assert allowance.tomorrow(store) == end + DAY
    second = allowance.take(store, 4, 4)
    assert second != first
    allowance.give_back(store, first, 3)  # of a hand-over that began before midnight
    assert allowance.take(store, 1, 4) is None
    allowance.give_back(store, second, 1)
    assert allowance.take(store, 1, 4) == second


def test_the_page_says_that_mail_waits_while_it_does(client, clock):
    http = client(SMTP_URL="smtp://h", MAIL_FROM="a@example.org", MAIL_DAILY_LIMIT="10")
    http.post("/sign-in", data={"token": "t"})
    store = http.application.extensions["store"]
    store.clock = clock
    sentence = "Mail waits until tomorrow (UTC): MAIL_DAILY_LIMIT is 10 recipients."
    allowance.take(store, 10, 10)
    assert sentence not in http.get("/").text
    allowance.take(store, 1, 10)
    page = http.get("/").text
    assert sentence in page
    assert "heroku config:set MAIL_DAILY_LIMIT=20" in page
    assert "Hay correo que espera hasta mañana (UTC)" in http.get("/", headers={"Accept-Language": "es"}).text
    clock.forward(DAY)
    assert sentence not in http.get("/").text
