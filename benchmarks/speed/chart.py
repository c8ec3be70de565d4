"""Charts of docs/speed.md, as SVG that stands for itself."""

import math

import pygal
from pygal.style import CleanStyle

from benchmarks.peers import ROOT

STYLE = CleanStyle(font_family="sans-serif", background="white", plot_background="white", value_font_size=13,
                   label_font_size=13, legend_font_size=13, title_font_size=16)


def bars(name: str, title: str, values: dict[str, float]) -> None:
    chart = pygal.HorizontalBar(title=title, show_legend=False, print_values=True, truncate_label=-1,
                                value_formatter=lambda value: f"{value:,.0f}", **look(80 + 36 * len(values)))
    chart.x_labels = list(reversed(values))  # the first is on top
    chart.add("", list(reversed(values.values())))
    save(chart, name)


def lines(name: str, title: str, x: str, labels: list[str], series: dict[str, list[float | None]], y: str) -> None:
    """Of one value for each label, on a logarithmic scale."""
    chart = pygal.Line(title=title, x_title=x, y_title=y, logarithmic=True, legend_at_bottom=True, margin_right=60,
                       stroke_style={"width": 2}, **look(440))
    chart.x_labels = labels
    chart.y_labels = decades([value for values in series.values() for value in values if value])
    for of, values in series.items():
        chart.add(of, values)
    save(chart, name)


def decades(values: list[float]) -> list[float]:
    """The powers of ten that they lie between."""
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    return [10.0**n for n in range(low, max(high, low + 1) + 1)]


def look(height: int) -> dict:
    return {"style": STYLE, "width": 800, "height": height, "js": [], "show_x_guides": False}


def save(chart, name: str) -> None:
    chart.uuid = f"speed-{name}"  # or it would be another each time
    chart.add_xml_filter(without_scripts)
    (ROOT / "docs" / f"speed-{name}.svg").write_text(chart.render(is_unicode=True, disable_xml_declaration=True) + "\n")


def without_scripts(root):
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == "script":  # or a comment
                parent.remove(child)
    return root
