"""What the formats for reading show of a table: its beginning, as text."""

from dataclasses import dataclass
from itertools import islice

from app.report.document import NUMERIC, Document, Table
from app.report.formats.progress import Progress
from app.report.formats.values import clean, shorten, shower

ROWS = 1_000
#: Characters of a cell: with a long text a table must stay a table.
CELL = 500
#: Letters of a short word, or of the name of a week.
SHORT = 12
RIGHT = (*NUMERIC, "code")
WHOLE = (*RIGHT, "date", "datetime")


@dataclass(frozen=True)
class Excerpt:
    title: str
    names: list[str]
    #: For each column, whether it holds numbers, which stand at the right.
    numeric: list[bool]
    #: For each column, whether its cells are never broken into lines: numbers, dates, short words.
    whole: list[bool]
    rows: list[list[str]]
    total: list[str] | None
    notes: list[str]


def most_rows(tables: list[Table], most_of_last: int) -> list[int]:
    """How many rows of each table are shown. The last of several is of all rows: who wants them all takes XLSX."""
    return [ROWS] * (len(tables) - 1) + [most_of_last if len(tables) > 1 else ROWS] if tables else []


def excerpt(document: Document, table: Table, progress: Progress, *, rows: int = ROWS, cell: int = CELL) -> Excerpt:
    """Reads no more of the table than it shows."""
    values = list(progress.of(islice(table.rows, rows), len(table.columns)))
    total = [table.total] if table.total else []
    shows = [shower(column.type, (row[i] for row in values + total)) for i, column in enumerate(table.columns)]
    texts = [[shorten(show(value), cell) for show, value in zip(shows, row)] for row in values + total]
    notes = [clean(table.note), "" if values else "There are no rows.",
             _cut(table, rows, is_first=table is document.tables[0])]
    return Excerpt(clean(table.title), [shorten(clean(column.name), cell) for column in table.columns],
                   [column.is_right or column.type in RIGHT for column in table.columns],
                   [column.is_right or column.type in WHOLE or all(len(row[i]) <= SHORT for row in texts)
                    for i, column in enumerate(table.columns)], texts[:len(values)],
                   texts[-1] if total else None, [note for note in notes if note])


def _cut(table: Table, rows: int, is_first: bool) -> str:
    if len(table.rows) <= rows:
        return ""
    return f"The first {rows:,} of {len(table.rows):,} rows; {'XLSX and CSV have' if is_first else 'XLSX has'} all."
