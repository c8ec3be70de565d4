"""What holds for every format, and how values are shown."""

import re
import subprocess
import sys
from dataclasses import replace
from datetime import date, datetime

import pytest

from app.report.formats import FORMATS, render
from app.report.formats.chart_style import tick_format, ticks
from app.report.formats.charts import draw
from app.report.formats.values import shower, text
from tests.unit.documents import UGLY, chart, document, table


class Stop(Exception):
    pass


@pytest.mark.parametrize("format", FORMATS)
def test_the_caller_sees_how_far_it_is_and_may_stop_it(format):
    seen = []
    render(UGLY["3,000 rows"], format, lambda done, total: seen.append((done, total)))
    rows = seen[-1][1]
    assert rows == (1_000 if format in ("pdf", "html") else 3_000)
    assert seen[-1] == (rows, rows)
    assert seen == sorted(seen)

    def stop(done, total):
        raise Stop

    with pytest.raises(Stop):
        render(UGLY["3,000 rows"], format, stop)


def test_a_long_table_calls_more_than_once():
    seen = []
    render(document(table({"a": "text"}, *[["x"]] * 25_000)), "xlsx", lambda done, total: seen.append(done))
    assert seen == [10_000, 20_000, 25_000]


def test_a_format_brings_its_libraries_only_when_it_draws():
    code = "import sys; import app.report; print({'typst', 'xlsxwriter', 'pygal', 'jinja2'} & {*sys.modules})"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "set()\n"


@pytest.mark.parametrize("type, value, shown", [
    ("integer", 1234567, "1,234,567"), ("integer", -5, "-5"), ("code", 2024, "2024"), ("number", 1234.5, "1,234.5"),
    ("number", 1234.567, "1,234.57"), ("number", 0.123456, "0.1235"), ("number", 0.000123456, "0.0001235"),
    ("number", -0.0, "0"), ("number", 1e-9, "1e-09"), ("number", 1e20, "1e+20"), ("number", 12.0, "12"),
    ("percent", 0.123, "12.3 %"), ("percent", 1, "100 %"), ("percent", 0.0004, "0.04 %"),
    ("seconds", 1.23, "1.2 s"), ("seconds", 0.25, "0.25 s"), ("seconds", 59.96, "1 min 0 s"),
    ("seconds", 200, "3 min 20 s"), ("seconds", 7500, "2 h 5 min"), ("seconds", 3599.7, "1 h 0 min"),
    ("seconds", -5, "-5 s"), ("date", date(2026, 11, 23), "2026-11-23"),
    ("date", datetime(2026, 11, 23, 14, 5), "2026-11-23"), ("datetime", date(2026, 11, 23), "2026-11-23"),
    ("datetime", datetime(2026, 11, 23, 14, 5, 59), "2026-11-23 14:05"),
    ("boolean", True, "yes"), ("boolean", False, "no"), ("text", None, ""), ("number", float("nan"), ""),
    ("number", float("-inf"), ""), ("text", "a\x00b\ud800\r\nc", "ab\ufffd\nc"), ("number", "n/a", "n/a"),
])
def test_a_value_is_shown_for_a_person_to_read(type, value, shown):
    assert text(value, type) == shown


@pytest.mark.parametrize("type, values, shown", [
    ("number", [1, 2.5, 1234.567], ["1.00", "2.50", "1,234.57"]), ("number", [1.0, 2.0], ["1", "2"]),
    ("number", [5.5, 0.001, 0], ["5.5", "0.001", "0.0"]), ("percent", [0.5, 0.125, 0], ["50.0 %", "12.5 %", "0.0 %"]),
])
def test_the_numbers_of_a_column_have_the_same_decimals(type, values, shown):
    assert list(map(shower(type, values), values)) == shown


def test_a_gap_in_a_line_is_a_gap():
    pieces = [draw(chart("line", values), "1").count('class="line ') for values in ((1, 2, 3, 4), (1, 2, None, 3, 4))]
    assert pieces == [1, 2]


@pytest.mark.parametrize("kind, values, drawn", [
    ("share", (1, 2), "pie-graph"), ("share", (1, -2), "bar-graph"), ("share", range(1, 9), "bar-graph"),
    ("share", (0, 0), "bar-graph"), ("line", (1, 2), "line-graph"), ("bar", (1, 2, 3, 4), '"graph bar-graph vertical'),
    ("bar", (1, 2), "horizontalbar-graph"), ("bar", range(40), '"graph bar-graph vertical')])
def test_a_chart_is_drawn_as_what_can_be_read(kind, values, drawn):
    assert drawn in draw(chart(kind, values), "1")


def test_long_labels_lie_beside_their_bars_and_are_cut():
    drawing = draw(chart("bar", range(6), labels=["A label of thirty letters " + str(i) for i in range(6)]), "1")
    assert "horizontalbar-graph" in drawing
    assert "A label of thirty lette…" in drawing


def test_a_chart_of_many_bars_fits_a_page_with_its_legend():
    labels = [f"A label of many letters {i}" for i in range(11)]
    drawing = draw(chart("bar", range(11), labels=labels, series=6), "1")
    height = float(re.search(r'viewBox="0 0 720 (\d+)', drawing)[1])
    assert height * 493 / 720 < 500  # points, of a page 730 high
    legends = re.search(r'<g transform="translate\(\d+[^,]*, (\d+)[^"]*" class="legends', drawing)
    assert float(legends[1]) < height


@pytest.mark.parametrize("numbers, words", [
    ((1_234_000, 1_234_500, 1_234_100), "1.2340M 1.2345M"), ((10_000, 50_000), "0 10k 50k"),
    ((100.1, 100.3, 100.2), "100.10 100.15 100.20 100.25 100.30"), ((0, 1e-9), "0 2e-10 1e-09"), ((0, 0), "0"),
    ((3e18, 3.1e18), "3e+06T 3.02e+06T 3.04e+06T 3.06e+06T 3.08e+06T 3.1e+06T"), ((1000, 9000), "0 2k 10k")])
def test_the_numbers_of_an_axis_have_the_decimals_that_tell_them_apart(numbers, words):
    steps = ticks(list(numbers))
    texts = [*map(tick_format(steps), steps)]
    assert len(set(texts)) == len(steps)
    assert set(words.split()) <= set(texts)


@pytest.mark.parametrize("values, adds_up, starts", [((90, 100), True, True), ((90, 100), False, False),
                                                     ((-90, -100), False, False)])
def test_a_line_of_sums_starts_at_zero(values, adds_up, starts):
    drawing = draw(replace(chart("line", values), adds_up=adds_up), "1")
    assert (">0</text>" in drawing) == starts


def test_a_legend_comes_with_the_second_series():
    assert "legend-container" not in draw(chart(series=1), "1")
    assert "legends" in draw(chart(series=2), "1")
