"""From pandas and numpy back to plain Python values, for a document."""

import math
from collections.abc import Collection, Iterator
from datetime import date, datetime

import numpy as np
import pandas as pd

from app.report.document import NUMERIC, Type, Value
from app.report.measures import Columns

#: Rows that are plain Python values at the same time.
CHUNK = 1000
EMPTY = "(empty)"


def plain(values, type: Type) -> list[Value]:
    """The values of a series or array; None for what is empty, not finite or out of range."""
    if type == "date":
        return np.asarray(values, "datetime64[D]").tolist()
    if type == "datetime":
        return np.asarray(values, "datetime64[us]").tolist()
    objects = pd.Series(values).astype(object)
    found = objects.where(objects.notna(), None).tolist()
    if type in ("integer", "code"):
        return [None if value is None or not math.isfinite(value) else int(value) for value in found]
    if type in NUMERIC:
        return [None if value is None or not math.isfinite(value) else float(value) for value in found]
    return [bool(value) if type == "boolean" and value is not None else value for value in found]


class Rows(Collection):
    """The rows of a frame, made when they are read, and only a few at a time."""

    def __init__(self, frame: pd.DataFrame, columns: Columns):
        self.frame, self.columns = frame, columns

    def __len__(self) -> int:
        return len(self.frame)

    def __iter__(self) -> Iterator[list[Value]]:
        for start in range(0, len(self), CHUNK):
            part = self.frame.iloc[start:start + CHUNK]
            yield from map(list, zip(*(plain(part[name], type) for name, type in self.columns)))

    def __contains__(self, row: object) -> bool:
        return any(row == other for other in self)


def word(value: Value) -> str:
    """A value where a text must stand: on an axis, or in a column of values of several types."""
    if value is None:
        return EMPTY
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds" if value.second or value.microsecond else "minutes")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        return f"{value:.2f}".removesuffix(".00") if 0.01 <= abs(value) < 1e15 or not value else f"{value:.3g}"
    return str(value)
