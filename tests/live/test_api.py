"""The HTTP API, on a real Redis and without a worker: what it accepts, refuses and tells."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from app.config import Settings
from app.store import PREFIX
from app.web import create_app
from tests import ledger  # noqa: F401 - its kind, sample
from tests.stores import kept

SAMPLE = {"kind": "sample", "params": {"seconds": 1, "label": "x"}}


@pytest.fixture
def app(redis):
    app = create_app(Settings.from_env({
        "APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "secret-token", "SECRET_KEY": "s"}))
    yield app
    app.extensions["store"].redis.close()


@pytest.fixture
def store(app):
    return app.extensions["store"]


@pytest.fixture
def call(app):
    client = app.test_client()

    def call(method, path, body=None, **headers):
        return client.open(path, method=method, json=body, headers={"Authorization": "Bearer secret-token"} | headers)

    return call


def test_a_job_is_accepted_and_can_be_read(call):
    answer = call("POST", "/api/jobs", SAMPLE, **{"X-Request-ID": "router-1"})
    assert answer.status_code == 202
    job = answer.json
    assert answer.headers["Location"] == f"/api/jobs/{job['id']}"
    assert list(job)[:17] == ["id", "kind", "state", "params", "created_at", "due_at", "started_at", "finished_at",
                              "attempt", "max_attempts", "progress", "result", "error", "request_id", "schedule",
                              "lane", "cancel_requested"]
    assert (job["kind"], job["state"], job["params"]) == ("sample", "queued", {"seconds": 1, "label": "x"})
    assert (job["attempt"], job["max_attempts"], job["request_id"]) == (0, 3, "router-1")
    assert job["started_at"] is job["finished_at"] is job["progress"] is job["result"] is job["error"] is None
    assert job["created_at"] == job["due_at"]
    assert datetime.fromisoformat(job["created_at"]).utcoffset() == timedelta(0)
    assert job["created_at"][-5] == "." and job["created_at"].endswith("Z")
    assert call("GET", answer.headers["Location"]).json == job


def test_a_delay_and_a_time_schedule_it(call):
    job = call("POST", "/api/jobs", SAMPLE | {"delay": 90.5}).json
    waits = datetime.fromisoformat(job["due_at"]) - datetime.fromisoformat(job["created_at"])
    assert (job["state"], waits) == ("scheduled", timedelta(seconds=90.5))
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    in_madrid = (at + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00")
    job = call("POST", "/api/jobs", SAMPLE | {"run_at": in_madrid}).json
    assert datetime.fromisoformat(job["due_at"]) == at
    assert call("POST", "/api/jobs", SAMPLE | {"run_at": "2001-01-01T00:00:00Z"}).json["state"] == "queued"


@pytest.mark.parametrize("body, field", [
    ({"kind": "nope", "params": {}}, "kind"),
    ({"params": {}}, "kind"),
    ({"kind": 5, "params": {}}, "kind"),
    ({"kind": "sample", "params": []}, "params"),
    ({"kind": "sample", "params": {}}, "params.label"),
    ({"kind": "sample", "params": {"label": 5}}, "params.label"),
    ({"kind": "sample", "params": {"seconds": "5"}}, "params.seconds"),
    ({"kind": "sample", "params": {"seconds": -1}}, "params.seconds"),
    ({"kind": "sample", "params": {"seconds": True}}, "params.seconds"),
    ({"kind": "sample", "params": {"fail": "sometimes"}}, "params.fail"),
    ({"kind": "sample", "params": {"colour": "red"}}, "params.colour"),
    ({"kind": "sample", "params": {"label": "\ud800"}}, "body"),
    (SAMPLE | {"when": "now"}, "when"),
    (SAMPLE | {"delay": -1}, "delay"),
    (SAMPLE | {"delay": "5"}, "delay"),
    (SAMPLE | {"delay": 10**9}, "delay"),
    (SAMPLE | {"delay": 1, "run_at": "2027-01-01T00:00:00Z"}, "run_at"),
    (SAMPLE | {"run_at": "2030-01-01T00:00:00"}, "run_at"),
    (SAMPLE | {"run_at": "tomorrow"}, "run_at"),
    (SAMPLE | {"run_at": 1893456000}, "run_at"),
    (SAMPLE | {"run_at": "1793456000"}, "run_at"),
    (SAMPLE | {"run_at": "2027-01-31"}, "run_at"),
    (SAMPLE | {"run_at": "2999-01-01T00:00:00Z"}, "run_at"),
    ([1], "body"),
    ("text", "body"),
    (None, None),
])
def test_bad_input_is_named_and_nothing_is_stored(call, store, body, field):
    answer = call("POST", "/api/jobs", body)
    assert answer.content_type == "application/problem+json"
    if field is None:
        assert answer.status_code == 415
    else:
        assert answer.status_code == 422
        assert field in [error["field"] for error in answer.json["errors"]]
        assert all(error["message"] for error in answer.json["errors"])
    assert answer.json["status"] == answer.status_code
    assert answer.json["title"] and answer.json["detail"] and answer.json["type"]
    assert kept(store) == []


@pytest.mark.parametrize("data, status", [
    (b"{", 400), (b"", 400), (b'{"kind": NaN}', 400), (b"\xff\xfe", 400), (b"[" * 100_000, 400),
    (b'{"kind": "sample", "params": {"label": "' + b"x" * 300_000 + b'"}}', 413),
])
def test_a_body_that_is_no_json_or_too_large_is_refused(app, store, data, status):
    answer = app.test_client().post("/api/jobs", data=data, content_type="application/json",
                                    headers={"Authorization": "Bearer secret-token"})
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert kept(store) == []


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic secret-token",
                                    "secret-token"])
@pytest.mark.parametrize("method, path", [
    ("POST", "/api/jobs"), ("GET", "/api/jobs"), ("GET", "/api/jobs/x"), ("POST", "/api/jobs/x/cancellation"),
    ("POST", "/api/jobs/x/retry"), ("POST", "/api/jobs/x/run-now"), ("GET", "/api/jobs/x/result"),
    ("GET", "/api/jobs/x/log"), ("PATCH", "/api/jobs/x"), ("DELETE", "/api/jobs/x"), ("GET", "/api/kinds"),
])
def test_without_the_token_nothing_works(app, store, method, path, header):
    headers = {"Authorization": header} if header else {}
    answer = app.test_client().open(path, method=method, json=SAMPLE, headers=headers)
    assert (answer.status_code, answer.content_type) == (401, "application/problem+json")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.json["detail"].startswith("That is no token" if header == "Bearer wrong" else "Send the header")
    assert kept(store) == []


def test_without_a_token_set_nobody_gets_in(redis):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url}))
    for header in ("Bearer ", "Bearer", "Bearer None"):
        assert app.test_client().get("/api/kinds", headers={"Authorization": header}).status_code == 401
    assert app.test_client().post("/sign-in", data={"token": ""}).status_code == 401


@pytest.mark.parametrize("id", ["unknown", "..", "a b", "x" * 5000, "%00", "%ff", "job:x", "*"])
def test_an_id_that_is_none_is_404(call, id):
    for method, path in (("GET", ""), ("POST", "/cancellation"), ("POST", "/retry"), ("POST", "/run-now"),
                         ("GET", "/result"), ("GET", "/log"), ("DELETE", ""), ("PATCH", "")):
        answer = call(method, f"/api/jobs/{id}{path}")
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_every_error_of_the_api_is_a_problem(call):
    for method, path, status in (("GET", "/api/nothing", 404), ("DELETE", "/api/jobs", 405),
                                 ("PUT", "/api/kinds", 405)):
        answer = call(method, path)
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json")


def test_a_time_before_all_others_is_long_ago_and_harms_no_list(call):
    answer = call("POST", "/api/jobs", SAMPLE | {"run_at": "0001-01-01T00:00:00+14:00"})
    assert (answer.status_code, answer.json["state"]) == (202, "queued")
    assert call("GET", "/api/jobs").json["jobs"] == [answer.json]


@pytest.mark.parametrize("size, status", [(1000, 202), (300_000, 413)])
def test_a_chunked_body_has_the_same_limit(app, size, status):
    data = json.dumps(SAMPLE).encode() + b" " * size
    environ = EnvironBuilder("/api/jobs", method="POST", content_type="application/json", headers={
        "Authorization": "Bearer secret-token", "Transfer-Encoding": "chunked"}).get_environ()
    environ |= {"wsgi.input": BytesIO(data), "wsgi.input_terminated": True}
    environ.pop("CONTENT_LENGTH", None)
    body, line, _ = run_wsgi_app(app, environ, buffered=True)
    assert line.startswith(str(status))
    assert status == 202 or b"262,144 bytes" in b"".join(body)


def test_an_idempotency_key_makes_a_request_safe_to_repeat(call, store):
    first = call("POST", "/api/jobs", SAMPLE, **{"Idempotency-Key": "k1"})
    again = call("POST", "/api/jobs", {**SAMPLE, "params": dict(reversed(SAMPLE["params"].items()))},
                 **{"Idempotency-Key": "k1"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json["id"] == again.json["id"]
    other = call("POST", "/api/jobs", SAMPLE | {"delay": 5}, **{"Idempotency-Key": "k1"})
    assert (other.status_code, other.content_type) == (409, "application/problem+json")
    assert sum(store.counts().values()) == 1
    assert call("POST", "/api/jobs", SAMPLE, **{"Idempotency-Key": "k2"}).json["id"] != first.json["id"]
    for bad in ("x" * 201, "", "a b"):
        assert call("POST", "/api/jobs", SAMPLE, **{"Idempotency-Key": bad}).status_code == 422


def test_the_list_filters_counts_and_pages(call, store):
    ids = [call("POST", "/api/jobs", SAMPLE).json["id"] for _ in range(3)]
    late = call("POST", "/api/jobs", SAMPLE | {"delay": 60}).json["id"]
    store.submit("other", "other-kind", '{"args":[],"kwargs":{}}', queue="default")
    other = "other"
    everything = call("GET", "/api/jobs").json
    assert {job["id"] for job in everything["jobs"]} == {*ids, late, other}
    assert everything["counts"] == {"scheduled": 1, "queued": 4, "running": 0, "succeeded": 0, "failed": 0,
                                    "cancelled": 0}
    assert everything["next"] is None
    assert [job["id"] for job in call("GET", "/api/jobs?state=scheduled").json["jobs"]] == [late]
    assert [job["id"] for job in call("GET", "/api/jobs?kind=other-kind").json["jobs"]] == [other]
    assert call("GET", "/api/jobs?kind=other-kind&state=scheduled").json["jobs"] == []
    page = call("GET", "/api/jobs?limit=4").json
    rest = call("GET", f"/api/jobs?limit=4&cursor={page['next']}").json
    assert [len(page["jobs"]), len(rest["jobs"]), rest["next"]] == [4, 1, None]
    assert {job["id"] for job in page["jobs"] + rest["jobs"]} == {*ids, late, other}


@pytest.mark.parametrize("query", ["state=done", "limit=0", "limit=201",
                                   "limit=0000000001300", "limit=x", "limit=-1", "limit=٣", "cursor=x",
                                   "cursor=1-x", "cursor=--"])
def test_a_bad_query_is_named(call, query):
    answer = call("GET", f"/api/jobs?{query}")
    assert answer.status_code == 422
    assert answer.json["errors"][0]["field"] == query.split("=")[0]


def test_cancel_retry_and_run_now_move_the_job_or_say_why_not(call, store):
    id = call("POST", "/api/jobs", SAMPLE | {"delay": 60}).json["id"]
    path = f"/api/jobs/{id}"
    assert call("POST", path + "/retry").status_code == 409
    answer = call("POST", path + "/run-now")
    assert (answer.status_code, answer.json["state"]) == (202, "queued")
    assert store.redis.llen("default") == 1
    assert call("POST", path + "/run-now").status_code == 409
    answer = call("POST", path + "/cancellation")
    assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
    assert answer.json["finished_at"]
    answer = call("POST", path + "/cancellation")
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    answer = call("POST", path + "/retry")
    assert (answer.status_code, answer.json["state"], answer.json["finished_at"]) == (202, "queued", None)
    assert store.redis.llen("default") == 2
    run = store.start(id, "w", 60, "sample", "", 3, "default")
    answer = call("POST", path + "/cancellation")
    assert (answer.status_code, answer.json["state"], answer.json["cancel_requested"]) == (200, "running", True)
    store.settle(id, run.token, "w", "succeeded", result={"n": 1})
    assert call("POST", path + "/cancellation").status_code == 409
    assert call("POST", path + "/retry").status_code == 409


def test_the_record_and_the_log_tell_who_asked_for_what(call, logged):
    id = call("POST", "/api/jobs", SAMPLE | {"delay": 60}, **{"X-Request-ID": "router-1"}).json["id"]
    call("POST", f"/api/jobs/{id}/run-now", **{"X-Request-ID": "router-2"})
    call("POST", f"/api/jobs/{id}/run-now")  # refused
    call("POST", f"/api/jobs/{id}/cancellation")
    job = call("POST", f"/api/jobs/{id}/retry").json
    assert [(act["act"], act["by"]) for act in job["acts"]] == [
        ("run_now", "api"), ("cancel", "api"), ("retry", "api")]
    assert job["acts"][0]["at"].endswith("Z")
    lines = [line for line in logged() if line.get("job") == id and "event" in line]
    assert [line["event"] for line in lines] == ["accepted", "run_now", "cancel", "retry"]
    assert {line["by"] for line in lines} == {"api"}
    assert [line["request_id"] for line in lines[:2]] == ["router-1", "router-2"]


def test_a_scheduled_job_is_given_another_time(call, store):
    id = call("POST", "/api/jobs", SAMPLE | {"delay": 60}).json["id"]
    at = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=3)
    answer = call("PATCH", f"/api/jobs/{id}", {"run_at": at.isoformat()})
    assert (answer.status_code, answer.json["state"]) == (200, "scheduled")
    assert datetime.fromisoformat(answer.json["due_at"]) == at
    due = datetime.fromisoformat(call("PATCH", f"/api/jobs/{id}", {"delay": 600}).json["due_at"])
    assert timedelta(seconds=500) < due - datetime.now(UTC) < timedelta(seconds=610)
    assert call("PATCH", f"/api/jobs/{id}", {"run_at": "0001-01-01T00:00:00Z"}).json["due_at"][:4] == "1970"
    assert store.promote(10)[1] == [id]
    answer = call("PATCH", f"/api/jobs/{id}", {"delay": 600})
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert "queued" in answer.json["detail"]


@pytest.mark.parametrize("body, field", [
    ({}, "body"), ({"delay": None}, "body"), ({"delay": -1}, "delay"), ({"run_at": "2030-01-01T00:00:00"}, "run_at"),
    ({"delay": 1, "run_at": "2027-01-01T00:00:00Z"}, "run_at"), ({"kind": "sample", "delay": 1}, "kind"), ([], "body"),
    ({"run_at": "2999-01-01T00:00:00Z"}, "run_at"),
])
def test_a_time_that_is_none_changes_nothing(call, store, body, field):
    job = call("POST", "/api/jobs", SAMPLE | {"delay": 60}).json
    answer = call("PATCH", f"/api/jobs/{job['id']}", body)
    assert (answer.status_code, [error["field"] for error in answer.json["errors"]]) == (422, [field])
    assert call("GET", f"/api/jobs/{job['id']}").json == job


def test_a_file_lives_until_the_new_time_of_the_job_that_names_it(app, call, store):
    file = keep(app)
    id = call("POST", "/api/jobs", {"kind": "sample", "params": {"label": file}, "delay": 60}).json["id"]
    call("PATCH", f"/api/jobs/{id}", {"delay": 30 * 86400})
    assert store.redis.ttl(f"{PREFIX}file:{file}") > 36 * 86400


def test_only_a_finished_job_is_deleted_and_its_key_gives_no_other(call, store):
    id = call("POST", "/api/jobs", SAMPLE, **{"Idempotency-Key": "k"}).json["id"]
    answer = call("DELETE", f"/api/jobs/{id}")
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert "cancel it first" in answer.json["detail"]
    call("POST", f"/api/jobs/{id}/cancellation")
    answer = call("DELETE", f"/api/jobs/{id}")
    assert (answer.status_code, answer.data) == (204, b"")
    assert call("GET", f"/api/jobs/{id}").status_code == call("DELETE", f"/api/jobs/{id}").status_code == 404
    answer = call("POST", "/api/jobs", SAMPLE, **{"Idempotency-Key": "k"})
    assert (answer.status_code, answer.content_type) == (410, "application/problem+json")
    assert "deleted" in answer.json["detail"]
    assert sum(store.counts().values()) == 0


def keep(app) -> str:
    return app.extensions["files"].put("a.csv", "text/csv", BytesIO(b"a"), most_mb=1, limit="RESULT_MAX_MB").id


def test_a_deleted_job_takes_its_file_with_it_unless_another_job_or_a_schedule_is_to_use_it(app, call, store):
    files = {name: keep(app) for name in ("unused", "queued", "scheduled", "running", "repeated", "finished")}
    for name, file in files.items():
        store.submit(name, "sample", "{}", queue="default")
        store.settle(name, store.start(name, "w", 60, "sample", "", 3, "default").token, "w", "succeeded",
                     result={"file": {"id": file, "name": "a.csv", "type": "text/csv", "bytes": 1}})
    for name in ("queued", "running", "finished"):
        store.submit(f"{name}-user", "sample", json.dumps({"args": [], "kwargs": {"params": {"label": files[name]}}}))
    store.start("running-user", "w", 60, "sample", "", 3, "default")
    store.cancel("finished-user")
    call("POST", "/api/jobs", {"kind": "sample", "params": {"label": files["scheduled"]}, "delay": 60})
    call("POST", "/api/schedules", {"kind": "sample", "cron": "0 9 * * *", "params": {"label": files["repeated"]}})
    for name in files:
        assert call("DELETE", f"/api/jobs/{name}").status_code == 204
    assert [name for name, file in files.items() if app.extensions["files"].get(file)] == [
        "queued", "scheduled", "running", "repeated"]


def test_the_list_looks_for_a_text_or_a_group_of_failures(call, store):
    ada, bob = (call("POST", "/api/jobs", SAMPLE | {"params": {"label": name}}).json["id"]
                for name in ("Lovelace", "Bob"))
    assert [job["id"] for job in call("GET", "/api/jobs?q=lovelace").json["jobs"]] == [ada]
    assert call("GET", "/api/jobs?q=lovelace&state=failed").json["jobs"] == []
    store.settle(bob, store.start(bob, "w", 60, "sample", "", 3, "default").token, "w", "failed",
                 error={"type": "ValueError", "message": "no 1"})
    (group,) = store.groups().groups
    assert [job["id"] for job in call("GET", f"/api/jobs?error={group.key}").json["jobs"]] == [bob]
    assert call("GET", "/api/jobs?error=none").json["jobs"] == []


def test_the_log_of_a_job_has_its_times_in_iso(call, store):
    id = call("POST", "/api/jobs", SAMPLE).json["id"]
    assert call("GET", f"/api/jobs/{id}/log").json == {"lines": []}
    line = {"at": 1_800_000_000_000, "level": "INFO", "logger": "x", "message": "<b>", "attempt": 1}
    assert store.log(id, [json.dumps(line)], 60)
    assert call("GET", f"/api/jobs/{id}/log").json == {"lines": [line | {"at": "2027-01-15T08:00:00.000Z"}]}


def test_the_result_is_there_when_the_job_has_succeeded(call, store):
    id = call("POST", "/api/jobs", SAMPLE).json["id"]
    assert call("GET", f"/api/jobs/{id}/result").status_code == 404
    run = store.start(id, "w", 60, "sample", "", 3, "default")
    assert call("GET", f"/api/jobs/{id}/result").status_code == 404
    store.settle(id, run.token, "w", "succeeded", result={"label": "é"})
    answer = call("GET", f"/api/jobs/{id}/result")
    assert (answer.status_code, answer.content_type, answer.json) == (200, "application/json", {"label": "é"})


def test_kinds_come_with_the_schema_of_their_params(call):
    kinds = {kind["name"]: kind for kind in call("GET", "/api/kinds").json["kinds"]}
    assert kinds["sample"]["params"]["properties"]["seconds"]["maximum"] == 3600
    assert kinds["sample"]["params"]["required"] == ["label"]
    assert kinds["sample"]["description"]


def test_a_whole_number_may_be_written_with_a_fraction_of_nothing(app, store):
    def send(steps):
        body = json.dumps(SAMPLE | {"params": {"label": "x", "steps": 0}}).replace("0", steps)
        return app.test_client().post("/api/jobs", headers={"Authorization": "Bearer secret-token"}, data=body,
                                      content_type="application/json")

    assert send("4.0").json["params"]["steps"] == 4
    for steps, field in (("4.5", "params.steps"), ("1e300", "params.steps"), ("1e999", "body")):
        assert send(steps).json["errors"][0]["field"] == field


def test_what_is_stored_is_what_was_asked_for(call, store):
    text = "“Grüße”, 你好, 🎉 \\ \" \x7f end"
    id = call("POST", "/api/jobs", {"kind": "sample", "params": {"label": text}}).json["id"]
    assert call("GET", f"/api/jobs/{id}").json["params"]["label"] == text
    assert json.loads(store.redis.get(f"{PREFIX}message:{id}"))["kwargs"]["params"]["label"] == text


def test_health_needs_no_token_and_tells_whether_a_worker_lives(app, store):
    client = app.test_client()
    assert client.get("/health/live").status_code == 200
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert "worker" in answer.json["reason"]
    store.beat("w1")
    assert client.get("/health/ready").json == {"status": "ready", "workers": 1}
    store.leave("w1")
    assert client.get("/health/ready").status_code == 503


@pytest.mark.parametrize("value", [[[]], {"a": {}}])
def test_a_body_may_be_nested_so_deep_and_no_deeper(call, value):
    for _ in range(28):
        value = [value]
    deep = SAMPLE | {"params": {"label": value}}
    assert call("POST", "/api/jobs", deep).json["errors"][0]["field"] == "params.label"
    answer = call("POST", "/api/jobs", SAMPLE | {"params": {"label": [value]}})
    assert (answer.status_code, answer.json["errors"]) == (
        422, [{"field": "body", "message": "is nested more than 32 levels deep"}])


def test_an_app_without_webhooks_notifies_nobody_and_says_so(call, app):
    app.extensions["kinds"].pop("webhook", None)
    answer = call("POST", "/api/jobs", SAMPLE | {"notify": "https://example.org/hook"})
    assert (answer.status_code, answer.json["errors"]) == (
        422, [{"field": "notify", "message": "this app has no webhooks"}])
    assert call("POST", "/api/jobs", SAMPLE).json["notify"] is None
