"""What the formats for reading show of a table: its beginning, as text."""

from dataclasses import dataclass
from itertools import islice

from app.report.document import NUMERIC, Document, Table
from app.report.formats.progress import Progress
from app.report.formats.values import clean, shorten, shower

ROWS = 1_000
#: Characters of a cell: with a long text a table must stay a table.
CELL = 500


@dataclass(frozen=True)
class Excerpt:
    title: str
    names: list[str]
    #: For each column, whether it holds numbers, which stand at the right.
    numeric: list[bool]
    rows: list[list[str]]
    total: list[str] | None
    notes: list[str]


def excerpt(document: Document, table: Table, progress: Progress, *, rows: int = ROWS, cell: int = CELL) -> Excerpt:
    """Reads no more of the table than it shows."""
    values = list(progress.of(islice(table.rows, rows), len(table.columns)))
    total = [table.total] if table.total else []
    shows = [shower(column.type, (row[i] for row in values + total)) for i, column in enumerate(table.columns)]
    texts = [[shorten(show(value), cell) for show, value in zip(shows, row)] for row in values + total]
    notes = [clean(table.note), _cut(table, rows, is_first=table is document.tables[0])]
    return Excerpt(clean(table.title), [shorten(clean(column.name), cell) for column in table.columns],
                   [column.type in NUMERIC for column in table.columns], texts[:len(values)],
                   texts[-1] if total else None, [note for note in notes if note])


def _cut(table: Table, rows: int, is_first: bool) -> str:
    if len(table.rows) <= rows:
        return ""
    return f"The first {rows:,} of {len(table.rows):,} rows; {'XLSX and CSV have' if is_first else 'XLSX has'} all."
