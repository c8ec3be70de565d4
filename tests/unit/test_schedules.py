"""When a schedule is next due: zones, daylight saving, and what is no schedule."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSimError
from pydantic import ValidationError

from app.schedules import Change, NewSchedule, next_due

MADRID = ZoneInfo("Europe/Madrid")


def occurrences(cron, after, count, zone=MADRID):
    """The next ones, on the clocks of the zone."""
    at, found = datetime.fromisoformat(after).replace(tzinfo=zone).timestamp(), []
    for _ in range(count):
        at = next_due(cron, zone.key, at) / 1000
        found.append(datetime.fromtimestamp(at, zone).strftime("%m-%d %H:%M %z"))
    return found


def test_nine_in_the_morning_stays_nine_in_summer_and_winter():
    assert occurrences("0 9 * * 1", "2026-10-15", 3) == ["10-19 09:00 +0200", "10-26 09:00 +0100", "11-02 09:00 +0100"]


def test_the_hour_that_is_skipped_in_spring_does_not_swallow_the_job():
    assert occurrences("30 2 * * *", "2026-03-28", 3) == ["03-28 02:30 +0100", "03-29 03:00 +0200", "03-30 02:30 +0200"]


def test_the_hour_that_comes_twice_in_autumn_runs_the_job_once():
    assert occurrences("30 2 * * *", "2026-10-24", 3) == ["10-24 02:30 +0200", "10-25 02:30 +0200", "10-26 02:30 +0100"]


@pytest.mark.parametrize("cron, zone, now, due", [
    ("30 2 * * *", "Europe/Madrid", "2026-10-25T01:00:00+00:00", "2026-10-26T01:30:00+00:00"),
    ("30 1 * * *", "America/New_York", "2026-11-01T06:00:00+00:00", "2026-11-02T06:30:00+00:00"),
    ("45 1-3 * * *", "Europe/Madrid", "2026-10-25T01:10:00+00:00", "2026-10-25T02:45:00+00:00"),
])
def test_asked_in_the_second_of_two_equal_hours_the_next_one_still_lies_ahead(cron, zone, now, due):
    at = next_due(cron, zone, datetime.fromisoformat(now).timestamp())
    assert at == datetime.fromisoformat(due).timestamp() * 1000


def test_an_hourly_job_runs_in_every_real_hour():
    assert occurrences("0 * * * *", "2026-10-25T01:30", 4) == [
        "10-25 02:00 +0200", "10-25 02:00 +0100", "10-25 03:00 +0100", "10-25 04:00 +0100"]


def test_the_next_one_is_later_than_now_even_at_the_very_moment():
    assert occurrences("0 9 * * *", "2026-11-23T09:00", 1) == ["11-24 09:00 +0100"]


def test_a_day_that_never_comes_is_no_schedule():
    with pytest.raises(CronSimError):
        next_due("0 0 30 2 *", "UTC", 0)


def test_names_and_spaces_are_taken_as_cron_takes_them():
    assert NewSchedule(kind="x", cron=" 0  9 * * MON ").cron == "0 9 * * MON"


@pytest.mark.parametrize("cron", ["", "0 9 * *", "* * * * * *", "61 * * * *", "0 0 30 2 *", "0 0 31 4,6 *", "@daily",
                                  "0 9 * * 8", "x", "0 9 * * 1; rm"])
def test_what_is_no_cron_expression_is_refused_with_an_example(cron):
    with pytest.raises(ValidationError, match="such as '0 9"):
        NewSchedule(kind="x", cron=cron)


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd", "/etc/localtime", "Europe", "a\0b"])
def test_what_is_no_zone_is_refused_with_an_example(zone):
    with pytest.raises(ValidationError, match="such as Europe/Madrid"):
        Change(timezone=zone)
