"""What Prometheus reads: right over several processes, whatever is restarted or killed, and closed."""

import json
import re
import signal
import urllib.request

import pytest
from prometheus_client import parser
from prometheus_client.openmetrics import parser as openmetrics

from app import metrics, states
from app.config import Settings
from app.reader import PREFIX
from app.store import SCRIPT
from app.traffic import Traffic
from app.web import create_app
from tests.dynos import wait_for
from tests.stores import MESSAGE, fail, start, submit

OWNER = {"Authorization": "Bearer t"}
METRICS = "m" * 32


@pytest.fixture
def app(redis, store):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "READ_TOKEN": "reader", "METRICS_TOKEN": METRICS}))
    for collector in list(app.extensions["metrics"]._collector_to_names):
        collector.meter.store = store
    return app


@pytest.fixture
def look(app):
    """What /metrics tells, as read by the library's parser: {(name, labels…): number}."""
    return lambda: read(app.test_client().get("/metrics", headers=OWNER).text)


def read(text: str) -> dict[tuple, float]:
    found = {}
    for family in parser.text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *(value for _, value in sorted(sample.labels.items())))
            assert key not in found, f"{key} twice"
            found[key] = sample.value
    return found


def total(figures: dict[tuple, float], name: str, *labels: str) -> float:
    return sum(n for (found, *values), n in figures.items() if found == name and set(labels) <= set(values))


def counters(figures):
    return {key: n for key, n in figures.items() if key[0].endswith(("_total", "_bucket", "_count", "_sum"))}


# --- over processes ---

def scrape(dynos) -> dict[tuple, float]:
    request = urllib.request.Request(dynos.base + "/metrics", headers={"Authorization": "Bearer test-token"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return read(answer.read().decode())


def get(dynos, path: str) -> None:
    urllib.request.urlopen(urllib.request.Request(
        dynos.base + path, headers={"Authorization": "Bearer test-token"}), timeout=10).close()


def test_two_web_processes_and_two_workers_of_which_one_is_killed_tell_what_happened(dynos):
    web = dynos.web(WEB_CONCURRENCY="2")
    first, _second = dynos.worker(), dynos.worker()
    task = dynos.task("sample")
    ids = [task.apply_async(({"label": "x", "seconds": 0.05, "fail": how},)).id
           for how in ["never"] * 20 + ["once"] * 3 + ["always"]]
    long = task.apply_async(({"label": "x", "seconds": 3, "steps": 30},)).id
    for _ in range(20):
        get(dynos, "/api/jobs/" + ids[0])
    dynos.wait(long, "running")
    before = scrape(dynos)
    assert before["workers",] == 2 and before["worker_slots",] == 4
    first.signal_all(signal.SIGKILL)
    for _ in range(10):
        get(dynos, "/api/jobs/" + ids[0])
    web.signal_all(signal.SIGTERM)  # it says what it has counted before it leaves
    web.wait()
    dynos.web(WEB_CONCURRENCY="2")
    between = scrape(dynos)
    dynos.worker()
    for id in [*ids, long]:
        dynos.wait(id)
    figures = scrape(dynos)

    for one, next in ((before, between), (between, figures)):
        assert {key for key, n in counters(one).items() if next.get(key, -1) < n} == set(), "a counter went backwards"
    jobs = [dynos.job(id) for id in [*ids, long]]
    attempts = [attempt["outcome"] for job in jobs for attempt in job["attempts"]]
    assert "retried" in attempts
    assert figures["jobs_accepted_total", "sample"] == 25
    assert figures["jobs_ended_total", "sample", "succeeded"] == 24 == figures["jobs", "sample", "succeeded"]
    assert figures["jobs_ended_total", "sample", "failed"] == 1 == figures["jobs", "sample", "failed"]
    for outcome in set(attempts):
        assert figures["job_attempts_total", "sample", outcome] == attempts.count(outcome), outcome
    assert figures["job_run_seconds_count", "sample"] == len(attempts) == figures["job_wait_seconds_count", "sample"]
    assert figures["http_requests_total", "GET", "/api/jobs/<id>", "200"] == 30
    assert figures["http_request_duration_seconds_count", "GET", "/api/jobs/<id>"] == 30
    assert not any(id in "".join(map(str, key)) for key in figures for id in ids)


# --- jobs ---

def test_each_kind_has_as_many_in_each_state_as_there_are(store, look, clock):
    submit(store, "a")
    submit(store, "b", delay=60)
    submit(store, "c")
    submit(store, "d")
    token = start(store, "c").token
    store.submit("e", "other kind", MESSAGE, queue="default")
    figures = look()
    assert {state: figures.get(("jobs", "demo", state), 0) for state in states.ALL} == {
        "scheduled": 1, "queued": 2, "running": 1, "succeeded": 0, "failed": 0, "cancelled": 0}
    assert figures["jobs", "other kind", "queued"] == 1
    store.settle("c", token, "w1", "succeeded")
    store.cancel("b")
    store.delete("b")
    fail(store, "f")
    store.retry("f")
    figures = look()
    assert {state: figures.get(("jobs", "demo", state), 0) for state in states.ALL} == {
        "scheduled": 0, "queued": 3, "running": 0, "succeeded": 1, "failed": 0, "cancelled": 0}
    assert [figures["jobs_ended_total", "demo", state] for state in states.FINISHED] == [1, 1, 1]
    clock.forward(10 * 86400)
    assert store.trim(100, 7 * 86400) == 1
    assert look()["jobs", "demo", "succeeded"] == 0
    assert counters(look()) == counters(figures), "what is forgotten was counted"


@pytest.mark.parametrize("seconds, bucket", [(0, "0.01"), (0.01, "0.01"), (0.011, "0.05"), (5, "5.0"), (5.001, "10.0"),
                                             (3600, "3600.0"), (3601, "+Inf")])
def test_waits_and_runs_are_in_their_bucket_and_in_those_above(store, look, clock, seconds, bucket):
    submit(store)
    clock.forward(seconds)
    token = start(store, lease=9999).token
    clock.forward(seconds)
    store.settle("a", token, "w1", "succeeded")
    figures = look()
    for name in ("job_wait_seconds", "job_run_seconds"):
        below = [key[2] for key, n in figures.items() if key[:2] == (f"{name}_bucket", "demo") and n == 0]
        assert all(float(most) < float(bucket) for most in below)
        assert len(below) == metrics.BUCKETS.index(float(bucket))
        assert figures[f"{name}_sum", "demo"] == pytest.approx(seconds)
        assert figures[f"{name}_count", "demo"] == 1


def test_the_buckets_are_those_of_the_script():
    (bounds,) = re.findall(r"^local BUCKETS = {(.+)}", SCRIPT, re.M)
    assert [int(ms) / 1000 for ms in bounds.split(",")] == list(metrics.BUCKETS[:-1])


def test_a_kind_of_this_app_is_there_before_its_first_job(look):
    """Prometheus sees only what grows: a first failure must not appear from nowhere."""
    figures = look()
    assert figures["jobs_ended_total", "sample", "failed"] == 0 == figures["job_wait_seconds_bucket", "sample", "+Inf"]


def test_how_long_the_oldest_waits_also_when_it_has_no_record_yet_and_no_worker_lives(store, look, clock):
    submit(store, delay=10)
    assert look()["job_oldest_wait_seconds",] == 0
    clock.forward(12)
    assert look()["job_oldest_wait_seconds",] == 2
    store.stage("b", [json.dumps(["x", MESSAGE, {"kind": "demo", "queue": "default", "due": clock()}])])
    store.accept("b", 1, 100, None, "digest")
    store.create_schedule("s", clock() + 1000, {"kind": "demo"}, 9)
    store.cancel("a")
    clock.forward(20)
    figures = look()
    assert (figures["job_oldest_wait_seconds",], figures["jobs_aside",]) == (20, 1)
    while store.unfold(10):
        pass
    assert (look()["job_oldest_wait_seconds",], look()["jobs_aside",]) == (19, 0)


def test_workers_and_redis(store, look, clock):
    store.beat("w1", 4, 3)
    store.beat("w2", 2, 0)
    assert [look()[name,] for name in ("workers", "worker_slots", "worker_slots_busy")] == [2, 6, 3]
    clock.forward(26)
    figures = look()
    assert figures["workers",] == 0
    assert figures["redis_memory_used_bytes",] > 100_000 and figures["redis_memory_max_bytes",] >= 0
    assert 0 < figures["redis_connected_clients",] < figures["redis_config_maxclients",]


@pytest.mark.parametrize("spoil", ["older release", "by hand"])
def test_what_does_not_add_up_is_counted_anew(store, look, spoil):
    for id in "abcd":
        submit(store, id)
    start(store, "a")
    if spoil == "older release":  # which counts nothing
        store.redis.delete(f"{PREFIX}kinds", f"{PREFIX}kind:demo")
    else:
        for id in "bc":
            store.redis.delete(f"{PREFIX}job:{id}", f"{PREFIX}message:{id}")
            store.redis.zrem(f"{PREFIX}queued", id)
            store.redis.zrem(f"{PREFIX}all", id)
    left = 1 if spoil == "by hand" else 3
    figures = look()
    assert (figures["jobs", "demo", "queued"], figures["jobs", "demo", "running"]) == (left, 1)
    store.settle("a", "1", "w1", "succeeded")
    figures = look()
    assert (figures["jobs", "demo", "running"], figures["jobs", "demo", "succeeded"]) == (0, 1)


# --- hostile ---

KINDS = ['quote"', "back\\slash", "new\nline", "nul\0", 'a{b="c"} 9', "\u2028\u202e", "x" * 101, "\ud800", "", "é%s"]


@pytest.mark.parametrize("form", ["text", "OpenMetrics"])
def test_no_kind_can_forge_a_line_or_break_those_of_others(store, app, form):
    for n, kind in enumerate([*KINDS, "plain"]):
        store.submit(str(n), kind, MESSAGE, queue="default")
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"} if form == "OpenMetrics" else {}
    answer = app.test_client().get("/metrics", headers=OWNER | accept)
    parse = (openmetrics if accept else parser).text_string_to_metric_families
    kinds = {sample.labels["kind"]: sample.value for family in parse(answer.text) for sample in family.samples
             if sample.name == "jobs_accepted_total" and sample.value}
    assert kinds == {'quote"': 1, "back\\slash": 1, "new\ufffdline": 1, "nul\ufffd": 1, 'a{b="c"} 9': 1,
                     "\ufffd\ufffd": 1, "other": 1, "?": 1, "": 1, "é%s": 1, "plain": 1}
    assert not re.search("[\0-\x09\x0b-\x1f\u2028]", answer.text)


def test_who_makes_up_kinds_gets_a_hundred_and_the_rest_is_one(store, look):
    for n in range(130):
        store.submit(str(n), f"kind {n}", MESSAGE, queue="default")
    start(store, "129")
    store.cancel("128")
    figures = look()
    assert len({key[1] for key in figures if key[0] == "jobs_accepted_total" and figures[key]}) == 101
    assert figures["jobs_accepted_total", "other"] == 30
    assert (figures["jobs", "other", "queued"], figures["jobs", "other", "running"]) == (28, 1)
    assert figures["jobs_ended_total", "other", "cancelled"] == 1


# --- requests ---

def test_requests_are_counted_by_their_route_and_never_by_what_a_client_makes_up(app, look):
    http = app.test_client()
    for path in ("/api/jobs/one", "/api/jobs/two", "/nothing/at/all", "/wp-login.php", "/static/page.js?v=1"):
        http.get(path, headers=OWNER)
    http.open("/api/kinds", method="BREW")
    http.put("/api/kinds", headers=OWNER)
    http.get("/api/kinds")
    app.extensions["traffic"].flush()
    figures = {key[1:]: n for key, n in look().items() if key[0] == "http_requests_total"}
    assert figures == {("GET", "/api/jobs/<id>", "404"): 2, ("GET", "none", "404"): 2, ("other", "none", "405"): 1,
                       ("PUT", "none", "405"): 1, ("GET", "/api/kinds", "401"): 1,
                       ("GET", "/static/<path:filename>", "200"): 1}


def test_an_error_of_ours_is_counted_too(app, look):
    app.add_url_rule("/api/boom", "boom", lambda: 1 / 0)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert app.test_client().get("/api/boom", headers=OWNER).status_code == 500
    app.extensions["traffic"].flush()
    assert look()["http_requests_total", "GET", "/api/boom", "500"] == 1


def test_what_could_not_be_sent_goes_with_the_next(redis, store, app, look):
    traffic: Traffic = app.extensions["traffic"]
    traffic.add("/x", "GET", 200, 0.02)
    redis.stop()
    with pytest.raises(Exception, match="111|refused"):
        traffic.flush()
    traffic.add("/x", "GET", 200, 20)
    redis.start()
    traffic.flush()
    traffic.flush()
    figures = look()
    assert figures["http_requests_total", "GET", "/x", "200"] == 2
    assert figures["http_request_duration_seconds_bucket", "0.025", "GET", "/x"] == 1
    assert figures["http_request_duration_seconds_sum", "GET", "/x"] == pytest.approx(20.02)


def test_a_full_redis_goes_on_counting(store, app, look):
    store.redis.config_set("maxmemory", 1)
    app.extensions["traffic"].add("/x", "GET", 200, 0.02)
    app.extensions["traffic"].flush()
    assert look()["http_requests_total", "GET", "/x", "200"] == 1
    store.redis.config_set("maxmemory", 0)


# --- who may ---

@pytest.mark.parametrize("token, status", [("t", 200), ("reader", 200), (METRICS, 200), ("", 401), (METRICS[:-1], 401),
                                           (f"t,{METRICS}", 401), ("é", 401)])
def test_closed_to_all_but_our_tokens(app, token, status):
    answer = app.test_client().get("/metrics", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == status
    assert ("job_oldest_wait_seconds" in answer.text) is (status == 200)
    assert app.test_client().get("/metrics", headers={"Authorization": token}).status_code == 401


def test_closed_to_who_says_nothing_and_to_a_session(app):
    http = app.test_client()
    assert http.get("/metrics").status_code == 401
    http.post("/sign-in", data={"token": "t"})
    assert http.get("/metrics").status_code == 401


def test_its_own_token_opens_nothing_else(app):
    headers, http = {"Authorization": f"Bearer {METRICS}"}, app.test_client()
    for path in ("/api/jobs", "/api/kinds", "/api/schedules"):
        assert http.get(path, headers=headers).status_code == 401
    assert http.get("/", headers=headers).location == "/sign-in"
    assert http.post("/sign-in", data={"token": METRICS}).status_code != 302
    assert http.post("/api/jobs", headers=headers, json={"kind": "sample", "params": {"label": "x"}}).status_code == 401
    assert http.post("/metrics", headers=headers).status_code == 405


def test_who_guesses_is_stopped_and_who_knows_is_not(app):
    http = app.test_client()
    for _ in range(60):
        http.get("/metrics", headers={"Authorization": "Bearer guess"})
    assert http.get("/metrics", headers={"Authorization": "Bearer guess"}).status_code == 429
    assert http.get("/metrics", headers=OWNER).status_code == 200


@pytest.mark.parametrize("accept, type", [
    (None, "text/plain; version=0.0.4"), ("*/*", "text/plain; version=0.0.4"), ("", "text/plain; version=0.0.4"),
    ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "application/openmetrics-text"),
    ("application/openmetrics-text; version=\"><x", "application/openmetrics-text; version=1.0.0"),
    ("text/plain; version=x", "text/plain; version=0.0.4")])
def test_it_speaks_what_it_is_asked_for(app, accept, type):
    answer = app.test_client().get("/metrics", headers=OWNER | ({} if accept is None else {"Accept": accept}))
    assert answer.status_code == 200
    assert answer.content_type.startswith(type)
    assert answer.text.endswith("# EOF\n") is type.startswith("application")


def test_without_redis_it_says_so_and_is_up_again_with_it(redis, app):
    redis.stop()
    answer = app.test_client().get("/metrics", headers=OWNER)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    redis.start()
    wait_for(lambda: app.test_client().get("/metrics", headers=OWNER).status_code == 200, 10)
