"""What a report says, before it is a file of some format. Made by app.report.analysis, drawn by its neighbours."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

#: How a column's values are meant, and so how they are shown. "seconds" is a duration, "percent" a share of 1,
#: "code" a whole number that is a name: a year, an id.
Type = Literal["text", "integer", "code", "number", "percent", "seconds", "date", "datetime", "boolean", "empty"]
Value = str | int | float | bool | date | datetime | None

NUMERIC = ("integer", "number", "percent", "seconds")


@dataclass(frozen=True)
class Column:
    name: str
    type: Type
    #: Texts that stand at the right: numbers and dates of several columns, one below the other.
    is_right: bool = False


@dataclass(frozen=True)
class Figure:
    """A number to see first."""

    label: str
    value: Value
    type: Type


@dataclass(frozen=True)
class Series:
    name: str
    values: list[float | None]


@dataclass(frozen=True)
class Chart:
    """`labels` are the bars, the points in time or the slices; each series has a value for each label."""

    kind: Literal["bar", "line", "share"]
    title: str
    labels: list[str]
    series: list[Series]
    #: Sums and counts: where none is negative, the axis begins at 0.
    adds_up: bool = False


@dataclass(frozen=True)
class Table:
    """`rows` may be long: the formats for reading show its beginning and say so; XLSX and CSV have all of it."""

    title: str
    columns: list[Column]
    rows: Collection[list[Value]]
    total: list[Value] | None = None
    note: str = ""


@dataclass(frozen=True)
class Document:
    title: str
    #: From what it was made, in words: "sales.csv, 1,234 rows".
    source: str
    made_at: datetime
    figures: list[Figure] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    #: The first is the one that the report is about; CSV has it alone.
    tables: list[Table] = field(default_factory=list)
