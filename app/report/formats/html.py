"""HTML in one file, for screen, phone and printer, and a shorter one for the body of an email."""

import re
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.report.document import Document
from app.report.formats import look
from app.report.formats.chart_kind import drawn
from app.report.formats.charts import draw
from app.report.formats.excerpt import Excerpt, excerpt, most_rows
from app.report.formats.progress import Checkpoint, Progress
from app.report.formats.values import clean, made, shorten, text

#: Of an email's body, which must stay below 60,000 characters whatever it says.
MAIL_ROWS, MAIL_COLUMNS, MAIL_FIGURES, MAIL_CELL = 15, 8, 12, 40
#: Rows of the last of several tables.
LAST = 200
#: Letters of a word that fits a phone.
LONG = 30

TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined,
                        trim_blocks=True, lstrip_blocks=True)



def breakable(text: str) -> Markup:
    """With places to break in words that are too long for a phone. Other words stay whole: a wide table scrolls."""
    return Markup("<wbr>").join(re.sub(rf"(\S{{{LONG}}})(?=\S)", "\\1\u200b", text).split("\u200b"))


TEMPLATES.filters["breakable"] = breakable


def render(document: Document, checkpoint: Checkpoint) -> bytes:
    most = most_rows(document.tables, LAST)
    progress = Progress(checkpoint, sum(min(len(table.rows), rows) for table, rows in zip(document.tables, most)))
    page = TEMPLATES.get_template("report.html").render(
        look=look, title=clean(document.title), made=made(document), figures=_figures(document),
        charts=[(clean(chart.title), _inline(draw(chart, str(number))))
                for number, chart in enumerate(drawn(document.charts))],
        tables=(excerpt(document, table, progress, rows=rows) for table, rows in zip(document.tables, most)))
    return page.encode()


def summary(document: Document) -> tuple[str, str]:
    """The body of an email as HTML and as text: key figures and the beginning of the first table."""
    tables = document.tables[:1]
    parts = {
        "title": shorten(clean(document.title), 200), "made": shorten(made(document), 200),
        "figures": [(shorten(label, MAIL_CELL), shorten(value, MAIL_CELL))
                    for label, value in _figures(document)[:MAIL_FIGURES]],
        "tables": [_narrow(excerpt(document, table, Progress(lambda *_: None, 0), rows=MAIL_ROWS, cell=MAIL_CELL))
                   for table in tables]}
    return TEMPLATES.get_template("summary.html").render(look=look, **parts), _plain(**parts)


def _figures(document: Document) -> list[tuple[str, str]]:
    return [(clean(figure.label), text(figure.value, figure.type) or "–") for figure in document.figures]


def _inline(svg: str) -> Markup:
    """Pygal escapes what stands in it. In HTML a drawing needs no namespace, and this one gives no address."""
    return Markup(svg.replace(' xmlns="http://www.w3.org/2000/svg"', ' aria-hidden="true"', 1))


def _narrow(table: Excerpt) -> Excerpt:
    left_out = len(table.names) - MAIL_COLUMNS
    notes = [f"{left_out:,} more columns in the report."] if left_out > 0 else []
    columns = slice(MAIL_COLUMNS)
    return replace(
        table, title=shorten(table.title, 200), names=table.names[columns], numeric=table.numeric[columns],
        rows=[row[columns] for row in table.rows], total=table.total and table.total[columns],
        notes=[shorten(note, 200) for note in table.notes] + notes)


def _plain(title: str, made: str, figures: list[tuple[str, str]], tables: list[Excerpt]) -> str:
    lines = [title, made, "", *(f"{label}: {value}" for label, value in figures)]
    for table in tables:
        rows = [table.names, *table.rows, *([table.total] if table.total else [])]
        lines += ["", table.title, *(" | ".join(" ".join(cell.split()) for cell in row) for row in rows), *table.notes]
    return "\n".join([*lines, "", "The whole report is attached.", ""])
