"""How a chart looks, and the SVG of it."""

import math
from collections.abc import Callable
from xml.etree.ElementTree import Element

from pygal.graph.graph import Graph
from pygal.style import Style

from app.report.document import Chart
from app.report.formats.look import HAIRLINE, INK, MUTED, SERIES

#: Units of the drawing; who shows it scales it. A letter is about 7 wide.
WIDTH, HEIGHT, LETTER = 720, 210, 7

UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))

STYLE = Style(
    background="transparent", plot_background="transparent", colors=SERIES * 9, opacity=1, opacity_hover=1,
    transition="none", font_family="system-ui, 'Noto Sans', sans-serif", foreground=INK, foreground_strong=INK,
    foreground_subtle=MUTED, guide_stroke_color=HAIRLINE, major_guide_stroke_color=HAIRLINE, guide_stroke_dasharray="0",
    major_guide_stroke_dasharray="0", label_font_size=12, major_label_font_size=12, legend_font_size=12,
    value_font_size=12, value_colors=(INK,) * len(SERIES) * 9)

#: After pygal's own rules: thicker lines, no frame, white between slices.
RULES = """
#chart-NAME .series .line {stroke-width: 2px}
#chart-NAME .axis > .line, #chart-NAME .line-graph .axis.x .line {stroke: none}
#chart-NAME .slice {stroke: #fff; stroke-width: 2px}
"""


def settings(chart: Chart, **more) -> dict:
    """For a graph of pygal."""
    return {
        "style": STYLE, "width": WIDTH, "height": HEIGHT, "margin": 10, "js": [], "rounded_bars": 2,
        "show_legend": len(chart.series) > 1, "legend_at_bottom": True, "legend_box_size": 10,
        # With no number of columns pygal makes about as many as rows, and leaves room for just those.
        "legend_at_bottom_columns": len(chart.series) if len(chart.series) <= 4 else 0, "truncate_legend": -1,
        "truncate_label": -1, "value_formatter": short, "show_x_guides": False} | more


def short(number: float) -> str:
    """As a number has it that stands alone: 1,500 or 1.2M."""
    unit, sign = _unit(number)
    return f"{number / unit:,.4g}{sign}"


def _unit(number: float) -> tuple[float, str]:
    return next(((unit, sign) for unit, sign in UNITS if abs(number) >= max(unit, 1e4)), (1, ""))


def ticks(numbers: list[float]) -> list[float]:
    """About five round numbers for an axis, from 0 unless that would leave most of it empty."""
    low, high = min(numbers), max(numbers)
    low, high = (0 if 0 < low <= high / 2 else low), (0 if low / 2 <= high < 0 else high)
    rough = (high - low or abs(high) or 1) / 5
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * 0.999)
    return [float(f"{number * step:.9g}") for number in range(math.floor(low / step), math.ceil(high / step) + 1)]


def tick_format(ticks: list[float]) -> Callable[[float], str]:
    """All in the same unit, with the decimals that their step needs, so that no two are alike."""
    largest = max(map(abs, ticks))
    unit, sign = _unit(largest)
    decimals = max(0, -math.floor(math.log10((ticks[1] - ticks[0]) / unit) + 1e-9)) if len(ticks) > 1 else 0
    if decimals > 6 or largest >= 1e15:
        return short
    return lambda number: f"{number / unit:,.{decimals}f}{sign if number else ''}"


def svg(graph: Graph, name: str) -> str:
    graph.uuid = name
    graph.config.css = [*graph.config.css, "inline:" + RULES.replace("NAME", name)]
    graph.add_xml_filter(_without_scripts)
    graph.add_xml_filter(_values_beside_bars)
    return graph.render(is_unicode=True, disable_xml_declaration=True)


def _without_scripts(root: Element) -> Element:
    """Nor with tooltips, which need them, nor with comments, which hold the day's date."""
    for parent in list(root.iter()):
        for child in list(parent):
            name = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else "comment"
            if name in ("script", "title", "desc", "comment") or "tooltip-overlay" in child.get("class", ""):
                parent.remove(child)
    return root


def _values_beside_bars(root: Element) -> Element:
    """Pygal centres them on the end of the bar."""
    lying = any("horizontal" in node.get("class", "") for node in root.iter())
    for node in root.iter():
        if node.get("class") == "value":
            node.attrib |= {"text-anchor": "start", "dx": "6"} if lying else {"dy": "-4"}
    return root
