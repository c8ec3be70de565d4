"""The sheet with the numbers that Excel's charts show, hidden: a person has them in the tables."""

from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from app.report.document import Chart
from app.report.formats.cells import number_format, write, write_text
from app.report.formats.chart_kind import amounts, drawn, numbers
from app.report.formats.excel_chart import COVERED, excel_chart

NAME = "Chart data"


def insert_charts(book: Workbook, sheet: Worksheet, charts: list[Chart], row: int) -> None:
    top = 0
    for number, chart in enumerate(drawn(charts)):
        sheet.insert_chart(row + number * COVERED, 0, excel_chart(book, chart, NAME, top))
        top += _height(chart)


def draw(book: Workbook, charts: list[Chart]) -> None:
    if not drawn(charts):
        return
    sheet, top = book.add_worksheet(NAME), 0
    sheet.hide()
    sheet.set_column(0, 0, 34)
    for chart in drawn(charts):
        _numbers(book, sheet, chart, top)
        top += _height(chart)


def _numbers(book: Workbook, sheet: Worksheet, chart: Chart, top: int) -> None:
    """The title, the names of the series, a row for each label."""
    bold = book.add_format({"bold": True})
    plain = book.add_format({"num_format": number_format("number", numbers(chart))})
    write_text(sheet, top, 0, chart.title, bold)
    for column, series in enumerate(chart.series, 1):
        write_text(sheet, top + 1, column, series.name, bold)
    for row, label in enumerate(chart.labels):
        write_text(sheet, top + 2 + row, 0, label, plain)
        for column, values in enumerate(map(amounts, chart.series), 1):
            write(sheet, top + 2 + row, column, values[row], plain)


def _height(chart: Chart) -> int:
    return len(chart.labels) + 3
