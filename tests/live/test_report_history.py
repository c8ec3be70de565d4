"""The record that the store really keeps, read as a row of a report."""

import pytest

from app.connections import connect
from app.report.history import columns, row
from app.store import Store

START = 1_800_000_000_000


class Life:
    """One job and a clock of its own."""

    def __init__(self, url):
        self.ms = START
        self.store = Store(connect(url, patient=False), lambda: self.ms)

    def after(self, seconds):
        self.ms += int(seconds * 1000)
        return self

    def submit(self, **options):
        self.store.submit("a", "demo", "{}", queue="q", max_attempts=3, **options)

    def start(self):
        self.token = self.store.start("a", "w", 10, "demo", "{}", 3, "q").token

    def told(self):
        [record] = self.store.page(None, None, 10, None).records
        found = dict(zip([name for name, _ in columns()], row(record)))
        return {name: found[name] for name in ("State", "Waited", "Ran", "Attempts", "Error")}


@pytest.fixture
def life(redis):
    life = Life(redis.url)
    yield life
    life.store.redis.close()


def test_of_a_job_that_was_tried_again_the_last_attempt_is_told(life):
    life.submit()
    assert life.told() == {"State": "queued", "Waited": None, "Ran": None, "Attempts": 0, "Error": None}
    life.after(2).start()
    assert life.told()["Waited"] == 2.0
    life.after(3).store.try_again("a", life.token, "{}", delay=60, error={"type": "Undelivered", "message": ""})
    assert life.told() == {"State": "scheduled", "Waited": 2.0, "Ran": 3.0, "Attempts": 1, "Error": "Undelivered"}
    life.after(61).store.promote(10)
    life.after(4).start()
    life.after(7).store.settle("a", life.token, "w", "succeeded", result={})
    assert life.told() == {"State": "succeeded", "Waited": 5.0, "Ran": 7.0, "Attempts": 2, "Error": None}


def test_a_scheduled_job_waits_from_when_it_is_due_or_wanted(life):
    life.submit(delay=3600)
    life.after(10).store.run_now("a")
    life.after(1).start()
    assert life.told()["Waited"] == 1.0


def test_a_lost_worker_does_not_lengthen_the_wait(life):
    life.submit(delay=3600)
    life.after(3600.5).store.promote(10)
    life.after(0.5).start()
    life.after(30).store.sweep_leases(10)
    life.after(9).start()
    life.after(5).store.settle("a", life.token, "w", "failed", error={"type": "DemoFailed", "message": ""})
    assert life.told() == {"State": "failed", "Waited": 1.0, "Ran": 5.0, "Attempts": 2, "Error": "DemoFailed"}
    life.after(100).store.retry("a")
    assert life.told() == {"State": "queued", "Waited": None, "Ran": 5.0, "Attempts": 0, "Error": None}


def test_a_job_that_was_cancelled_before_it_started_never_waited(life):
    life.submit(delay=3600)
    life.after(10).store.cancel("a")
    assert life.told() == {"State": "cancelled", "Waited": None, "Ran": None, "Attempts": 0, "Error": None}
