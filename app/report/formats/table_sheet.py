"""A sheet with all rows of one table."""

from itertools import chain, islice

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from app.report.document import Column, Table, Value
from app.report.formats.cells import number_format, write
from app.report.formats.look import ACCENT
from app.report.formats.progress import Progress
from app.report.formats.values import shower

#: Excel's, of a sheet; two rows are for the names and the total.
ROWS, COLUMNS = 1_048_576 - 2, 16_384
#: Rows from which widths and decimals are taken.
SAMPLE = 200
#: In letters.
NARROWEST, WIDEST = 8, 50
#: More columns than this cannot be read when printed on the width of one page.
PRINTED = 14

A4 = 9
HEAD = {"bold": True, "font_color": ACCENT, "bottom": 2, "bottom_color": ACCENT, "text_wrap": True, "valign": "bottom"}


def draw(book: Workbook, name: str, table: Table, progress: Progress) -> None:
    sheet = book.add_worksheet(name)
    columns = table.columns[:COLUMNS]
    rows = islice(table.rows, ROWS)
    sample = list(islice(rows, SAMPLE))
    formats = [{"num_format": number_format(column.type, [row[i] for row in sample])}
               | ({"align": "right"} if column.is_right else {}) for i, column in enumerate(columns)]
    _write_row(sheet, 0, [column.name for column in columns], [book.add_format(HEAD)] * len(columns))
    plain = [book.add_format(format) for format in formats]
    last = 0
    for last, row in enumerate(progress.of(chain(sample, rows), len(columns)), 1):
        _write_row(sheet, last, row, plain)
    if table.total:
        _write_row(sheet, last + 1, table.total, [book.add_format(format | {"bold": True}) for format in formats])
    _set_up(sheet, columns, sample + ([table.total] if table.total else []), last)


def left_out(table: Table) -> str:
    return f"The first {ROWS:,} rows: a sheet holds no more." if len(table.rows) > ROWS else ""


def _write_row(sheet: Worksheet, row: int, values: list[Value], formats: list) -> None:
    for column, (value, format) in enumerate(zip(values, formats)):
        write(sheet, row, column, value, format)


def _set_up(sheet: Worksheet, columns: list[Column], sample: list[list[Value]], last: int) -> None:
    """What is not in cells. The total, below `last`, is not for the filter to hide or sort."""
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_paper(A4)
    sheet.set_landscape()
    if len(columns) <= PRINTED:
        sheet.fit_to_pages(1, 0)
    if columns:
        sheet.autofilter(0, 0, last, len(columns) - 1)
    for i, column in enumerate(columns):
        sheet.set_column(i, i, _width(column, [row[i] for row in sample]))


def _width(column: Column, values: list[Value]) -> int:
    show = shower(column.type, values)
    # The arrow of the filter covers two letters of the name.
    return min(WIDEST, max(NARROWEST, len(column.name) + 3, *(len(show(value)) + 2 for value in values), 0))
