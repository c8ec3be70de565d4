import subprocess
import sys

import pytest

from app.report.measures import Group, Measure, check, parse_group, parse_measure

COLUMNS = [("Region", "text"), ("Sales", "number"), ("Units", "integer"), ("Day", "date"), ("At", "datetime"),
           ("Paid", "boolean"), ("Took", "seconds"), ("Blank", "empty"), ("a:b", "number"), ("Day:month", "text")]


def test_a_measure_splits_at_the_first_colon_and_says_what_it_is():
    assert parse_measure("sum:Sales") == Measure("sum", "Sales")
    assert parse_measure("mean:a:b") == Measure("mean", "a:b")
    assert parse_measure("count") == Measure("count", None)
    assert [parse_measure(text).label for text in ("sum:Sales", "count:Sales", "count")] == [
        "Sum of Sales", "Count of Sales", "Rows"]


@pytest.mark.parametrize("text, words", [("avg:Sales", "'avg' is no measure; there are sum, mean"),
                                         ("sum", "sum needs a column, as in sum:Sales"), ("", "'' is no measure")])
def test_what_is_no_measure_says_what_would_be(text, words):
    with pytest.raises(ValueError, match=words):
        parse_measure(text)


def test_a_group_may_name_a_period_and_a_column_of_that_very_name_comes_first():
    assert parse_group("At:week", COLUMNS) == Group("At", "week")
    assert parse_group("Day:month", COLUMNS) == Group("Day:month")
    assert [parse_group(text, COLUMNS).label for text in ("At:week", "Region")] == ["Week (At)", "Region"]


def test_a_column_that_is_called_like_its_period_is_not_called_so_twice():
    assert [Group("Month", "month").label, Group("Month", "year").label] == ["Month", "Year (Month)"]


@pytest.mark.parametrize("text, sentence", [
    ("Regoin", "there is no column 'Regoin'; there are Region, Sales"),
    ("Regoin:month", "there is no column 'Regoin:month'; there are Region, Sales"),
    ("Region:month", "month needs a column of dates; 'Region' is text"),
    ("Day:fortnight", "'fortnight' is no period; there are day, week, month, quarter, year"),
])
def test_what_is_no_group_says_why(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        parse_group(text, COLUMNS)


@pytest.mark.parametrize("op, allowed", [
    ("sum", {"Sales", "Units", "Paid", "Took", "Blank", "a:b"}),
    ("mean", {"Sales", "Units", "Paid", "Took", "Blank", "a:b"}),
    ("median", {"Sales", "Units", "Took", "Blank", "a:b"}),
    ("min", {"Sales", "Units", "Day", "At", "Took", "Blank", "a:b"}),
    ("max", {"Sales", "Units", "Day", "At", "Took", "Blank", "a:b"}), ("count", {name for name, _ in COLUMNS})])
def test_each_measure_is_taken_of_columns_that_it_suits(op, allowed):
    assert {name for name, _ in COLUMNS if not check(COLUMNS, [], [f"{op}:{name}"])} == allowed


def test_every_problem_is_named_with_its_field():
    assert check(COLUMNS, ["Region", "Day:year"], ["sum:Sales", "count", "max:Day"]) == []
    assert check([("Region", "text"), ("Sales", "number")], ["Day"], ["sum:Slaes", "sum:Region", "count", "count"]) == [
        ("group_by.0", "there is no column 'Day'; there are Region, Sales"),
        ("measures.0", "there is no column 'Slaes'; there are Region, Sales"),
        ("measures.1", "sum needs a column of numbers; 'Region' is text"),
        ("measures.3", "'count' is there twice")]
    assert check(COLUMNS, ["At:year", "At:month"], []) == [("group_by.1", "'At:month' is there twice")]
    assert [field for field, _ in check(COLUMNS, ["Region", "Day", "At"], [])] == ["group_by"]
    thirteen = [f"{op}:{name}" for op in ("sum", "mean", "median", "min") for name in ("Sales", "Units", "Took", "a:b")]
    assert check(COLUMNS, [], thirteen[:12]) == []
    assert [field for field, _ in check(COLUMNS, [], thirteen[:13])] == ["measures"]


def test_of_many_columns_only_the_first_are_listed():
    [(_, sentence)] = check([(f"C{number}", "text") for number in range(60)], ["X"], [])
    assert sentence.endswith("C18, C19 and 40 more")


@pytest.mark.parametrize("op, of, type", [
    ("sum", "integer", "integer"), ("sum", "number", "number"), ("sum", "seconds", "seconds"),
    ("sum", "boolean", "integer"), ("mean", "boolean", "percent"), ("mean", "integer", "number"),
    ("median", "seconds", "seconds"), ("max", "date", "date"), ("min", "integer", "integer"),
    ("count", "text", "integer"), ("mean", "percent", "percent"), ("sum", "empty", "number"),
    ("max", "code", "code"), ("sum", "code", "integer"), ("mean", "code", "number")])
def test_a_measure_has_the_type_that_shows_it_right(op, of, type):
    assert Measure(op, "x").type(of) == type


@pytest.mark.parametrize("module", ["measures", "history"])
def test_what_the_web_checks_with_does_not_load_pandas(module):
    code = f"import app.report.{module}, sys; print('pandas' in sys.modules, 'numpy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).split() == ["False", "False"]


def test_neither_process_pays_for_reports_before_it_makes_one():
    code = """
import sys, worker
from app.config import Settings
from app.web import create_app
create_app(Settings.from_env({"APP_ENV": "development"}))
print([name for name in ("pandas", "numpy", "typst", "xlsxwriter", "pygal", "boto3") if name in sys.modules])
"""
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout == "[]\n"
