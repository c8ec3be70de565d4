"""What each column holds, in a few numbers; and the table of them that people read first."""

from dataclasses import dataclass

import pandas as pd

from app.report.analysis.grouping import Data
from app.report.analysis.plain import plain
from app.report.document import NUMERIC, Column, Table, Type, Value
from app.report.formats.values import text
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
    ops = ["min", "mean", "max"] if type in NUMERIC else ["min", "max"] if type in (*DATES, "code") else []
    found = dict(zip(ops, data.overall([Measure(op, name) for op in ops])))
    return Profile(name, type, int(counts.sum()), len(counts), found.get("min"), found.get("mean"), found.get("max"),
                   _common(counts, type), len(data.frame))


def _common(counts: pd.Series, type: Type) -> Value:
    most = counts[counts == counts.max()]
    return plain(pd.Series(most.index), type)[0] if len(most) == 1 else None


def table(profiles: list[Profile]) -> Table:
    columns = [*(Column(name, "text") for name in ("Column", "Type")),
               *(Column(name, "integer") for name in ("Filled", "Distinct")),
               *(Column(name, "text", is_right=True) for name in ("Smallest", "Mean", "Largest")),
               Column("Most common", "text")]
    filled = [p for p in profiles if p.filled]
    empty = len(profiles) - len(filled)
    return Table("Columns", columns, [_row(p) for p in filled],
                 note=f"{empty:,} more column{'s' if empty > 1 else ''} without a value." if empty else "")


def _row(p: Profile) -> list[Value]:
    """Values as their columns show them: of another type in each row, so they are texts."""
    type = "integer" if p.type == "code" else p.type
    mean = text(p.mean, "number" if p.type == "integer" else p.type)
    return [p.name, type, p.filled, p.distinct, *(found or None for found in (
        text(p.smallest, p.type), mean, text(p.largest, p.type), text(p.common, p.type)))]
