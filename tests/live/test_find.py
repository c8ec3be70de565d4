"""Pages, searches and groups of failures: exactly those that fit, whatever the batches are."""

import json
import random

import pytest

from app.store import PREFIX
from tests.stores import fail, start, submit


def add(store, id, kind="demo", params=None, **options):
    message = json.dumps({"args": [], "kwargs": {"params": params or {}}, "ignore_result": True, "queue": "default"})
    store.submit(id, kind, message, **({"queue": "default"} | options))


def pages(store, state=None, kind=None, limit=50, **filters):
    """All ids, page by page; no page is longer than asked for."""
    seen, cursor = [], None
    while True:
        page = store.page(state, kind, limit, cursor, **filters)
        assert len(page.records) <= limit
        seen += [record["id"] for record in page.records]
        cursor = page.next
        if cursor is None:
            return seen


@pytest.fixture
def many(store, clock):
    """6,000 jobs, of which several share a millisecond. Returns {id: params}, newest first."""
    dice, jobs = random.Random(7), {}
    for n in range(6000):
        jobs[f"job-{n}"] = {"to": f"{dice.choice(['ada', 'BOB', 'Zoë'])}{n % 40}@example.com", "n": n}
        add(store, f"job-{n}", ["mail", "sheet"][n % 2], jobs[f"job-{n}"], delay=n % 3 * (n % 700))
        clock.ms += dice.choice([0, 0, 1])
    return {id: jobs[id] for id in store.redis.zrevrange(PREFIX + "all", 0, -1)}


def test_six_thousand_jobs_are_listed_and_found_once_each_in_order(store, many):
    assert pages(store, limit=170) == list(store.ids()) == list(many)
    assert store.count() == len(many) == 6000
    wanted = [id for id, params in many.items() if params["to"].startswith("BOB7@") and params["n"] % 2]
    assert len(wanted) > 20
    assert pages(store, kind="sheet", text="bob7@", limit=7) == wanted
    assert pages(store, kind="sheet", text="bob7@", limit=7, scan=100) == wanted
    assert list(store.ids(kind="sheet", text="bob7@")) == wanted
    assert store.count(kind="sheet", text="bob7@") == len(wanted)
    assert store.ids(text="4999") and list(store.ids(text="4999")) == ["job-4999"]


def test_the_schedule_is_searched_soonest_first(store, many):
    due = [id for id in store.redis.zrange(PREFIX + "scheduled", 0, -1) if many[id]["to"].startswith("ada")]
    assert pages(store, "scheduled", text="ADA", limit=100) == list(store.ids("scheduled", text="ada")) == due


def test_a_page_may_end_before_it_is_full_and_says_how_to_go_on(store, many):
    page = store.page(None, None, 5, None, scan=1000, text="job-1 nowhere")
    assert (page.records, bool(page.next)) == ([], True)
    last = list(many)[-1]
    page, looked = store.page(None, None, 5, None, scan=1000, text=f"{last}"), 1
    while not page.records:
        page, looked = store.page(None, None, 5, page.next, scan=1000, text=f"{last}"), looked + 1
    assert looked == 6


@pytest.mark.parametrize("text, found", [
    ("ada@", True), ("ADA@EX", True), ("grüße", True), ("GRÜSSE", False), ("Grüße, 你", True), ("🎉", True),
    ('say "hi"', True), ("back\\slash", True), ("two\nlines", True), ("1250", True), ("0.5", True),
    ("demo", True), ("request-7", True), ("schedule-1", True), ("the-id", True), ("valueerror", True),
    ("quota of ada", True), ("deep down", True), ("  ada@  ", True),
    ("params", False), ("kwargs", False), ("subject", False), ("ignore_result", False), ("default", False),
    ("u00fc", False), ("ada@nowhere", False), ("message", False),
])
def test_a_search_looks_at_what_was_given_and_what_went_wrong_and_nowhere_else(store, text, found):
    deep = ["Deep down"]
    for _ in range(10):
        deep = [{"x": deep}]
    add(store, "the-id", params={
        "subject": "Grüße, 你好 🎉", "to": ["Ada@example.com"], "quote": 'Say "hi"', "path": "back\\slash",
        "lines": "two\nlines", "rows": 1250, "share": 0.5, "deep": deep}, request_id="request-7")
    store.redis.hset(f"{PREFIX}job:the-id", "schedule", "schedule-1")
    run = start(store, "the-id")
    store.settle("the-id", run.token, "w1", "failed", error={"type": "ValueError", "message": "Quota of Ada"})
    assert list(store.ids(text=text)) == ["the-id"] * found
    assert store.count("failed", text=text) == found
    assert list(store.ids("queued", text=text)) == []


def test_those_of_a_lane_are_found_by_its_whole_name_in_any_state(store):
    for id, lane in (("one", "a"), ("two", "a"), ("other", "A"), ("longer", "ab"), ("spaced", " a"), ("none", None)):
        submit(store, id, lane=lane)
    store.settle("one", start(store, "one").token, "w1", "succeeded")
    submit(store, "later", lane="a", delay=60)
    assert set(pages(store, lane="a")) == set(store.ids(lane="a")) == {"one", "two", "later"}
    assert store.count(lane="a") == 3 and store.count("scheduled", lane="a") == 1 and store.count(lane="b") == 0
    assert list(store.ids(lane=" a")) == ["spaced"] and list(store.ids(lane="a", text="two")) == ["two"]


def test_those_that_ended_after_a_moment_are_left_out(store, clock):
    for id in ("early", "then", "late"):
        fail(store, id)
        clock.forward(1)
    moment = clock() - 2000  # "then" ended
    submit(store, "waits")
    submit(store, "scheduled", delay=60)
    assert list(store.ids("failed", before=moment)) == list(store.ids(error=key(store), before=moment)) == [
        "then", "early"]
    assert list(store.ids(text="demo", before=moment)) == ["then", "early"]  # of all: by when they were created
    assert list(store.ids("queued", before=moment)) == ["waits"]
    assert list(store.ids("scheduled", before=moment)) == ["scheduled"]


def key(store):
    (group,) = store.groups().groups
    return group.key


def test_letters_that_are_not_ascii_are_found_as_given_and_in_the_usual_cases(store):
    for id, word in (("small", "über"), ("capital", "Über"), ("large", "ÜBER")):
        add(store, id, params={"text": f"x {word} x"})
    assert set(store.ids(text="über")) == set(store.ids(text="ÜBER")) == {"small", "capital", "large"}


@pytest.mark.parametrize("message", ["", "no json", "[1]", "null", '{"args": "ada"}', "[" * 3000 + "]" * 3000,
                                     '{"args": [' + '{"x": ' * 900 + '"ada"' + "}" * 900 + "]}",
                                     '{"kwargs": "\\ud800 ada"}'])
def test_a_message_that_is_odd_stops_no_search(store, message):
    store.submit("odd", "demo", message, queue="default")
    add(store, "fine", params={"to": "ada"})
    assert "fine" in list(store.ids(text="ada"))


def test_a_record_deleted_by_hand_stops_no_list(store):
    add(store, "there")
    add(store, "gone")
    store.redis.delete(f"{PREFIX}job:gone")
    assert pages(store) == pages(store, kind="demo") == ["there"]
    for name in ("all", "queued"):
        store.redis.zrem(PREFIX + name, "gone")


@pytest.mark.parametrize("cursor", ["x", "1-x", "--", "1-", "-1", "٣-1", "1" * 17 + "-1", "1-" + "1" * 30, "+inf-0"])
def test_a_cursor_that_is_none_is_refused(store, cursor):
    with pytest.raises(ValueError):
        store.page(None, None, 5, cursor)


def test_failures_are_grouped_by_what_they_have_in_common(store, clock):
    for n in range(12):
        fail(store, f"mail-{n}", "Refused", f"550 <user{n}@host{n}.example.com>: unknown, {n} left\nsecond line {n}")
        clock.forward(1)
    for n in range(5):
        fail(store, f"file-{n}", "Gone", f"file-{n:032x} has expired")
        clock.forward(1)
    fail(store, "other", "Refused", "571 delisted")
    groups = store.groups()
    assert groups.seen == 18
    assert [group.count for group in groups.groups] == [12, 5, 1]
    mail = groups.groups[0]
    assert (mail.kind, mail.type, mail.message) == (
        "demo", "Refused", "550 <user11@host11.example.com>: unknown, 11 left")
    assert (mail.newest, mail.last - mail.first, mail.last) == ("mail-11", 11_000, clock() - 6000)
    assert set(store.ids(error=mail.key)) == {f"mail-{n}" for n in range(12)}
    assert pages(store, "failed", error=groups.groups[1].key, limit=2) == [f"file-{n}" for n in (4, 3, 2, 1, 0)]
    assert store.count(error="none") == 0


def test_groups_are_the_same_however_many_batches_they_take(store, clock, monkeypatch):
    for n in range(50):
        fail(store, f"job-{n}", message=["disk full", "no route", "timed out"][n % 3], delay=0)
        clock.ms += n % 2
    whole = store.groups()
    monkeypatch.setattr("app.reader.BATCH", 7)
    assert store.groups() == whole
    assert [group.count for group in whole.groups] == [17, 17, 16]
    assert store.groups(limit=20).seen == 20
    assert sum(group.count for group in store.groups(limit=20).groups) == 20


def test_an_error_that_says_nothing_or_too_much_is_a_group_too(store):
    submit(store, "silent")
    store.settle("silent", start(store, "silent").token, "w1", "failed")
    fail(store, "long", message="Ünglücklich " * 80)
    told = {group.newest: group for group in store.groups().groups}
    assert (told["silent"].type, told["silent"].message) == ("", "")
    assert len(told["long"].message) <= 200
    assert list(store.ids(error=told["long"].key)) == ["long"]
