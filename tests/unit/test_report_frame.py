import random
from datetime import date, datetime

import pytest

from app.report.analysis.plain import Rows, word
from app.report.frame import MOST_WORDS, Builder

COLUMNS = [("Text", "text"), ("Whole", "integer"), ("Number", "number"), ("Share", "percent"), ("Took", "seconds"),
           ("Day", "date"), ("At", "datetime"), ("Flag", "boolean"), ("Nothing", "empty"),
           ("名前: " + "x" * 190, "text")]
ROWS = [
    ["North", 1, 0.1, 0.5, 1.25, date(2024, 2, 29), datetime(2024, 2, 29, 23, 59, 59, 999999), True, None, "é\n\ud800"],
    [None] * 10,
    ["North", -(2**62), -1e300, 0.0, 0.0, date(1, 1, 1), datetime(1, 1, 1), False, None, "x" * 30000],
    ["", 2**53 + 1, 5e-324, 1.0, 1e9, date(9999, 12, 31), datetime(9999, 12, 31, 23, 59, 59), None, None, "0"],
]
PLAIN = [*ROWS[:3], [None, *ROWS[3][1:]]]


def build(rows, columns=COLUMNS, chunk=2):
    builder = Builder(columns)
    for start in range(0, len(rows), chunk):
        builder.add(rows[start:start + chunk])
    return builder


def read(builder):
    return list(Rows(builder.frame(), [tuple(column) for column in builder.columns]))


def test_values_come_out_as_they_went_in_whatever_the_chunks():
    for chunk in (1, 3, 100):
        rows = read(build(ROWS, chunk=chunk))
        assert rows == PLAIN
        assert [[type(value) for value in row] for row in rows] == [[type(value) for value in row] for row in PLAIN]


def test_a_number_without_a_value_counts_as_empty():
    columns = [("Number", "number"), ("Whole", "integer")]
    assert read(build([[float("inf"), 2**63], [float("nan"), -10**400], [float("-inf"), 1]], columns)) == [
        [None, None], [None, None], [None, 1]]


def test_repeated_words_are_kept_once_and_many_words_as_they_are():
    rows = [[f"w{number % MOST_WORDS}", f"w{number}"] for number in range(MOST_WORDS + 1)]
    builder = build(rows, [("a", "text"), ("b", "text")], 999)
    assert [str(dtype) for dtype in builder.frame().dtypes] == ["category", "str"]
    assert read(builder)[-1] == ["w0", f"w{MOST_WORDS}"]


def test_a_job_that_was_cut_off_goes_on_where_it_was():
    chance = random.Random(3)
    rows = [[chance.choice([None, f"w{chance.randrange(9000)}"]), chance.choice([None, 1, 2]), chance.random()]
            for _ in range(12_000)]
    columns = [("Text", "text"), ("Whole", "integer"), ("Number", "number")]
    first = build(rows[:7000], columns, 1000)
    second = Builder.load(first.dump())
    for builder in (first, second):
        builder.add(rows[7000:])
    assert second.rows == first.rows == 12_000
    assert read(second) == read(first) == rows
    assert second.frame().dtypes.tolist() == first.frame().dtypes.tolist()
    assert read(Builder.load(build(ROWS).dump())) == PLAIN
    assert read(Builder.load(Builder(COLUMNS).dump())) == []


def test_rows_that_do_not_fit_the_columns_are_an_error():
    with pytest.raises(ValueError):
        Builder([("a", "text"), ("b", "text")]).add([["x", "y"], ["x"]])


def test_rows_are_made_as_they_are_read_and_can_be_read_again():
    rows = Rows(build([[number] for number in range(2500)], [("n", "integer")], 700).frame(), [("n", "integer")])
    assert len(rows) == 2500
    assert list(rows) == list(rows) == [[number] for number in range(2500)]
    assert [2499] in rows and [2500] not in rows


@pytest.mark.parametrize("value, text", [
    (None, "(empty)"), (True, "yes"), (False, "no"), (date(2024, 1, 2), "2024-01-02"), (1234567, "1234567"),
    (datetime(2024, 1, 2, 3, 4), "2024-01-02 03:04"), (datetime(2024, 1, 2, 3, 4, 5), "2024-01-02 03:04:05"),
    (0.5, "0.50"), (2.0, "2"), (0.0, "0"), (-0.00012345, "-0.000123"), (1e300, "1e+300")])
def test_a_value_can_be_a_word(value, text):
    assert word(value) == text
