"""Charts as SVG, for PDF and HTML alike: which drawing fits which chart. How it looks is in chart_style."""

from collections.abc import Callable

import pygal

from app.report.document import Chart
from app.report.formats.chart_kind import amounts, kind, numbers
from app.report.formats.chart_style import LETTER, WIDTH, settings, svg, tick_format, ticks
from app.report.formats.values import clean, shorten, shower

#: Longer labels end in an ellipsis.
LABEL = 24
#: More bars than this, one below the other, would not fit a page.
BARS = 30
#: What fits a page of paper, legend and all: bars of many series become thinner.
TALLEST = 660
#: So few bars, side by side, would be broad blocks.
FEW = 3


def draw(chart: Chart, name: str) -> str:
    """The chart, one of those that chart_kind.drawn returns, as an `<svg>`.

    Args:
        name: letters and digits, unique among the charts of a page: style rules go by it.
    """
    return svg({"line": _line, "share": _ring, "bar": _bars}[kind(chart)](chart), name)


def _line(chart: Chart) -> pygal.Line:
    # The first label is centred below the first point, and needs room at its left. A point between two gaps has no
    # line; only its dot shows it.
    left = max(10, len(_label(chart.labels[0])) * LETTER // 2 - 25)
    dots = len(chart.labels) <= 60 or any(None in amounts(series) for series in chart.series)
    return _add(pygal.Line(**settings(chart, margin_left=left, margin_right=25), **_some_labels(chart),
                           allow_interruptions=True, show_dots=dots, dots_size=3), chart)


def _ring(chart: Chart) -> pygal.Pie:
    """A ring, with the share of each slice beside its name."""
    values = [value or 0 for value in amounts(chart.series[0])]
    share = shower("percent", [value / sum(values) for value in values])
    graph = pygal.Pie(**settings(chart, show_legend=True, legend_at_bottom=False, height=180,
                                 margin_right=240), inner_radius=0.62)
    for label, value in zip(chart.labels, values):
        graph.add(f"{_label(label)} {share(value / sum(values))}", value)
    return graph


def _bars(chart: Chart) -> pygal.Bar:
    """Side by side where all labels have room and the bars are not broad, otherwise one below the other."""
    # Each bar says its number, so the axis need not. One below zero would say it across its label.
    says = len(chart.series) == 1 and len(chart.labels) <= BARS and min(numbers(chart)) >= 0
    show = {"value_formatter": _amount(chart), "print_values": True, "print_values_position": "top"} if says else {}
    if FEW < len(chart.labels) <= _room(chart) or len(chart.labels) > BARS:
        standing = pygal.Bar(**settings(chart, **show), **_some_labels(chart), show_y_labels=not says)
        return _add(standing, chart, says=says)
    height = min(TALLEST, 50 + len(chart.labels) * (10 + 16 * len(chart.series)))
    lying = pygal.HorizontalBar(**settings(chart, **show, height=height, margin_left=40, margin_right=90),
                                show_x_labels=not says)
    return _add(lying, chart, order=-1, says=says)  # it draws the first at the bottom


def _amount(chart: Chart) -> Callable[[float], str]:
    return shower("number", numbers(chart)) if max(numbers(chart)) < 1_000 else "{:,.0f}".format


def _add(graph, chart: Chart, order: int = 1, says: bool = False):
    graph.y_labels = ticks([*numbers(chart), 0] if kind(chart) == "bar" or chart.adds_up else numbers(chart))
    if not says:
        graph.value_formatter = tick_format(graph.y_labels)
    graph.x_labels = [_label(label) for label in chart.labels][::order]
    for series in chart.series:
        graph.add(_label(series.name), amounts(series)[::order])
    return graph


def _label(text: str) -> str:
    return shorten(" ".join(clean(text).split()), LABEL)


def _room(chart: Chart) -> int:
    """How many labels fit side by side."""
    return WIDTH // (LETTER * max(len(_label(label)) for label in chart.labels) + 12)


def _some_labels(chart: Chart) -> dict:
    return {"x_labels_major_every": -(-len(chart.labels) // _room(chart)), "show_minor_x_labels": False}
