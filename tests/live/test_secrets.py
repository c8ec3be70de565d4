"""No secret of the app's settings is in what its processes print, in what Sentry gets, or on a job's page."""

import sys
import urllib.error
import urllib.request
from importlib.util import find_spec

import pytest

from app.connections import connect
from tests.dynos import wait_for

TOKEN, KEY, SMTP, REDIS = "token-" + "a1" * 16, "key-" + "b2" * 16, "smtp-pass/word", "redis-password"
SECRETS = [TOKEN, KEY, SMTP, "smtp-pass%2Fword", REDIS]


@pytest.fixture
def app(redis, make_dynos, sentry):
    """Its processes, and what Sentry has got."""
    client = connect(redis.url, patient=False)
    client.config_set("requirepass", REDIS)
    client.close()
    dsn, bodies = sentry
    return make_dynos(
        redis.url.replace("//", f"//:{REDIS}@"), SENTRY_DSN=dsn, API_TOKEN=TOKEN, SECRET_KEY=KEY, LOG_LEVEL="DEBUG",
        SMTP_URL="smtp://user:smtp-pass%2Fword@127.0.0.1:1", MAIL_FROM="app@example.org"), bodies


def leaks(dynos, bodies, more=()):
    """Who tells which secret."""
    told = {process.log.name: process.text() for process in dynos.processes} | {"Sentry": "".join(bodies)}
    return [(name, secret) for name, text in told.items() for secret in [*SECRETS, *more] if secret in text]


def heard(text, bodies):
    return any(text in body for body in bodies) or not find_spec("app.sentry")


def test_what_fails_in_a_worker_tells_none(app):
    dynos, bodies = app
    dynos.worker()
    text = f"a bug: {TOKEN}, {KEY}, {dynos.env['REDIS_URL']}, {SMTP}, {dynos.env['SMTP_URL']}"
    failed = dynos.task("boom").delay(text).id
    logged = dynos.task("sample").delay({"label": f"for {TOKEN}", "seconds": 0}).id
    assert dynos.wait(failed)["state"] == "failed"
    dynos.wait(logged)
    wait_for(lambda: heard("a bug: ", bodies), what="Sentry to hear of it")
    assert "a bug: •••, •••, redis://:•••@127.0.0.1" in dynos.processes[0].text()
    assert leaks(dynos, bodies) == []
    record = dynos.store.get(failed)
    assert "a bug: •••" in record["error"] and "a bug: •••" in record["traceback"] and "a bug: •••" in record["history"]
    assert not any(secret in record[field] for secret in SECRETS for field in ("error", "traceback", "history"))
    assert [line["message"] for line in dynos.store.logs(logged) if "begins" in line["message"]] == ["begins for •••"]


def test_what_fails_in_the_web_process_tells_none_nor_what_was_asked(app):
    dynos, bodies = app
    web = dynos.web()
    dynos.store.redis.hset("jobs:job:broken", mapping={
        "kind": "sample", "state": "failed", "created": f"no {TOKEN} {KEY}"})
    request = urllib.request.Request(
        dynos.base + "/api/jobs/broken/retry?q=ada@example.com", b'{"text": "dear diary"}', method="POST", headers={
            "Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", "Cookie": "session=biscuit",
            "Referer": dynos.base + "/?q=bob@example.com"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.status == 500
    error.value.close()
    wait_for(lambda: heard("could not convert", bodies), what="Sentry to hear of it")
    assert "no ••• •••" in web.text()
    wait_for(lambda: "method=POST path=/api/jobs/broken/retry status=500" in web.text(), what="gunicorn's line")
    asked = ["ada@example.com", "dear diary", "biscuit", "bob@example.com"]
    assert leaks(dynos, bodies, asked) == []


def test_a_redis_that_refuses_its_password_is_named_without_it(app):
    dynos, bodies = app
    dynos.worker()
    dynos.store.redis.config_set("requirepass", "changed-since")
    dynos.store.redis.client_kill_filter(_type="normal", skipme=True)
    wait_for(lambda: "out of reach" in dynos.processes[0].text() or "WRONGPASS" in dynos.processes[0].text())
    assert leaks(dynos, bodies) == []


def test_a_process_that_cannot_start_tells_none(app, tmp_path):
    dynos, bodies = app
    (tmp_path / "sitecustomize.py").write_text(
        "import os, app.kinds\ndef load(_): raise RuntimeError('at start: ' + os.environ['API_TOKEN'])\n"
        "app.kinds.load = load\n")
    worker = dynos._start([sys.executable, "worker.py"], "worker",
                          {"PYTHONPATH": f"{tmp_path}:{dynos.env['PYTHONPATH']}"})
    assert worker.wait() == 1
    assert "at start: •••" in worker.text()
    assert leaks(dynos, bodies) == []
