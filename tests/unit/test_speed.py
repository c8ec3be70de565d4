"""The benchmark of speed: what it counts and how it tells it. Needs none of the queues, runs nothing."""

import re
from math import inf

import pytest

from benchmarks.peers import ROOT, ledger
from benchmarks.speed import accept, chart, delayed, due, jobs, rest
from benchmarks.speed.__main__ import DOCS, PARTS
from benchmarks.speed.bench import peers

RATES = jobs.Rates(1000, 500, 400, 250)


def test_what_is_compared_is_told_as_a_share_and_redis_has_room_for_what_it_takes_of_a_second():
    found = dict.fromkeys(jobs.ALL, RATES) | {"later": jobs.Rates(1500, 250, 400, 500)}
    rows = jobs.report(found)["jobs"].splitlines()
    assert rows[2] == ("| later | after the work, with a record and a lease | 1,500 (1.50) | 250 (0.50) | 400 (1.00) "
                       "| 500 µs | 2,000 |")
    assert [row.split(" | ")[1] for row in rows if row.startswith(("| Celery |", "| Dramatiq"))] == [
        "before the work", "after the work"]


def test_a_job_that_nobody_waits_for_any_longer_is_later_than_any():
    late = {"50 a second": due.Late(0.002, 0.25, 1.5)} | dict.fromkeys(due.HEAD[2:], due.Late(0.1, inf, inf))
    table = due.report({"later": late})["due"]
    assert "| 2 ms / 250 ms / 1.5 s | 100 ms / over 60 s / over 60 s |" in table


def test_memory_that_still_grows_is_said_to():
    held = [delayed.Held(0, 0, 0, 80 * 2**20, False), delayed.Held(1000, 2500, 900, 90 * 2**20, True)]
    assert delayed.report({"Celery": held})["delayed"].splitlines()[2:] == [
        "| Celery, 0 |  |  | 80 MB |", "| Celery, 1,000 | 2,500 | 900 | 90 MB and grows |"]


def test_a_job_that_was_done_twice_was_done_when_it_was_first():
    lines = [ledger.Line(1, "start", 1.0, 1), ledger.Line(1, "done", 2.0, 1), ledger.Line(1, "done", 9.0, 2)]
    assert rest.done(lines) == {1: 2.0}
    found = {"later": (rest.Rest(4, 2**27, 0.012, 90), rest.Recovery(24, 61.2)),
             "RQ": (rest.Rest(3, 2**27, 0.5, 10), rest.Recovery(22, None))}
    assert [row.split(" | ")[-2:] for row in rest.report(found)["rest"].splitlines()[2:]] == [
        ["24", "61 s |"], ["22", "– |"]]


def test_accepting_is_compared_with_the_bare_view():
    found = {accept.BARE: accept.Speed(1000, 0.008, 0.02, 0.002, 0.004), accept.BULK_SOON: accept.Speed(4000)}
    assert accept.report(found)["accept"].splitlines()[2:] == [
        f"| {accept.BARE} | 1,000 | 1.00 | 8 ms | 20 ms | 2 ms | 4 ms |",
        f"| {accept.BULK_SOON} | 4,000 | 4.00 | – | – | – | – |"]


def test_ours_without_a_line_for_each_job_is_deployed_as_ours_else():
    loud, quiet = peers("later", "later, quiet")
    assert quiet._replace(name=loud.name, env=loud.env) == loud
    assert quiet.env == loud.env | {"LOG_LEVEL": "WARNING"}


def test_a_chart_stands_for_itself(tmp_path, monkeypatch):
    monkeypatch.setattr(chart, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    chart.bars("x", "Jobs", {"later": 10, "other": 5})
    chart.lines("y", "Jobs", "so many", ["1", "2"], {"later": [1, 2], "other": [3, None]}, "seconds")
    for name in "xy":
        svg = (tmp_path / "docs" / f"speed-{name}.svg").read_text()
        assert "<script" not in svg and "later" in svg


@pytest.mark.parametrize("part", PARTS)
def test_the_document_has_the_figures_of_each_part_and_of_what_machine(part):
    for mark in (part, f"machine of {part}"):
        (text,) = re.findall(f"<!-- {mark} -->\n(.*?)<!-- end -->", DOCS.read_text(), re.S)
        assert text.strip()
    for link in re.findall(r"\]\((speed-[^)]+)\)", DOCS.read_text()):
        assert (ROOT / "docs" / link).exists()
