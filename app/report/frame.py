"""A table in memory: it comes in chunks of rows, and ends as a pandas frame, or as bytes from which to go on."""

import io
import json
from collections.abc import Sequence

import numpy as np
import pandas as pd

from app.report.document import Value
from app.report.measures import Columns

#: A text column with no more different words than this is kept as numbers and a list of words.
MOST_WORDS = 5000


class Builder:
    """Rows so far, column by column, in the least memory.

    Args:
        columns: (name, type) of each. Names are unique; values must be of the type or None.
    """

    def __init__(self, columns: Columns):
        self.columns = [tuple(column) for column in columns]
        self.rows = 0
        self._stores = [_STORES.get(type, _Numbers)() for _, type in self.columns]

    def add(self, rows: Sequence[Sequence[Value]]) -> None:
        for store, values in zip(self._stores, zip(*rows, strict=True)):
            store.add(values)
        self.rows += len(rows)

    def frame(self) -> pd.DataFrame:
        """text: category or str; integer: Int64; number: float64; date, datetime: datetime64[us]; boolean."""
        series = {name: store.series() for (name, _), store in zip(self.columns, self._stores)}
        return pd.DataFrame(series, index=pd.RangeIndex(self.rows), columns=[name for name, _ in self.columns])

    def dump(self) -> bytes:
        arrays = {"about": _from_json({"columns": self.columns, "rows": self.rows})}
        for position, store in enumerate(self._stores):
            arrays |= {f"{position}.{name}": array for name, array in store.dump().items()}
        out = io.BytesIO()
        np.savez_compressed(out, **arrays)
        return out.getvalue()

    @classmethod
    def load(cls, data: bytes) -> "Builder":
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            about = _to_json(arrays["about"])
            builder = cls(about["columns"])
            builder.rows = about["rows"]
            for position, store in enumerate(builder._stores):
                store.load({name: arrays[f"{position}.{name}"] for name in store.dump()})
        return builder


class _Store:
    """A column as one growing array; `dtype` and `array` are the subclass's."""

    dtype: str

    def __init__(self):
        self.chunks = [np.empty(0, self.dtype)]

    def add(self, values: Sequence[Value]) -> None:
        self.chunks.append(self.array(values))

    def joined(self) -> np.ndarray:
        self.chunks = [np.concatenate(self.chunks)]
        return self.chunks[0]

    def dump(self) -> dict[str, np.ndarray]:
        return {"values": self.joined()}

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        self.chunks = [arrays["values"]]


class _Numbers(_Store):
    """number, percent, seconds, and what is empty. An infinity counts as empty: no sum or chart can say it."""

    dtype = "float64"

    def array(self, values):
        array = np.array(values, self.dtype)
        array[~np.isfinite(array)] = np.nan
        return array

    def series(self):
        return pd.Series(self.joined())


class _Times(_Store):
    dtype = "datetime64[us]"

    def array(self, values):
        return np.array(values, self.dtype)

    def series(self):
        return pd.Series(self.joined())


class _Booleans(_Store):
    dtype = "int8"

    def array(self, values):
        return np.array([-1 if value is None else value for value in values], self.dtype)

    def series(self):
        values = self.joined()
        return pd.Series(pd.arrays.BooleanArray(values == 1, values < 0))


class _Integers(_Store):
    """The least number of all stands for empty, and for what 64 bits cannot hold."""

    dtype = "int64"
    empty = np.iinfo("int64").min

    def array(self, values):
        return np.array([self.empty if value is None or abs(value) >= 2**63 else value for value in values], self.dtype)

    def series(self):
        values = self.joined()
        return pd.Series(pd.arrays.IntegerArray(values, values == self.empty))


class _Text(_Store):
    """Numbers of words. After MOST_WORDS different ones a new word is no longer looked for, only appended."""

    dtype = "int32"

    def __init__(self):
        super().__init__()
        self.words, self.known = [], {}

    def array(self, values):
        return np.array([self._number(value) for value in values], self.dtype)

    def _number(self, word: str | None) -> int:
        if not word:
            return -1
        number = self.known.get(word)
        if number is None:
            number = len(self.words)
            self.words.append(word)
            if number < MOST_WORDS:
                self.known[word] = number
        return number

    def series(self):
        numbers = self.joined()
        if len(self.words) <= MOST_WORDS:
            return pd.Series(pd.Categorical.from_codes(numbers, categories=pd.Index(self.words, dtype="str")))
        return pd.Series(np.array([*self.words, None], object)[numbers], dtype="str")

    def dump(self):
        return super().dump() | {"words": _from_json(self.words)}

    def load(self, arrays):
        super().load(arrays)
        self.words = _to_json(arrays["words"])
        self.known = {word: number for number, word in enumerate(self.words[:MOST_WORDS])}


_STORES = {"text": _Text, "integer": _Integers, "boolean": _Booleans, "date": _Times, "datetime": _Times}


def _from_json(value) -> np.ndarray:
    return np.frombuffer(json.dumps(value).encode(), "uint8")


def _to_json(array: np.ndarray):
    return json.loads(array.tobytes())
