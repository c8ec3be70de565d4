"""What charts are drawn from a store's stats."""

import re

import pytest

from app.web.charts import HEIGHT, LEAST, STEP, drawn, paths, seconds, short

NOTHING = {"at": 0, "succeeded": 0, "failed": 0, "cancelled": 0, "started": 0, "waited": 0, "waited_most": 0,
           "busy": 0, "slots": 0}


def stats(*bars, span=60_000):
    return [NOTHING | {"at": n * span} | bar for n, bar in enumerate(bars)]


def strokes(path):
    """Of each stroke: where across, where its ground is, how high it is."""
    return [tuple(map(float, numbers)) for numbers in re.findall(r"M([\d.]+) ([\d.-]+)v-([\d.]+)", path)]


def test_a_stack_is_as_high_as_its_sum_and_the_highest_fills_the_chart():
    first, second = map(strokes, paths([[30, 10], [0, 0], [6, 4]], 40))
    assert first == [(STEP / 2, HEIGHT, 75), (2.5 * STEP, HEIGHT, 15)]
    assert second == [(STEP / 2, HEIGHT - 75, 25), (2.5 * STEP, HEIGHT - 15, 10)]


def test_one_failure_beside_a_huge_peak_is_seen():
    done, failed = map(strokes, paths([[1_000_000, 0], [0, 1]], 1_000_000))
    assert done[0][2] == HEIGHT
    assert failed == [(1.5 * STEP, HEIGHT, LEAST)]


def test_a_single_bar_and_a_series_without_values_are_drawn():
    assert paths([[3, 0]], 3) == [f"M5 {HEIGHT}v-{HEIGHT}", ""]


def test_without_jobs_there_are_no_charts_even_while_workers_wait():
    assert drawn(stats({}, {"slots": 8})) == []


def test_each_chart_says_what_it_shows_in_words():
    finished, waited, workers = drawn(stats(
        {"succeeded": 1200, "failed": 3, "started": 3, "waited": 900, "waited_most": 600, "slots": 4, "busy": 1}, {},
        {"cancelled": 1, "started": 1, "waited": 20_300, "waited_most": 20_300, "slots": 4, "busy": 3}))
    assert [words for *_, words in finished.series] == ["1.2k done", "3 failed", "1 cancelled"]
    assert [words for *_, words in waited.series] == ["5.3 s on average", "20 s at worst"]
    assert [words for *_, words in workers.series] == ["50% busy"]
    assert (finished.top, waited.top, workers.top) == ("1.2k", "20 s", "100%")
    assert finished.tips == [(0, "2 min ago: 1.2k done, 3 failed"), (2 * STEP, "now: 1 cancelled")]
    assert [height for *_, height in strokes(workers.series[0][1])] == [25, 75]


def test_the_worst_wait_stands_on_the_mean():
    _, waited, _ = drawn(stats({"started": 2, "waited": 4000, "waited_most": 3000}, {}))
    mean, worst = (strokes(path) for _, path, _ in waited.series)
    assert (mean[0][2], worst[0][1:]) == (67, (HEIGHT - 67, 33))


def test_a_bar_of_the_day_says_how_long_ago_it_was_to_the_quarter():
    finished, *_ = drawn(stats({"failed": 1}, *[{}] * 9, span=900_000))
    assert finished.tips == [(0, "2 h 15 min ago: 1 failed")]


@pytest.mark.parametrize("number, text", [
    (0, "0"), (999, "999"), (1000, "1.0k"), (1999, "1.9k"), (12_345, "12k"), (999_999, "999k"), (2_500_000, "2.5M")])
def test_large_numbers_are_short(number, text):
    assert short(number) == text


@pytest.mark.parametrize("milliseconds, text", [(0, "0.0 s"), (349, "0.3 s"), (9949, "9.9 s"), (12_000, "12 s"),
                                                (300_000, "5 min")])
def test_a_wait_is_said_in_a_fitting_unit(milliseconds, text):
    assert seconds(milliseconds) == text
