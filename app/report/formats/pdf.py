"""PDF by Typst. What a report says reaches the template as data, never as markup."""

import json
from datetime import UTC
from itertools import islice
from pathlib import Path

import typst

from app.report.document import Document, Table
from app.report.formats import look
from app.report.formats.chart_kind import drawn
from app.report.formats.charts import draw
from app.report.formats.columns import blocks, breakable
from app.report.formats.excerpt import Excerpt, excerpt, most_rows
from app.report.formats.progress import Checkpoint, Progress
from app.report.formats.values import clean, made, shorten, text

HERE = Path(__file__).parent
#: KB of memory that all tables together may take while their pages are set, and what takes it: measured. A table that
#: comes when all is given away still shows its beginning.
MEMORY, A_CELL, A_LETTER, BEGINNING = 64_000, 13, 0.45, 6_000
#: Letters of a cell.
LETTERS = 150
#: Rows of the last of several tables.
LAST = 50

#: For columns.breakable, which thinks in the letters of a table: what the width of the page is to the larger letters of
#: the title, other headings and notes, and the width of a card to its label and figure.
TITLE, HEADING, NOTE, LABEL, FIGURE = 165, 310, 430, 100, 58


def render(document: Document, checkpoint: Checkpoint) -> bytes:
    """The checkpoint is called before the pages are set, not meanwhile: that is one call, of about a second."""
    rows = _rows(document.tables)
    progress = Progress(checkpoint, sum(rows))
    tables = [_table(excerpt(document, table, progress, rows=most, cell=LETTERS))
              for table, most in zip(document.tables, rows)]
    at = document.made_at.astimezone(UTC) if document.made_at.tzinfo else document.made_at.replace(tzinfo=UTC)
    head = _head(document)
    report = head | {
        "date": {part: getattr(at, part) for part in ("year", "month", "day", "hour", "minute", "second")},
        "tables": tables,
        # A wide table begins on a page of its own, which lies; with nothing before it, the first page lies too.
        "across": not head["charts"] and bool(tables) and tables[0]["across"]}
    return typst.compile(HERE / "report.typ", font_paths=[HERE / "fonts"], ignore_system_fonts=True,
                         sys_inputs={"report": json.dumps(report)})


def _head(document: Document) -> dict:
    title = clean(document.title)
    return {
        "look": {name.lower(): getattr(look, name) for name in ("INK", "MUTED", "ACCENT", "HAIRLINE", "SOFT")},
        "title": title, "heading": breakable(title, TITLE), "running_title": shorten(" ".join(title.split()), 80),
        "made": breakable(made(document), NOTE),
        "figures": [[breakable(clean(figure.label), LABEL), breakable(text(figure.value, figure.type) or "–", FIGURE)]
                    for figure in document.figures],
        "charts": [{"title": breakable(clean(chart.title), HEADING), "svg": draw(chart, str(number))}
                   for number, chart in enumerate(drawn(document.charts))]}


def _rows(tables: list[Table]) -> list[int]:
    """How many rows of each table are shown."""
    left, rows = MEMORY, []
    for table, most in zip(tables, most_rows(tables, LAST)):
        shown, taken = _fitting(table, most, max(left, BEGINNING))
        left -= taken
        rows.append(shown)
    return rows


def _fitting(table: Table, most: int, memory: float) -> tuple[int, float]:
    """How many of a table's first rows fit, one at least, and what they take."""
    shown = taken = 0
    for row in islice(table.rows, most):
        more = sum(A_CELL + A_LETTER * min(len(str(value or "")), LETTERS) for value in row)
        if shown and taken + more > memory:
            break
        shown, taken = shown + 1, taken + more
    return shown, taken


def _table(table: Excerpt) -> dict:
    across, parts = blocks(table)
    return {"title": breakable(table.title, HEADING), "notes": [breakable(note, NOTE) for note in table.notes],
            "across": across, "blocks": [_block(table, columns, widths) for columns, widths in parts]}


def _block(table: Excerpt, columns: list[int], widths: list[float]) -> dict:
    def cells(row: list[str]) -> list[str]:
        return [breakable(row[column], width) for column, width in zip(columns, widths)]

    return {"widths": widths, "numeric": [table.numeric[column] for column in columns], "names": cells(table.names),
            "columns": _span(columns) if len(columns) < len(table.names) else [],
            "cells": [cell for row in table.rows for cell in cells(row)],
            "total": cells(table.total) if table.total else []}


def _span(columns: list[int]) -> list[int]:
    """The first and last of a block, counted from 1, without the first column of all, which is in each block."""
    return [columns[1] + 1 if columns[1] > 1 else 1, columns[-1] + 1]
