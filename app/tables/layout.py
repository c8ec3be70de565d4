"""What is known of a file once it has been looked at: enough to read it again without guessing."""

from dataclasses import asdict, dataclass
from typing import Any

MAX_COLUMNS = 1_000
MAX_ROWS = 1_000_000
#: Down to the last row and column. Measured: calamine takes 80 bytes for each of a sheet, so 200 MB.
MAX_CELLS = 2_500_000
#: Characters of a cell that are kept: as many as a cell of XLSX can hold. What is longer is cut.
MAX_CELL = 32_767


class Unreadable(Exception):
    """A sentence for the person: what is wrong with the file and what to do. Trying again gives the same."""


@dataclass(frozen=True)
class Column:
    name: str
    #: "text" "integer" "number" "date" "datetime" "boolean" "empty"
    type: str
    #: Of dates with two numbers that could be the month: 03/04/2026 is in April.
    day_first: bool = False


@dataclass(frozen=True)
class Layout:
    #: "csv" "xlsx" "json" "ndjson"
    format: str
    #: Python's name for it; "" for XLSX.
    encoding: str = ""
    #: Of CSV. "" is a file with a single column.
    delimiter: str = ""
    #: 1.234,56 and not 1,234.56
    decimal_comma: bool = False
    #: Of XLSX, the sheet's name.
    sheet: str = ""
    #: Rows above the data, blank ones not counted: titles and the header.
    first: int = 0
    columns: tuple[Column, ...] = ()
    #: Rows of data, blank ones not counted.
    rows: int = 0
    #: Sentences for the person: what may not be as they expect.
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"columns": [asdict(column) for column in self.columns]}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Layout":
        columns = tuple(Column(**column) for column in value["columns"])
        return cls(**value | {"columns": columns, "notes": tuple(value.get("notes", ()))})


def check_width(columns: int) -> None:
    if columns > MAX_COLUMNS:
        raise Unreadable(f"The table has more than {MAX_COLUMNS:,} columns. Delete the ones that you do not need, "
                         "and upload it again.")


def check_length(rows: int, columns: int) -> None:
    """Empty cells count: they take memory too, and a small file can have very many of them."""
    if rows > MAX_ROWS:
        raise Unreadable(f"The table has more than {MAX_ROWS:,} rows. Split it, and upload the parts one by one.")
    if rows * columns > MAX_CELLS:
        raise Unreadable(f"The table has more than {MAX_CELLS:,} cells, the empty ones counted. Leave out columns that "
                         "you do not need, or split it.")
