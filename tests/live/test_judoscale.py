"""What Judoscale gets, and how often."""

import json
import os

import pytest

from app.config import Settings
from app.web import create_app
from app.web.judoscale import Reporter
from tests.stores import start, submit


@pytest.fixture
def reporter(store, receiver):
    return Reporter(store, Settings.from_env({"APP_ENV": "development", "DYNO": "web.1",
                                              "JUDOSCALE_URL": f"http://127.0.0.1:{receiver.port}/api/secret"}))


def test_it_gets_how_long_the_oldest_waits_how_many_do_and_how_many_run(reporter, receiver, store, clock):
    submit(store, "a")
    submit(store, "b")
    start(store, "a")
    clock.forward(7)
    assert reporter.step() == 10
    (got,) = receiver.got
    report, at = json.loads(got.body), round(clock() / 1000)
    assert got.path == "/api/secret/v3/reports" and got.headers["content-type"] == "application/json"
    assert report["metrics"] == [[at, 7000, "qt", "default"], [at, 1, "qd", "default"], [at, 1, "busy", "default"]]
    assert (report["container"], report["pid"]) == ("web.1", os.getpid())


def test_one_of_all_processes_reports(reporter, receiver):
    reporter.step()
    reporter.step()
    assert len(receiver.got) == 1


def test_what_it_does_not_take_is_said_without_the_secret(reporter, receiver, caplog):
    receiver.answers = [(404, {})]
    reporter.step()
    assert [record.message for record in caplog.records] == ["judoscale: it does not take our report: 404"]


def test_by_its_variable_alone():
    without, with_it = (create_app(Settings.from_env({"APP_ENV": "development", "JUDOSCALE_URL": url}))
                        for url in ("", "https://adapter.example.org/api/secret"))
    assert len(with_it.extensions["on_start"]) == len(without.extensions["on_start"]) + 1
