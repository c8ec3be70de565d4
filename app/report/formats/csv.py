"""CSV of the first table, for programs: a header and rows, nothing else."""

import csv
import re
from datetime import date
from io import StringIO

from app.report.document import Document, Value
from app.report.formats.progress import Checkpoint, Progress
from app.report.formats.values import clean, missing

#: A spreadsheet program may take such a text for a formula, and a formula may send data away. The second line is
#: what it skips or reads alike: white space, invisible characters, full-width forms.
FORMULA = re.compile(r"[\t\r\n]|"
                     r"[\s\u200b-\u200f\u2060\ufeff]*[=+\-@＝＋－＠]")


def render(document: Document, checkpoint: Checkpoint) -> bytes:
    """UTF-8 with a byte order mark, by which Excel knows it. No table, no bytes but the mark."""
    out = StringIO()
    if document.tables:
        table = document.tables[0]
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow([_text(column.name) for column in table.columns])
        for row in Progress(checkpoint, len(table.rows)).of(table.rows, len(table.columns)):
            writer.writerow([_plain(value) for value in row])
    return out.getvalue().encode("utf-8-sig")


def _plain(value: Value) -> str | int:
    if isinstance(value, str):
        return _text(value)
    if missing(value):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    # 15 digits, as spreadsheets keep: a sum is 0.3 then, not 0.30000000000000004.
    return f"{value:.15g}" if isinstance(value, float) else value


def _text(text: str) -> str:
    text = clean(text)
    return f"'{text}" if FORMULA.match(text) else text
