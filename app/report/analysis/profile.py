"""What each column holds, in a few numbers; and the table of them that people read first."""

from dataclasses import dataclass

import pandas as pd

from app.report.analysis.grouping import Data
from app.report.analysis.plain import plain, word
from app.report.document import NUMERIC, Column, Table, Type, Value
from app.report.measures import DATES, Measure


@dataclass(frozen=True)
class Profile:
    name: str
    type: Type
    filled: int
    distinct: int
    smallest: Value
    mean: Value
    largest: Value
    #: None when several are as common.
    common: Value
    #: The rows of the table, filled or not.
    rows: int


def profile(data: Data, name: str) -> Profile:
    type = data.type(name)
    counts = data.frame[name].value_counts(sort=False)
    ops = ["min", "mean", "max"] if type in NUMERIC else ["min", "max"] if type in DATES else []
    found = dict(zip(ops, data.overall([Measure(op, name) for op in ops])))
    return Profile(name, type, int(counts.sum()), len(counts), found.get("min"), found.get("mean"), found.get("max"),
                   _common(counts, type), len(data.frame))


def _common(counts: pd.Series, type: Type) -> Value:
    most = counts[counts == counts.max()]
    return plain(pd.Series(most.index), type)[0] if len(most) == 1 else None


def table(profiles: list[Profile]) -> Table:
    types = {"Column": "text", "Type": "text", "Filled": "integer", "Distinct": "integer", "Smallest": "text",
             "Mean": "text", "Largest": "text", "Most common": "text"}
    return Table("Columns", [Column(name, type) for name, type in types.items()], [_row(p) for p in profiles])


def _row(p: Profile) -> list[Value]:
    values = (p.smallest, p.mean, p.largest, p.common)  # of another type in each row, so they are texts
    return [p.name, p.type, p.filled, p.distinct, *(None if value is None else word(value) for value in values)]
