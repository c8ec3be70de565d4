"""The sheet that a workbook opens with: what the report is, its key figures and charts, which sheets follow."""

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from app.report.document import Document, Figure
from app.report.formats import chart_sheet
from app.report.formats.cells import number_format, write, write_text
from app.report.formats.look import ACCENT, MUTED, SOFT
from app.report.formats.table_sheet import left_out
from app.report.formats.values import made

NAME = "Report"


def draw(book: Workbook, document: Document, names: list[str]) -> None:
    """`names` are the sheets of the document's tables."""
    sheet = book.add_worksheet(NAME)
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 34)
    sheet.set_column(1, 1, 22)
    sheet.set_column(2, 2, 60)
    write_text(sheet, 0, 0, document.title, book.add_format({"bold": True, "font_size": 18}))
    write_text(sheet, 1, 0, made(document), book.add_format({"font_color": MUTED}))
    row = _figures(book, sheet, document.figures, 3)
    row = _contents(book, sheet, document, names, row + 1)
    chart_sheet.insert_charts(book, sheet, document.charts, row + 1)


def _figures(book: Workbook, sheet: Worksheet, figures: list[Figure], row: int) -> int:
    label = book.add_format({"bg_color": SOFT})
    for figure in figures:
        write_text(sheet, row, 0, figure.label, label)
        number = {"num_format": number_format(figure.type, [figure.value])}
        write(sheet, row, 1, figure.value, book.add_format(
            {"bg_color": SOFT, "bold": True, "align": "right"} | number))
        row += 1
    return row


def _contents(book: Workbook, sheet: Worksheet, document: Document, names: list[str], row: int) -> int:
    head, plain = book.add_format({"bold": True, "font_color": ACCENT}), book.add_format()
    for column, text in enumerate(("Sheet", "Rows", "") if names else ()):
        write_text(sheet, row, column, text, head)
    count = book.add_format({"num_format": "#,##0"})
    for name, table in zip(names, document.tables):
        row += 1
        write_text(sheet, row, 0, name, plain)
        write(sheet, row, 1, len(table.rows), count)
        write_text(sheet, row, 2, " ".join(filter(None, [table.note, left_out(table)])), plain)
    return row + 1
