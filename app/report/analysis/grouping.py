"""Groups of rows and what is measured of each: the numbers behind tables and charts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from app.report.analysis import periods
from app.report.analysis.plain import EMPTY, plain, word
from app.report.document import Column, Table, Type, Value
from app.report.measures import DATES, Columns, Group, Measure


@dataclass(frozen=True)
class Data:
    frame: pd.DataFrame
    columns: Columns

    def type(self, name: str | None) -> Type:
        return dict(self.columns).get(name, "empty")

    def is_timely(self, group: Group) -> bool:
        return self.type(group.column) in DATES

    def is_in_order(self, group: Group) -> bool:
        """Whether its keys have an order of their own: dates, and whole numbers."""
        return self.type(group.column) in (*DATES, "integer", "code")

    def aggregate(self, groups: list[Group], measures: list[Measure]) -> list[list[Value]]:
        """A row for each group that occurs, in no order: its keys, then its measures. No groups: one row of all.

        A period's key is its first day, that of empty cells is None.
        """
        codes, keys = self._codes(groups)
        count = len(keys[0]) if keys else 1
        return [list(row) for row in zip(*keys, *(self._measure(measure, codes, count) for measure in measures))]

    def overall(self, measures: list[Measure]) -> list[Value]:
        return self.aggregate([], measures)[0] if measures else []

    def _codes(self, groups: list[Group]) -> tuple[np.ndarray, list[list[Value]]]:
        """The number of each row's group; and for each of `groups`, the keys by that number."""
        codes, keys = np.zeros(len(self.frame), "int64"), []
        for group in groups:
            values, type = self.frame[group.column], self.type(group.column)
            if group.period and type in DATES:
                values, type = pd.Series(periods.floor(values.to_numpy(), group.period)), "date"
            found, uniques = pd.factorize(values)
            names = [*plain(uniques, type), None]  # an empty cell has -1, and so the last
            codes, pairs = pd.factorize(codes * len(names) + found % len(names))
            before, this = (numbers.tolist() for numbers in np.divmod(pairs, len(names)))
            keys = [[known[number] for number in before] for known in keys] + [[names[number] for number in this]]
        return codes, keys

    def _measure(self, measure: Measure, codes: np.ndarray, groups: int) -> list[Value]:
        if measure.column is None:
            return np.bincount(codes, minlength=groups).tolist()
        values, type = self.frame[measure.column], self.type(measure.column)
        if measure.op == "count":
            return np.bincount(codes[values.notna()], minlength=groups).tolist()
        by_group = _computable(values, type, measure.op).groupby(codes)
        found = by_group.sum(min_count=1) if measure.op == "sum" else by_group.agg(measure.op)
        return [_tidy(value) for value in plain(found.reindex(range(groups)), measure.type(type))]


def _computable(values: pd.Series, type: Type, op: str) -> pd.Series:
    if type == "boolean":
        values = values.astype("Int64")
    if type not in ("boolean", "integer", "code") or op in ("min", "max"):
        return values
    floats = pd.Series(values.to_numpy("float64", na_value=np.nan))
    # Whole numbers are added as such while their sum cannot overflow.
    return values if op == "sum" and floats.abs().sum() < 2**62 else floats


def _tidy(value: Value) -> Value:
    """To people 0.1 + 0.2 is 0.3."""
    return float(f"{value:.15g}") if isinstance(value, float) else value


def ordered(data: Data, groups: list[Group], measures: list[Measure]) -> list[list[Value]]:
    """Dates and whole numbers ascend; all else comes by its first measure, the largest first, equal ones by name.

    Empty is last. Of two groups the first decides, by what it measures as a whole.
    """
    rows = data.aggregate(groups, measures)
    if not groups:
        return rows
    sort(rows, len(groups) - 1, None if data.is_in_order(groups[-1]) else len(groups))
    if len(groups) == 2:
        place = {row[0]: number for number, row in enumerate(ordered(data, groups[:1], measures[:1]))}
        rows.sort(key=lambda row: place[row[0]])
    return rows


def sort(rows: list[list[Value]], key: int, measure: int | None) -> None:
    """By the measure, the largest first, or else by the key. These are positions in a row."""
    rows.sort(key=lambda row: (row[key] is None, row[key]))
    if measure is not None:
        rows.sort(key=lambda row: (row[measure] is not None, row[measure]), reverse=True)


def table(data: Data, groups: list[Group], measures: list[Measure], title: str) -> Table:
    """A row for each group, and a total that is taken of all rows."""
    rows = ordered(data, groups, measures)
    columns = [Column(measure.label, measure.type(data.type(measure.column))) for measure in measures]
    for position, group in reversed(list(enumerate(groups))):
        type, shown = _shown(data, group, [row[position] for row in rows])
        columns.insert(0, Column(group.label, type))
        for row, key in zip(rows, shown):
            row[position] = key
    total = ["Total", None][:len(groups)] + data.overall(measures) if groups and rows else None
    return Table(title, _unlike(columns), rows, total)


def _shown(data: Data, group: Group, keys: list[Value]) -> tuple[Type, list[Value]]:
    """A column of keys. Where one is empty, all are texts, so that it can say so."""
    type = data.type(group.column)
    if type == "text" or group.period or None in keys:
        return "text", [name(group, key) for key in keys]
    return type, keys


def name(group: Group, key: Value) -> str:
    return EMPTY if key is None else periods.label(key, group.period) if group.period else word(key)


def _unlike(columns: list[Column]) -> list[Column]:
    """No two of one name: a column may be called "Rows"."""
    names = []
    for column in columns:
        name = column.name
        while name in names:
            name += " (measured)"
        names.append(name)
    return [Column(name, column.type) for name, column in zip(names, columns)]
