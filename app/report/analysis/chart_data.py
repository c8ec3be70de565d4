"""Which numbers make a chart: the largest groups, and the rest as one; time without gaps."""

import math

import numpy as np

from app.report.analysis import periods
from app.report.analysis.grouping import Data, name, sort
from app.report.document import NUMERIC, Chart, Series, Value
from app.report.measures import Group, Measure

#: So many, "Other" among them.
MOST_BARS, MOST_SLICES, MOST_SERIES = 11, 7, 6
#: Years, or other numbers that follow each other, side by side.
MOST_STEPS = 40
#: "Other" is left out when it is so many times the largest one, which it would make a stump. Of pairs there are many.
CRUSHES, CRUSHES_PAIRS = 3, 1
MOST_POINTS = 100
BINS = 10
OTHER = object()
ROWS = Measure("count")


def chart(data: Data, groups: list[Group], measure: Measure, first: Measure | None = None) -> Chart | None:
    """A line over time or else bars, of one or two groups; None when there is nothing to compare.

    Args:
        first: the measure that the document is about. It ranks the groups of a pair, so that they have the same colours
            in all charts. Where it is no sum or count, which a single odd row may lead, the number of rows does.
    """
    if measure.type(data.type(measure.column)) not in NUMERIC:
        return None
    axis, *by = sorted(groups, key=lambda group: not data.is_timely(group))
    rank = measure if not by else first if first and _adds_up(first) else ROWS
    kind = "line" if data.is_timely(axis) else "bar"
    most = MOST_STEPS if data.is_in_order(axis) and not by else MOST_BARS
    shown, keys, label = _time(data, axis) if kind == "line" else (
        axis, *_largest(data, axis, measure, rank, most, CRUSHES_PAIRS if by else CRUSHES))
    if len(keys) < 2:
        return None
    title, labels = f"{measure.label} by {label}", [_name(shown, key) for key in keys]
    rest = 0 if _adds_up(measure) else None
    if not by:
        cells = _cells(data, [shown], measure, keys)
        series = [Series(measure.label, [cells.get((key,), rest) for key in keys])]
        return Chart(kind, title, labels, series, _adds_up(measure))
    names, label = _largest(data, by[0], measure, rank, MOST_SERIES, CRUSHES_PAIRS)
    cells = _cells(data, [shown, by[0]], measure, keys, names)
    series = [Series(_name(by[0], one), [cells.get((key, one), rest) for key in keys]) for one in names]
    return Chart(kind, f"{title} and {label}", labels, series, _adds_up(measure))


def share(data: Data, group: Group, measure: Measure) -> Chart | None:
    """The parts of a whole; None when they are none, as with means or below zero."""
    rows = _by_size(data, group, measure) if _adds_up(measure) else []
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


def _by_size(data: Data, group: Group, *measures: Measure) -> list[list[Value]]:
    rows = data.aggregate([group], measures)
    sort(rows, 0, 1)
    return rows


def _largest(data: Data, group: Group, measure: Measure, rank: Measure, most: int, crushes: int) -> tuple[list, str]:
    """The keys to show, and what to call the group. All others are one, unless that crushes the largest shown one."""
    rows = _by_size(data, group, rank, measure)
    keys, values = [row[0] for row in rows], [abs(row[2] or 0) for row in rows]
    if len(keys) <= most:
        return _in_order(data, group, keys), group.label
    if _adds_up(measure) and sum(values[most - 1:]) <= crushes * max(values[:most - 1]):
        return [*_in_order(data, group, keys[:most - 1]), OTHER], group.label
    return _in_order(data, group, keys[:most]), f"{group.label} (first {most})"


def _in_order(data: Data, group: Group, keys: list) -> list:
    return sorted(keys, key=lambda key: (key is None, key)) if data.is_in_order(group) else keys


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
    """How many rows have a number from where to where, in steps of a round number."""
    numbers = data.frame[column].dropna().to_numpy("float64")
    if not len(numbers) or not 0 < numbers.max() - numbers.min() < math.inf:
        return None
    edges, decimals = _edges(numbers.min(), numbers.max())
    texts = [f"{edge:,.{decimals}f}" if decimals <= 6 and abs(edge) < 1e15 else f"{edge:.4g}" for edge in edges]
    if len(set(texts)) < len(texts) or len(texts) < 3:  # large numbers that are nearly the same
        return None
    counts, _ = np.histogram(numbers, edges)
    labels = [f"{start} – {end}" for start, end in zip(texts, texts[1:])]
    return Chart("bar", f"Spread of {column}", labels, [Series("Rows", counts.tolist())], adds_up=True)


def _edges(low: float, high: float) -> tuple[list[float], int]:
    """Round numbers from below the one to above the other, and the decimals that they need."""
    rough = (high - low) / BINS
    unit = math.floor(math.log10(rough))
    step = next(float(f"{factor}e{unit}") for factor in (1, 2, 5, 10) if float(f"{factor}e{unit}") >= rough * 0.999)
    edges = [float(f"{number * step:.12g}") for number in range(math.floor(low / step), math.ceil(high / step) + 1)]
    # What is round may be a little off at the ends.
    return [min(edges[0], low), *edges[1:-1], max(edges[-1], high)], max(0, -math.floor(math.log10(step) + 1e-9))
