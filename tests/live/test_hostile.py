"""What an attacker would send to the API and to the page's forms: each gets an answer at once, which is no failure of
ours, and nothing that was refused is there."""

import gzip
import json
import re
import socket
import time

import pytest
from kombu import Connection

from app import record
from app.config import Settings
from app.job import RESULT_DEPTH, _result
from app.web import create_app
from tests import ledger  # noqa: F401 - its kinds, sample and anything
from tests.stores import start, submit

HEADERS = {"Authorization": "Bearer t"}
SAMPLE = {"kind": "sample", "params": {"label": "x"}}
ANYTHING = '{"kind": "anything", "params": {"value": %s}}'
DEEP = ["[" * 100_000, "[" * 100_000 + "]" * 100_000,
        '{"a":' * 40_000, "[" * 500 + "]" * 500, '{"a":' * 40 + "1" + "}" * 40]


@pytest.fixture
def app(redis):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "SECRET_KEY": "s", "RATE_LIMIT": "0"}))
    yield app
    app.extensions["store"].redis.close()


@pytest.fixture
def store(app):
    return app.extensions["store"]


@pytest.fixture
def send(app):
    """Sends, and wants an answer after at most 5 s of work that is none of the server's own failures."""
    def send(method, path, data=None, type="application/json", **headers):
        began = time.thread_time()
        answer = app.test_client().open(path, method=method, data=data, content_type=data and type,
                                        headers=HEADERS | headers)
        assert time.thread_time() - began < 5
        assert answer.status_code < 500, answer.text
        return answer

    return send


@pytest.fixture
def form(app):
    """Sends a form of the page, signed in, on the same terms."""
    client = app.test_client()
    client.post("/sign-in", data={"token": "t"})

    def form(path, **fields):
        csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/new/sample").text)[1]
        answer = client.post(path, data={"csrf": csrf} | fields)
        assert answer.status_code < 500, answer.text
        return answer

    form.get = client.get
    return form


# --- bodies ---


@pytest.mark.parametrize("value", [
    *DEEP, "1e400", "1" + "0" * 5000, "NaN", "-Infinity", '"\\ud800"', '{"\\udfff": 1}', '{"a": "\x01"}', "1 1",
    '{"__type__": "decimal", "__value__": "1"}', '[{"__type__": "no such", "__value__": {}}]', "'x'", "01",
    "\ufeff1"])
def test_json_that_not_all_of_us_could_read_is_refused_wherever_it_comes(app, send, form, store, value):
    schedule = {"kind": "anything", "cron": "0 0 * * *", "params": {}}
    body = ANYTHING % value
    assert send("POST", "/api/jobs", body).status_code in (400, 413, 422)
    if "bulk" in app.blueprints:
        assert send("POST", "/api/jobs/bulk", body, "application/x-ndjson").status_code in (400, 413, 422)
    assert send("POST", "/api/schedules", json.dumps(schedule).replace("{}", f'{{"value": {value}}}')).status_code in (
        400, 413, 422)
    assert store.counts()["queued"] == 0 and store.schedules() == []
    answer = form("/new/anything", more=value)
    assert answer.status_code in (413, 422)
    assert store.redis.keys("jobs:job:*") == []


@pytest.mark.parametrize("value", ["1" + "0" * 4000, "-0.0", "9007199254740993", "1e-400", '"\\u0000"',
                                   '"\u2028\x85\u202e"',
                                   '{"": {"": []}}', '{"__type__": 1}', "[" * 29 + "]" * 29])
def test_what_is_odd_and_legal_is_kept_and_every_reader_gets_it(app, send, form, store, value):
    job = send("POST", "/api/jobs", ANYTHING % value).json
    assert job["params"]["value"] == json.loads(value)
    assert send("GET", f"/api/jobs/{job['id']}").json == job
    assert form.get(f"/jobs/{job['id']}").status_code == 200
    assert send("GET", "/api/jobs?q=anything").json["jobs"] == [job]
    with Connection(app.extensions["settings"].broker_url) as broker:
        _args, kwargs, _options = broker.SimpleQueue("default").get(timeout=5).payload
    assert kwargs["params"] == job["params"]


def test_of_a_key_that_comes_twice_the_last_counts_for_all_readers(send):
    answer = send("POST", "/api/jobs", '{"kind":"none","kind":"sample","params":{},"params":{"label":"x","label":"y"}}')
    assert (answer.status_code, answer.json["params"]) == (202, {"label": "y"})


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "GZIP", "identity, gzip", "x"])
@pytest.mark.parametrize("path, type", [("/api/jobs", "application/json"), ("/api/uploads", "multipart/form-data"),
                                        ("/api/jobs/bulk", "application/x-ndjson")])
def test_a_body_that_would_have_to_be_inflated_is_refused(send, store, path, type, encoding):
    bomb = gzip.compress(bytes(50_000_000))
    assert send("POST", path, bomb, type, **{"Content-Encoding": encoding}).status_code == 415
    assert send("POST", path, json.dumps(SAMPLE), type, **{"Content-Encoding": encoding}).status_code == 415
    assert store.redis.keys("jobs:job:*") == []


@pytest.mark.parametrize("field", [{"cron": ",".join(["*/1"] * 50_000) + " * * * *"}, {"cron": "9" * 5000 + " * * * *"},
                                   {"cron": "* * * * " + "mon," * 40_000 + "mon"}, {"timezone": "A" * 200_000},
                                   {"timezone": "../../etc/passwd"}, {"timezone": "UTC\0"}, {"timezone": "\ud7ff"}])
def test_a_schedule_that_would_take_long_to_read_is_refused(send, store, field):
    schedule = {"kind": "sample", "params": {"label": "x"}, "cron": "0 0 * * *"}
    assert send("POST", "/api/schedules", json.dumps(schedule | field)).status_code == 422
    id = send("POST", "/api/schedules", json.dumps(schedule)).json["id"]
    assert send("PATCH", f"/api/schedules/{id}", json.dumps(field)).status_code == 422
    assert [entry["cron"] for entry in store.schedules()] == ["0 0 * * *"]


def test_many_errors_are_not_all_told(app, send):
    params = {f"k{n}": 1 for n in range(20_000)}
    for path in ("/api/jobs", "/api/jobs/bulk")[:1 + ("bulk" in app.blueprints)]:
        answer = send("POST", path, json.dumps({"kind": "sample", "params": params}))
        assert answer.status_code == 422
        assert 1 < len(answer.json["errors"]) <= 100


# --- on the wire, where no client of ours would go ---


LIES = [
    ("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\n", {400}),
    ("Content-Length: 5\r\nContent-Length: 6", "hello", {400}),
    ("Content-Length: -5", "hello", {400}),
    ("Content-Length: 0x5", "hello", {400}),
    ("Content-Length: 99999999999999999999", "hello", {413}),
    ("Transfer-Encoding: chunked", "FFFFFFFFFFFFFFFFFF\r\nx", {400, 413}),
    ("Transfer-Encoding: chunked", "-1\r\nx\r\n0\r\n\r\n", {400}),
    ("Transfer-Encoding: xchunked", "0\r\n\r\n", {400, 501}),
    ("Transfer-Encoding: chunked", "50000\r\n" + "x" * 0x50000 + "\r\n0\r\n\r\n", {413}),
    ("X-Bad\r\n folded: 1\r\nContent-Length: 2", "{}", {400}),
    ("X-Null: a\0b\r\nContent-Length: 2", "{}", {400}),
    ("X: " + "y" * 70_000 + "\r\nContent-Length: 2", "{}", {400, 431}),
]


def test_a_request_whose_length_is_a_lie_is_refused_and_the_next_one_is_served(dynos):
    dynos.web()
    for head, body, statuses in LIES:
        with socket.create_connection(("127.0.0.1", dynos.port), timeout=10) as wire:
            wire.sendall(f"POST /api/jobs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer test-token\r\n"
                         f"Content-Type: application/json\r\n{head}\r\n\r\n{body}".encode())
            wire.shutdown(socket.SHUT_WR)
            answer = wire.recv(65536)
        assert int(answer.split()[1]) in statuses, (head[:50], answer[:300])
    assert dynos.store.counts()["queued"] == 0


# --- addresses ---

IDS = ["..%2f..%2f", "%2e%2e", "%00", "*", "jobs:", "job:*", "%0a", "%0d%0aX:y", "x" * 3000, "%ff%fe", "%F0%9F%98%80",
       "?", "all", "log:x", "{id}%00", "{id}%20", "job:{id}", "message:{id}", "%7b%7b7*7%7d%7d", "%E2%80%AE",
       "-1"]


def test_an_id_is_never_another_key_of_redis_nor_another_path(app, send, store):
    job = send("POST", "/api/jobs", json.dumps(SAMPLE)).json["id"]
    for name in (f"jobs:job:{job}:x", "jobs:file:x", "jobs:outbox:x"):  # what a careless reader might find
        store.redis.hset(name, mapping={"state": "failed", "name": "x"})
    before = {name: store.redis.dump(name) for name in store.redis.keys("*") if ":limits" not in name}
    rules = [rule for rule in app.url_map.iter_rules() if rule.arguments & {"id"} and rule.rule.startswith("/api")]
    assert len(rules) > 8
    for rule in rules:
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            for id in IDS:
                path = rule.rule.replace("<id>", id.format(id=job))
                data = {"PATCH": '{"delay": 5}' if "/jobs/" in path else '{"paused": true}', "POST": "{}"}.get(method)
                assert send(method, path, data).status_code in (404, 405, 308, 415), (method, path)
    assert before == {name: store.redis.dump(name) for name in before}
    assert not [name for name in store.redis.keys("*") if name not in before and ":limits" not in name]


@pytest.mark.parametrize("text", ["%", "%25d", "[", "%5B%5E", ".*", "(", "%00", "%ff", "%ED%A0%80", "*", "?",
                                  "x" * 3000, "%25x%25x%25x", "%5Cud800", "'", "%E2%80%AE"])
def test_a_search_takes_nothing_for_a_pattern(send, text):
    """%, [, (, . and * are letters: they match what has them, not all."""
    send("POST", "/api/jobs", json.dumps(SAMPLE))
    for name in ("q", "kind", "error"):
        answer = send("GET", f"/api/jobs?{name}={text}")
        assert (answer.status_code, answer.json["jobs"]) == (200, [])
    odd = send("POST", "/api/jobs", json.dumps({"kind": "sample", "params": {"label": "a%[^(.*'b"}})).json["id"]
    assert [job["id"] for job in send("GET", "/api/jobs?q=%25%5B%5E(.*%27").json["jobs"]] == [odd]


@pytest.mark.parametrize("cursor, status", [("-1-0", 422), ("1-1%0a", 422),
                                            ("inf-9", 200), ("-inf-0", 422), ("%D9%A3-1", 422),
                                            ("1-", 422),
                                            ("1-" + "9" * 10, 422), ("9" * 16 + "-" + "9" * 9, 200), ("0-0", 200)])
def test_a_forged_cursor_is_refused_or_harmless(send, form, cursor, status):
    send("POST", "/api/jobs", json.dumps(SAMPLE))
    answer = send("GET", f"/api/jobs?cursor={cursor}")
    assert answer.status_code == status
    assert status == 422 or answer.json["jobs"] == []
    assert form.get(f"/?cursor={cursor}").status_code == (404 if status == 422 else 200)


# --- the page ---


@pytest.mark.parametrize("fields", [
    *({"all": "1", "action": "delete", "told": "1", "before": text} for text in ("nan", "inf", "-inf", "1e300", "x")),
    {"one": "retry \r\nX: y"}, {"one": "delete " + "x" * 100_000}, {"one": "\0"},
    {"action": "retry", "told": "9" * 5000},
    *({"action": "reschedule", "all": "1", "sure": "1", "told": "5"} | when for when in (
        {"minutes": "nan"}, {"minutes": "1e308"}, {"minutes": "tomorrow", "offset": "9" * 5000},
        {"at": "0001-01-01T00:00", "offset": "-999999999"}, {"at": "9999-12-31T23:59", "offset": "5"})),
    {"id": "x\r\nSet-Cookie: a=b", "back": "job", "action": "retry", "told": "1"},
    {"id": "//evil.example", "back": "job", "action": "retry", "told": "1"}])
def test_a_forged_form_moves_nothing_and_leads_nowhere_else(form, store, fields):
    submit(store, "waits", delay=60)
    submit(store, "failed")
    store.settle("failed", start(store, "failed").token, "w1", "failed", error={"type": "E", "message": ""})
    answer = form("/actions", **fields)
    assert "Set-Cookie: a=b" not in str(answer.headers)
    assert re.fullmatch(r"(None|/[^/\\].*|/(#.*|\?.*)?)", str(answer.headers.get("Location"))), answer.headers
    assert (store.get("waits")["state"], store.get("failed")["state"]) == ("scheduled", "failed")


@pytest.mark.parametrize("headers", [
    {"Referer": "http://[::1"}, {"Referer": "\xff"}, {"Accept-Language": ",".join(f"a{n};q=0.{n}" for n in range(999))},
    {"Accept-Language": "es;q=nan"}, {"If-None-Match": '"' * 9999}, {"Cookie": "session=" + "." * 9999},
    {"Range": "bytes=0-1"}, {"X-Request-ID": "x\xff"}, {"Accept-Encoding": "gzip;q=" + "9" * 5000}])
def test_a_header_that_is_none_breaks_no_page(app, form, store, headers):
    submit(store)
    for path in ("/", "/jobs/a"):
        assert form.get(path, headers=headers).status_code < 400
        assert app.test_client().get(path, headers=headers).status_code == 302


@pytest.mark.parametrize("origin", ["http://[::1", "http://[", "x", "null", "http://localhost.evil.example", "://"])
def test_a_form_of_an_origin_that_is_none_is_refused(app, origin):
    assert app.test_client().post("/sign-in", data={"token": "t"}, headers={"Origin": origin}).status_code == 403


# --- what jobs say and return ---


def test_an_error_of_any_text_stays_one_line_of_the_history(send, store):
    """Unicode knows more ends of lines than JSON."""
    text = "a\u2028b\u2029c\x85d\x1ce\x0bf\ng"
    submit(store)
    store.settle("a", start(store).token, "w1", "failed", error={"type": text, "message": text})
    (attempt,) = send("GET", "/api/jobs/a").json["attempts"]
    assert attempt["error"] == {"type": text, "message": text}


@pytest.mark.parametrize("file", [{"type": 5}, {"name": {"x": 1}, "type": None}, {"bytes": "many"}, {"bytes": [1]},
                                  {"bytes": True}, {"type": ["text/html"]}])
def test_a_result_that_only_looks_like_a_file_breaks_no_page(app, send, form, store, file):
    submit(store)
    result = {"file": {"id": "file-" + "0" * 32} | file}
    store.settle("a", start(store).token, "w1", "succeeded", result=result)
    assert send("GET", "/api/jobs/a").json["result"] == result
    for path, status in (("/jobs/a", 200), ("/", 200), ("/jobs/a/file", 410 if "results" in app.blueprints else 404),
                         ("/jobs/a/view", 404)):
        assert form.get(path).status_code == status


def test_a_result_that_is_nested_too_deeply_is_not_kept(dynos):
    value = None
    for _ in range(RESULT_DEPTH):
        value = [value]
    assert _result(value) == value
    assert _result([value]) is None
    for _ in range(100_000):
        value = [value]
    assert _result(value) is None
    assert record.deeper(json.loads("[" * 33 + "]" * 33), 32)
    while value:  # so that Python need not take it apart in one go
        value = value[0]
