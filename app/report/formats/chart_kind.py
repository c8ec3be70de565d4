"""Which charts are drawn, and as what, in every format."""

from app.report.document import Chart, Series
from app.report.formats.values import missing

#: With more slices than this, bars tell more than a ring.
SLICES = 7
#: Sums of larger numbers overflow.
LARGEST = 1e100


def drawn(charts: list[Chart]) -> list[Chart]:
    """Those that have something to show."""
    return [chart for chart in charts if chart.labels and numbers(chart)]


def numbers(chart: Chart) -> list[float]:
    return [value for series in chart.series for value in amounts(series) if value is not None]


def amounts(series: Series) -> list[float | None]:
    """None for a gap, which is also what no drawing can hold."""
    return [None if missing(value) or abs(value) > LARGEST else value for value in series.values]


def kind(chart: Chart) -> str:
    """`chart.kind`, but shares that make no ring, being many, negative or nothing, are bars."""
    shares = len(chart.series) == 1 and len(chart.labels) <= SLICES and min(numbers(chart)) >= 0 < sum(numbers(chart))
    return "bar" if chart.kind == "share" and not shares else chart.kind
