"""A chart that Excel draws from the cells of a sheet."""

from xlsxwriter import Workbook
from xlsxwriter.chart import Chart as ExcelChart

from app.report.document import Chart, Series
from app.report.formats.cells import number_format
from app.report.formats.chart_kind import amounts, kind, numbers
from app.report.formats.look import HAIRLINE, MUTED, SERIES
from app.report.formats.values import clean

#: Pixels of a chart, and the rows of a sheet that it covers.
WIDTH, HEIGHT, COVERED = 820, 300, 16
#: Labels that are longer stand beside lying bars.
LONG = 12


def excel_chart(book: Workbook, chart: Chart, sheet: str, top: int) -> ExcelChart:
    """Draws what chart_sheet wrote from row `top` on.

    All texts are references: one of its own that begins with = would be read as one.
    """
    type = _type(chart)
    shape = book.add_chart({"type": type})
    for number, series in enumerate(chart.series):
        shape.add_series(_cells(chart, series, sheet, top, number + 1) | _colours(chart, number))
    shape.set_title({"name": [sheet, top, 0, top, 0], "data": [clean(chart.title)], "name_font": {"size": 12}})
    shape.set_size({"width": WIDTH, "height": HEIGHT})
    shape.show_hidden_data()  # their sheet is hidden
    shape.set_chartarea({"border": {"none": True}})
    if kind(chart) == "share":
        shape.set_legend({"position": "right"})
    else:
        shape.set_legend({"none": True} if len(chart.series) == 1 else {"position": "bottom"})
        _set_axes(shape, chart, is_lying=type == "bar")
    return shape


def _type(chart: Chart) -> str:
    bars = "bar" if max(map(len, chart.labels)) > LONG else "column"
    return {"line": "line", "share": "doughnut", "bar": bars}[kind(chart)]


def _cells(chart: Chart, series: Series, sheet: str, top: int, column: int) -> dict:
    first, last = top + 2, top + 1 + len(chart.labels)
    return {
        "name": [sheet, top + 1, column, top + 1, column], "categories": [sheet, first, 0, last, 0],
        "values": [sheet, first, column, last, column],
        # Copies of them, for previews, which show a chart without reading cells.
        "name_data": [clean(series.name)], "categories_data": [clean(label) for label in chart.labels],
        "values_data": amounts(series)}


def _colours(chart: Chart, number: int) -> dict:
    if kind(chart) == "share":
        return {"points": [{"fill": {"color": SERIES[i % len(SERIES)]}} for i in range(len(chart.labels))]}
    colour = {"color": SERIES[number % len(SERIES)]}
    if kind(chart) == "line":
        return {"line": colour, "marker": {"type": "circle", "size": 5, "fill": colour, "border": colour}}
    return {"fill": colour, "gap": 60}


def _set_axes(shape: ExcelChart, chart: Chart, is_lying: bool) -> None:
    amounts = {"num_format": number_format("number", numbers(chart)), "num_font": {"color": MUTED},
               "major_gridlines": {"visible": True, "line": {"color": HAIRLINE}}, "line": {"none": True}}
    if chart.adds_up and min(numbers(chart)) >= 0:
        amounts["min"] = 0
    names = {"num_font": {"color": MUTED}, "label_position": "low", "major_gridlines": {"visible": False}}
    if is_lying:  # from the top down, with the amounts still at the bottom
        shape.set_x_axis(amounts)
        shape.set_y_axis(names | {"reverse": True, "crossing": "max"})
    else:
        shape.set_x_axis(names)
        shape.set_y_axis(amounts)
