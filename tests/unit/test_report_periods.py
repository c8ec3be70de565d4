from datetime import date, timedelta

import numpy as np
import pytest

from app.report.analysis import periods
from app.report.measures import PERIODS


def first_day(day, period):
    """The same by other means."""
    return {"day": day, "week": day - timedelta(day.weekday()), "month": day.replace(day=1),
            "quarter": date(day.year, (day.month - 1) // 3 * 3 + 1, 1), "year": date(day.year, 1, 1)}[period]


@pytest.mark.parametrize("period", PERIODS)
def test_a_period_starts_on_its_first_day(period):
    days = [date(1, 1, 1), date(1969, 12, 31), date(9999, 12, 31),
            *(date(1995, 1, 1) + timedelta(number * 11) for number in range(1500))]
    starts = periods.floor(np.array([*days, None], "datetime64[us]"), period).astype("datetime64[D]").tolist()
    assert starts == [*(first_day(day, period) for day in days), None]


@pytest.mark.parametrize("period", PERIODS)
def test_periods_between_two_days_have_no_gap_and_are_counted(period):
    first, last = date(2019, 12, 30), date(2021, 3, 1)
    days = [first + timedelta(number) for number in range((last - first).days + 1)]
    expected = sorted({first_day(day, period) for day in days})
    assert periods.between(first, last, period) == expected
    assert periods.count(first, last, period) == len(expected)


def test_labels_sort_as_the_dates_do():
    day = date(2021, 1, 1)
    assert [periods.label(first_day(day, period), period) for period in PERIODS] == [
        "2021-01-01", "2020-W53", "2021-01", "2021-Q1", "2021"]
    assert periods.label(date(2024, 10, 1), "quarter") == "2024-Q4"


@pytest.mark.parametrize("days, period", [(1, "day"), (40, "day"), (41, "week"), (280, "week"), (281, "month"),
                                          (1300, "quarter"), (4000, "year"), (400_000, "year")])
def test_the_finest_period_with_few_enough_points_is_chosen(days, period):
    first = date(2000, 1, 3)
    assert periods.fitting(first, first + timedelta(days - 1), 40) == period


def test_no_period_is_finer_than_asked_for():
    assert periods.fitting(date(2024, 1, 1), date(2024, 1, 5), 40, "month") == "month"
