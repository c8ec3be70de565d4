"""What a form means by when."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from app.web.new import due

NOW = datetime(2027, 3, 12, 20, 15, tzinfo=UTC)


@pytest.mark.parametrize("form, wanted", [
    ({}, {}),
    ({"minutes": ""}, {}),
    ({"minutes": "10"}, {"delay": 600}),
    ({"minutes": "1e3"}, {"delay": 60_000}),
    ({"minutes": "0.5", "at": " "}, {"delay": 30}),
    ({"minutes": "tomorrow"}, {"run_at": datetime(2027, 3, 13, 9, tzinfo=UTC)}),
    ({"minutes": "tomorrow", "offset": "-540"}, {"run_at": datetime(2027, 3, 14, 0, tzinfo=UTC)}),  # Tokyo's 14th
    ({"minutes": "tomorrow", "offset": "300"}, {"run_at": datetime(2027, 3, 13, 14, tzinfo=UTC)}),
    ({"minutes": "at", "at": "2027-03-20T08:30", "offset": "-60"},
     {"run_at": datetime(2027, 3, 20, 7, 30, tzinfo=UTC)}),
    ({"minutes": "10", "at": "2027-03-20T08:30"}, {"run_at": datetime(2027, 3, 20, 8, 30, tzinfo=UTC)}),
    ({"at": "2027-03-20T08:30+05:00", "offset": "60"}, {"run_at": datetime(2027, 3, 20, 3, 30, tzinfo=UTC)}),
    # What cannot be read is for validation to refuse.
    ({"minutes": "soon"}, {"delay": "soon"}),
    ({"minutes": "at"}, {"run_at": ""}),
    ({"at": "soon"}, {"run_at": "soon"}),
    ({"at": "2027-03-20T08:30", "offset": "x"}, {"run_at": "2027-03-20T08:30"}),
    ({"at": "2027-03-20T08:30", "offset": "9" * 30}, {"run_at": "2027-03-20T08:30"}),
    ({"minutes": "tomorrow", "offset": "x"}, {"run_at": ""}),
])
def test_a_form_says_when(form, wanted):
    assert due(form, NOW) == wanted


@pytest.mark.parametrize("at, offset", [("2026-03-20T08:30", "0"), ("2027-03-12T20:13", "0"),
                                        ("2027-03-12T21:10", "-60")])
def test_a_time_that_has_passed_is_refused(at, offset):
    with pytest.raises(ValidationError, match="That time has passed"):
        due({"at": at, "offset": offset}, NOW)


def test_the_minute_that_is_just_over_is_now():
    assert due({"at": "2027-03-12T20:15"}, NOW + timedelta(seconds=50)) == {"run_at": NOW}


@pytest.mark.parametrize("zone, now", [
    ("America/New_York", datetime(2027, 3, 13, 16)),  # the clock goes forward in the night
    ("Europe/Madrid", datetime(2027, 10, 30, 16)),  # and back
    ("Asia/Kolkata", datetime(2027, 10, 30, 23)),
])
def test_tomorrow_is_nine_oclock_there_though_the_clock_changes_in_between(zone, now):
    local = now.replace(tzinfo=ZoneInfo(zone))
    nine = (local + timedelta(days=1)).replace(hour=9)
    offset = -nine.utcoffset() // timedelta(minutes=1)
    assert due({"minutes": "tomorrow", "offset": str(offset)}, local.astimezone(UTC)) == {"run_at": nine}
