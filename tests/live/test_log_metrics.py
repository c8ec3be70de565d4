"""The figures in the log, as a parser of log metrics reads them."""

import re
import time

import pytest

from app.log_metrics import KEPT_SECONDS, LogMetrics
from app.metrics import Meter
from app.store import Store
from app.traffic import Traffic
from tests.dynos import wait_for
from tests.stores import MESSAGE, fail, start, submit

#: As l2met has it: a sort, a name, a number, and letters right after it.
FIGURE = re.compile(r"(sample|count|measure)#([a-z_]+)=([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)")


def parse(line: str) -> dict[str, str]:
    """Fails of a word that is none."""
    found = {}
    for word in line.split(" "):
        if word.startswith("source="):
            found["source"] = word.removeprefix("source=")
            continue
        assert (figure := FIGURE.fullmatch(word)), word
        assert f"{figure[1]}#{figure[2]}" not in found
        found[f"{figure[1]}#{figure[2]}"] = figure[3] + figure[4]
    return found


@pytest.fixture
def log(store):
    return LogMetrics(Meter(store, ["sample"]))


@pytest.fixture
def lines(log, capsys):
    def lines():
        log.store.redis.delete("jobs:lock:log-metrics")
        assert log.step() == 60
        return [parse(line) for line in capsys.readouterr().out.splitlines()]
    return lines


def test_a_line_of_the_app_and_one_of_each_kind_that_had_something_to_do(store, lines, clock):
    submit(store, "before")
    (app,) = lines()
    assert app["sample#queued"] == "1" and app["count#accepted"] == "0", "nobody knows in which minute it came"
    submit(store, "x", delay=60)
    store.submit("y", "other", MESSAGE, queue="default")
    store.beat("w1", 2, 1)
    clock.forward(2)
    token = start(store, "before").token
    clock.forward(0.25)
    store.settle("before", token, "w1", "succeeded")
    fail(store, "z")
    traffic = Traffic(store)
    for status, seconds in ((200, 0.002), (503, 0.1), (404, 0.003)):
        traffic.add("/x", "GET", status, seconds)
    traffic.flush()
    app, demo, other = lines()
    memory, most = app.pop("sample#redis_memory"), app.pop("sample#redis_memory_max")
    assert memory.endswith("MB") and most == "0.0MB"
    assert int(app.pop("sample#redis_connections")) < int(app.pop("sample#redis_connections_max"))
    assert app == {
        "sample#scheduled": "1", "sample#queued": "1", "sample#running": "0", "sample#aside": "0",
        "sample#oldest_wait": "2.2s", "sample#workers": "1", "sample#slots": "2", "sample#slots_busy": "1",
        "count#accepted": "3", "count#succeeded": "1", "count#failed": "1", "count#cancelled": "0",
        "measure#wait": "1000ms", "measure#run": "125ms",
        "count#requests": "3", "count#request_errors": "1", "measure#request": "35.0ms"}
    assert demo == {
        "source": "demo", "count#accepted": "2", "count#succeeded": "1", "count#failed": "1", "count#cancelled": "0",
        "measure#wait": "1000ms", "measure#run": "125ms"}
    assert other["source"] == "other" and other["count#accepted"] == "1"
    (app,) = lines()
    assert app["count#succeeded"] == "0" and app["sample#scheduled"] == "1"


def test_nothing_is_told_twice_or_left_out_when_another_process_goes_on(redis, store, lines, log, capsys, clock):
    submit(store, "a")
    lines()
    submit(store, "b")
    other = LogMetrics(Meter(Store(store.redis, clock), []))
    assert other.step() == 60
    assert capsys.readouterr().out == "", "the lock is taken"
    store.redis.delete("jobs:lock:log-metrics")
    other.step()
    assert "count#accepted=1 " in capsys.readouterr().out
    assert lines()[0]["count#accepted"] == "0"


def test_counts_of_long_ago_are_no_minutes(store, lines):
    lines()
    assert KEPT_SECONDS - 10 < store.redis.ttl("jobs:log_metrics") <= KEPT_SECONDS
    submit(store)
    store.redis.delete("jobs:log_metrics")
    assert lines()[0]["count#accepted"] == "0"


def test_no_kind_forges_a_figure(store, lines):
    lines()
    for n, kind in enumerate(["a b count#failed=9", "x\ny", "\u2028é", "=#"]):
        store.submit(str(n), kind, MESSAGE, queue="default")
    app, *kinds = lines()
    assert app["count#accepted"] == "4"
    assert sorted(kind["source"] for kind in kinds) == ["__", "__", "a_b_count_failed_9", "x_y"]


def test_a_full_redis_is_told_of(store, lines):
    lines()
    store.redis.config_set("maxmemory", 1)
    assert lines()[0]["sample#redis_memory_max"] == "0.0MB"
    store.redis.config_set("maxmemory", 0)


def test_one_web_process_of_two_prints_them_where_it_is_asked_for(dynos):
    web = dynos.web(WEB_CONCURRENCY="2", LOG_METRICS="1")
    (line,) = wait_for(lambda: re.findall("^sample#.*$", web.text(), re.M), 10)
    assert parse(line)["sample#workers"] == "0"
    quiet = dynos.web(WEB_CONCURRENCY="2")
    time.sleep(2)
    assert len(re.findall("sample#", web.text() + quiet.text())) == line.count("sample#")
