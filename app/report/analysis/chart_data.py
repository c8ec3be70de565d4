"""Which numbers make a chart: the largest groups, and the rest as one; time without gaps."""

import math

import numpy as np

from app.report.analysis import periods
from app.report.analysis.grouping import Data, name, ordered
from app.report.document import NUMERIC, Chart, Series, Value
from app.report.measures import Group, Measure

#: So many, "Other" among them.
MOST_BARS, MOST_SLICES, MOST_SERIES = 11, 7, 6
MOST_POINTS = 100
BINS = 10
OTHER = object()


def chart(data: Data, groups: list[Group], measure: Measure) -> Chart | None:
    """A line over time or else bars, of one or two groups; None when there is nothing to compare."""
    if measure.type(data.type(measure.column)) not in NUMERIC:
        return None
    axis, *by = sorted(groups, key=lambda group: not data.is_timely(group))
    kind = "line" if data.is_timely(axis) else "bar"
    shown, keys, label = _time(data, axis) if kind == "line" else (axis, *_largest(data, axis, measure, MOST_BARS))
    if len(keys) < 2:
        return None
    title = f"{measure.label} by {label}"
    rest = 0 if _adds_up(measure) else None
    if by:
        names, label = _largest(data, by[0], measure, MOST_SERIES)
        cells = _cells(data, [shown, by[0]], measure, keys, names)
        title += f" and {label}"
        series = [Series(_name(by[0], one), [cells.get((key, one), rest) for key in keys]) for one in names]
    else:
        cells = _cells(data, [shown], measure, keys)
        series = [Series(measure.label, [cells.get((key,), rest) for key in keys])]
    return Chart(kind, title, [_name(shown, key) for key in keys], series)


def share(data: Data, group: Group, measure: Measure) -> Chart | None:
    """The parts of a whole; None when they are none, as with means or below zero."""
    rows = ordered(data, [group], [measure]) if _adds_up(measure) else []
    values = [value for _, value in rows]
    if len(rows) < 2 or None in values or min(values) < 0 or not 0 < sum(values) < math.inf:
        return None
    cut = len(rows) if len(rows) <= MOST_SLICES else MOST_SLICES - 1
    labels = [_name(group, key) for key, _ in rows[:cut]]
    if cut < len(rows):
        labels, values = [*labels, "Other"], [*values[:cut], sum(values[cut:])]
    return Chart("share", f"{measure.label}: shares by {group.label}", labels, [Series(measure.label, values)])


def _adds_up(measure: Measure) -> bool:
    return measure.op in ("sum", "count")


def _largest(data: Data, group: Group, measure: Measure, most: int) -> tuple[list, str]:
    """The keys to show, and what to call the group."""
    keys = [row[0] for row in ordered(data, [group], [measure])]
    if len(keys) <= most:
        return keys, group.label
    if _adds_up(measure):
        return [*keys[:most - 1], OTHER], group.label
    return keys[:most], f"{group.label} (first {most})"


def _time(data: Data, group: Group) -> tuple[Group, list, str]:
    """The points in time, of a coarser period when there would be too many; and what to call them."""
    finest = Group(group.column, group.period or "day")
    days = [row[0] for row in data.aggregate([finest], []) if row[0]]
    if not days:
        return group, [], group.label
    first, last = min(days), max(days)
    shown = Group(group.column, periods.fitting(first, last, MOST_POINTS, finest.period))
    label = group.label if shown == finest else shown.label
    if periods.count(first, last, shown.period) <= MOST_POINTS:
        return shown, periods.between(first, last, shown.period), label
    return shown, sorted(row[0] for row in data.aggregate([shown], []) if row[0]), label


def _cells(data: Data, groups: list[Group], measure: Measure, *shown: list) -> dict[tuple, Value]:
    """The measure of each combination of shown keys; what is not shown adds up under OTHER where that is shown."""
    cells = {}
    for *keys, value in data.aggregate(groups, [measure]):
        place = tuple(key if key in there else OTHER for key, there in zip(keys, shown))
        cells[place] = value if cells.get(place) is None else cells[place] + (value or 0)
    return {place: value if value is None or math.isfinite(value) else None for place, value in cells.items()}


def _name(group: Group, key) -> str:
    return "Other" if key is OTHER else name(group, key)


def spread(data: Data, column: str) -> Chart | None:
    """How many rows have a number from where to where."""
    numbers = data.frame[column].dropna().to_numpy("float64")
    if not len(numbers) or not 0 < numbers.max() - numbers.min() < math.inf:
        return None
    counts, edges = np.histogram(numbers, BINS)
    labels = [f"{start:.3g} – {end:.3g}" for start, end in zip(edges, edges[1:])]
    return Chart("bar", f"Spread of {column}", labels, [Series("Rows", counts.tolist())])
