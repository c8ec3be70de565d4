"""Days, weeks, months, quarters and years: where each starts, how many there are, what they are called.

Times are numpy datetime64 arrays here, NaT for empty; a period is told by its first day.
"""

from datetime import date

import numpy as np

from app.report.measures import PERIODS

#: Each period in numpy's units, from a first one: weeks from a Monday, quarters from a January.
UNITS = {"day": ("D", 1, 0), "week": ("D", 7, 4), "month": ("M", 1, 0), "quarter": ("M", 3, 0), "year": ("Y", 1, 0)}


def floor(times: np.ndarray, period: str) -> np.ndarray:
    """The first day of the period of each."""
    unit, size, first = UNITS[period]
    starts, filled = np.full(times.shape, np.datetime64("NaT", "s")), ~np.isnat(times)
    numbers = times[filled].astype(f"datetime64[{unit}]").astype("int64")
    starts[filled] = ((numbers - first) // size * size + first).astype(f"datetime64[{unit}]")
    return starts


def count(first: date, last: date, period: str) -> int:
    """How many periods from that of `first` to that of `last`."""
    unit, size, _ = UNITS[period]
    start, end = floor(np.array([first, last], "datetime64[s]"), period).astype(f"datetime64[{unit}]").astype("int64")
    return int(end - start) // size + 1


def between(first: date, last: date, period: str) -> list[date]:
    """The first day of each period from that of `first` to that of `last`."""
    unit, size, _ = UNITS[period]
    start, end = floor(np.array([first, last], "datetime64[s]"), period).astype(f"datetime64[{unit}]")
    step = np.timedelta64(1, unit)
    return np.arange(start, end + step, size * step).astype("datetime64[D]").tolist()


def fitting(first: date, last: date, most: int, finest: str = "day") -> str:
    """The finest period that makes at most `most` points, else a year."""
    fits = (period for period in PERIODS[PERIODS.index(finest):] if count(first, last, period) <= most)
    return next(fits, "year")


def label(start: date, period: str) -> str:
    """Sorts as the dates do: 2024-05-31, 2024-W22, 2024-05, 2024-Q2, 2024."""
    if period == "week":
        year, week, _ = start.isocalendar()
        return f"{year:04}-W{week:02}"
    if period == "quarter":
        return f"{start.year:04}-Q{start.month // 3 + 1}"
    return start.isoformat()[:{"year": 4, "month": 7, "day": 10}[period]]
