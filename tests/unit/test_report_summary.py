"""What a report says when nobody says what to say: of a good table, and of any other."""

import random
from datetime import date, datetime, timedelta

import pandas as pd
import pytest

from app.report.analysis.chart_data import spread
from app.report.analysis.choice import categories, dates, measure, numbers
from app.report.analysis.grouping import Data
from app.report.analysis.profile import Profile
from tests.unit.frames import charts, names, report, tables

COLUMNS = [("Order id", "integer"), ("Region", "text"), ("Customer", "text"), ("Ordered", "date"),
           ("Discount %", "number"), ("Amount", "number"), ("Units", "integer"), ("ZIP code", "integer"),
           ("Year", "integer"), ("Express", "boolean")]
ROWS = [[1000 + number, ["North", "South", "West"][number % 3], f"Customer {number}",
         date(2024, 1, 1) + timedelta(number), float(number % 10), 10.0 * (number % 3 + 1), number % 7,
         10000 + number * 7, 2024, number % 2 == 0]
        for number in range(120)]


def test_a_good_table_is_told_by_its_category_and_its_time():
    document = report(COLUMNS, ROWS)
    assert [(figure.label, figure.value, figure.type) for figure in document.figures] == [
        ("Rows", 120, "integer"), ("First Ordered", date(2024, 1, 1), "date"),
        ("Last Ordered", date(2024, 4, 29), "date"), ("Sum of Amount", 2400.0, "number"),
        ("Sum of Units", 357, "integer"), ("Mean of Discount %", 4.5, "number")]
    assert [table.title for table in document.tables] == ["By Region", "By Week (Ordered)", "Columns", "Rows"]
    assert names(document.tables[0]) == ["Region", "Sum of Amount", "Sum of Units", "Mean of Discount %", "Rows"]
    assert [[row[0], row[1], row[4]] for row in document.tables[0].rows] == [
        ["West", 1200.0, 40], ["South", 800.0, 40], ["North", 400.0, 40]]
    assert len(document.tables[1].rows) == 18
    assert document.tables[1].rows[0][0] == "2024-W01"
    assert [(chart.kind, chart.title) for chart in document.charts] == [
        ("bar", "Sum of Amount by Region"), ("line", "Sum of Amount by Week (Ordered)"),
        ("share", "Sum of Amount: shares by Express")]


def test_each_column_is_described():
    rows = {row[0]: row[1:] for row in tables(report(COLUMNS, [*ROWS, [None] * 10]))["Columns"].rows}
    assert rows["Region"] == ["text", 120, 3, None, None, None, None]
    assert rows["Amount"] == ["number", 120, 3, "10", "20", "30", None]
    assert rows["Ordered"] == ["date", 120, 120, "2024-01-01", None, "2024-04-29", None]
    assert rows["Units"] == ["integer", 120, 7, "0", "2.98", "6", "0"]
    assert rows["Year"] == ["integer", 120, 1, "2024", None, "2024", "2024"]


def test_the_columns_stand_before_the_rows_with_numbers_as_in_their_columns_and_without_empty_ones():
    rows = [["ab"[number % 2], 1234.5 + number, number / 100, 2000 + number, None] for number in range(20)]
    columns = [("Kind", "text"), ("Sales", "number"), ("Share", "percent"), ("Year", "integer"), ("Blank", "empty")]
    *_, table, last = report(columns, rows).tables
    assert (table.title, last.title, len(last.columns)) == ("Columns", "Rows", 5)
    assert [row[0] for row in table.rows] == ["Kind", "Sales", "Share", "Year"]
    assert table.rows[1][4:7] == ["1,234.5", "1,244", "1,253.5"]
    assert table.rows[2][4:7] == ["0 %", "9.5 %", "19 %"]
    assert table.rows[3][4:7] == ["2000", None, "2019"]
    assert [column.is_right for column in table.columns] == [False] * 4 + [True] * 3 + [False]
    assert table.note == "1 more column without a value."


def test_where_nothing_can_be_grouped_the_rows_are_first_and_last():
    chance = random.Random(5)
    rows = [[chance.random(), chance.random() * 100] for _ in range(50)]
    document = report([("x", "number"), ("y", "number")], rows)
    assert [table.title for table in document.tables] == ["Rows"]
    (kind, labels, series), _ = charts(document).values()
    assert (kind, len(labels), sum(series["Rows"])) == ("bar", 10, 50)


@pytest.mark.parametrize("numbers, first, last", [
    ([0, 1200, 2950], "0 – 500", "2,500 – 3,000"), ([0.0, 0.95], "0.0 – 0.1", "0.9 – 1.0"),
    ([-3.5, 3.25], "-4 – -3", "3 – 4"), ([1e20, 2e20], "1e+20 – 1.1e+20", "1.9e+20 – 2e+20"),
    ([1e-9, 9e-9], "1e-09 – 2e-09", "8e-09 – 9e-09")])
def test_a_spread_is_in_steps_of_round_numbers(numbers, first, last):
    chart = spread(Data(pd.DataFrame({"N": numbers}), [("N", "number")]), "N")
    assert (chart.labels[0], chart.labels[-1]) == (first, last)
    assert sum(chart.series[0].values) == len(numbers)


def test_there_is_no_spread_of_large_numbers_that_are_nearly_the_same():
    assert spread(Data(pd.DataFrame({"N": [1e17, 1e17 + 64]}), [("N", "number")]), "N") is None


def of(name, type="integer", filled=100, distinct=50, smallest=0, largest=999, rows=100):
    return Profile(name, type, filled, distinct, smallest, None, largest, None, rows)


@pytest.mark.parametrize("name", ["id", "OrderId", "order_id", "Order ID", "Zip", "PLZ", "Code postal", "Phone",
                                  "Téléfono", "Latitude", "lng", "Year", "Año", "invoice number", "Kunden-Nr.", "EAN"])
def test_numbers_that_only_tell_one_thing_from_another_are_not_added_up(name):
    assert numbers([of(name), of(name, "number")]) == []


@pytest.mark.parametrize("name", ["Sales", "Invoice amount", "Line total", "Number of visits", "Paid", "Idle",
                                  "Yearly", "売上"])
def test_other_numbers_are_whatever_their_name(name):
    assert len(numbers([of(name), of(name, "number")])) == 2


def test_years_and_counters_are_known_by_their_values_too():
    assert numbers([of("when", smallest=1987, largest=2024)]) == []
    assert numbers([of("n", distinct=100, smallest=1, largest=100)]) == []
    assert len(numbers([of("n", distinct=99, smallest=1, largest=100), of("n", distinct=100, largest=500)])) == 2


def test_names_decide_only_between_columns_that_are_as_full():
    profiles = [of("Sale", distinct=1), of("a"), of("Umsatz"), of("Price", filled=10), of("b", filled=60)]
    assert [p.name for p in numbers(profiles)] == ["Umsatz", "a", "b", "Sale", "Price"]


@pytest.mark.parametrize("name, op", [("Sales", "sum"), ("Price", "mean"), ("Total price", "sum"), ("Tax %", "mean"),
                                      ("Température", "mean"), ("Età", "mean"), ("x", "sum")])
def test_of_rates_the_mean_is_taken(name, op):
    assert measure(of(name)).op == op
    assert measure(of(name, "percent")).op == "mean"


@pytest.mark.parametrize("name", ["created", "updated_at", "timestamp", "ts", "HTTP status", "Date"])
def test_stamps_and_states_that_are_numbers_are_not_added_up(name):
    assert numbers([of(name)]) == []


@pytest.mark.parametrize("smallest, largest, is_amount", [
    (1_750_000_000, 1_760_000_000, False), (1_750_000_000_123, 1_760_000_000_456, False),
    (1_750_000_000.5, 1_760_000_000.5, False), (1_950.5, 2_050.5, True), (5, 1_760_000_000, True)])
def test_moments_in_seconds_or_milliseconds_are_known_by_their_values(smallest, largest, is_amount):
    assert len(numbers([of("x", smallest=smallest, largest=largest)])) == is_amount
    assert len(numbers([of("Revenue", smallest=smallest, largest=largest)])) == 1


def test_numbers_that_are_names_are_a_type_of_their_own_in_every_table():
    columns = [("Year", "integer"), ("Zip", "integer"), ("when", "integer"), ("Units", "integer")]
    rows = [[2020 + number % 3, 10115 + number % 2, 1_760_000_000 + number, 1950 + number] for number in range(12)]
    by_year, rows = report(columns, rows, group_by=["Year"],
                           measures=["sum:Units", "max:Year", "sum:Year", "mean:Zip"]).tables
    assert [column.type for column in by_year.columns] == ["code", "integer", "code", "integer", "number"]
    assert [column.type for column in rows.columns] == ["code", "code", "code", "integer"]
    assert [row[0] for row in by_year.rows] == [2020, 2021, 2022]


def test_whole_numbers_are_grouped_in_their_own_order_and_all_years_are_drawn():
    rows = [[1990 + number % 35, 1 + number % 3, 35 - number % 35] for number in range(70)]
    document = report([("Year", "integer"), ("Class", "integer"), ("Sales", "integer")], rows, group_by=["Year"])
    assert [row[0] for row in document.tables[0].rows] == [*range(1990, 2025)]
    assert charts(document)["Sum of Sales by Year"][1] == [str(year) for year in range(1990, 2025)]
    pairs = report([("Year", "integer"), ("Class", "integer")], [row[:2] for row in rows], group_by=["Class", "Year"])
    assert [row[0] for row in pairs.tables[0].rows[::24]] == [1, 2, 3]
    many = report([("Customer id", "integer"), ("Sales", "integer")], [[n, n] for n in range(1, 101)],
                  group_by=["Customer id"], measures=["sum:Sales"])
    assert charts(many)["Sum of Sales by Customer id (first 40)"][1] == [*map(str, range(61, 101))]


def test_what_is_grouped_by_is_not_measured_too():
    rows = [[number % 4 * 10, float(number)] for number in range(40)]
    columns = [("Level", "integer"), ("Sales", "number")]
    for document in (report(columns, rows), report(columns, rows, group_by=["Level"])):
        assert {figure.label for figure in document.figures} == {"Rows", "Sum of Sales"}
        assert set(names(document.tables[0])) == {"Level", "Rows", "Sum of Sales"}


@pytest.mark.parametrize("label", ["Zip", "Year", "Branch code", "Id"])
def test_labels_are_grouped_by_last_and_make_no_shares_while_there_is_a_category(label):
    rows = [[10115 + number % 3, "ab"[number % 2], float(number)] for number in range(60)]
    document = report([(label, "integer"), ("Kind", "text"), ("Sales", "number")], rows)
    assert list(charts(document)) == ["Sum of Sales by Kind", "Sum of Sales: shares by Kind"]
    alone = report([(label, "integer"), ("Sales", "number")], [[row[0], row[2]] for row in rows])
    assert f"Sum of Sales by {label}" in charts(alone)


def test_of_durations_the_median_is_taken():
    assert measure(of("Ran", "seconds")).op == measure(of("took_ms")).op == measure(of("Duration")).op == "median"


def test_small_whole_numbers_are_marks_unless_their_name_tells_more():
    assert [measure(of(name, smallest=1, largest=5)).op for name in ("Q1", "Units")] == ["mean", "sum"]
    assert measure(of("Q1", "number", smallest=1, largest=5)).op == "sum"


def test_a_wrong_date_far_away_does_not_hide_the_years_and_too_many_years_are_not_drawn():
    columns = [("Day", "date"), ("Sales", "number")]
    wrong = report(columns, [[date(1900, 1, 1), 1.0], [date(2023, 5, 5), 2.0], [date(2024, 5, 5), 4.0]])
    assert charts(wrong)["Sum of Sales by Year (Day)"] == ("line", ["1900", "2023", "2024"],
                                                           {"Sum of Sales": [1.0, 2.0, 4.0]})
    many = report(columns, [[date(1900 + number, 1, 1), 1.0] for number in range(60)])
    assert [table.title for table in many.tables] == ["Rows"]


def test_hours_of_one_day_are_no_line():
    rows = [[datetime(2024, 1, 1, hour), 1.0] for hour in range(9)]
    assert [table.title for table in report([("At", "datetime"), ("Sales", "number")], rows).tables] == ["Rows"]


def test_where_the_best_number_makes_no_shares_the_rows_do():
    rows = [["ab"[number % 2], 20.0 + number] for number in range(8)]
    assert list(charts(report([("Room", "text"), ("Temperature", "number")], rows))) == [
        "Mean of Temperature by Room", "Rows: shares by Room"]


def test_a_category_repeats_itself_and_is_no_label():
    good = [of("Stars", distinct=5), of("Paid", "boolean", distinct=2), of("Sparse", "text", filled=40, distinct=3),
            of("Kind", "text", distinct=30), of("Area code", "text", distinct=20)]
    bad = [of("Free", "text", filled=400, distinct=151), of("Same", "text", distinct=1),
           of("Few", "text", filled=5, distinct=3), of("Units", distinct=5), of("Count", distinct=13),
           of("Code", "text", distinct=30), of("N", "number", distinct=5)]
    assert [p.name for p in categories([*bad, *good])] == ["Kind", "Sparse", "Stars", "Paid", "Area code"]


def test_many_categories_are_still_some_and_the_largest_are_drawn():
    assert [p.name for p in categories([of("City", "text", distinct=45), of("Kind", "text", distinct=30)])] == [
        "Kind", "City"]
    rows = [[f"City {number % 60}", 100.0 if number % 60 < 10 else 1.0] for number in range(240)]
    document = report([("City", "text"), ("Sales", "number")], rows)
    assert [(table.title, len(table.rows)) for table in document.tables][0] == ("By City", 60)
    assert charts(document)["Sum of Sales by City"][1] == [*(f"City {number}" for number in range(10)), "Other"]


def test_dates_of_birth_are_the_last_to_make_a_line():
    profiles = [of("Birth date", "date"), of("Sparse", "date", filled=3), of("Due", "datetime"),
                of("One", "date", distinct=1)]
    assert [p.name for p in dates(profiles)] == ["Due", "Sparse", "Birth date"]


BIG = [1.7e308, -1.7e308, 5e-324, 1e300, float("inf"), float("-inf"), float("nan"), None, 0.0, -0.0] * 3
UGLY = {
    "no columns": ([], []),
    "no rows": (COLUMNS, []),
    "one row": (COLUMNS, ROWS[:1]),
    "two rows": (COLUMNS, ROWS[:2]),
    "all empty": (COLUMNS, [[None] * 10] * 7),
    "columns without a type": ([("a", "empty"), ("b", "empty")], [[None, None]] * 3),
    "60 columns": ([(f"c{number}", ["text", "number", "date"][number % 3]) for number in range(60)],
                   [["x", 1.5, date(2024, 1, 1)] * 20, ["y", None, date(2024, 2, 1)] * 20] * 5),
    "all text": ([("a", "text"), ("b", "text")], [[f"{number}", "x" * 5000] for number in range(50)]),
    "all numbers": ([("a", "number"), ("b", "integer")], [[number / 7, number * number] for number in range(50)]),
    "constant": ([("a", "text"), ("b", "number"), ("c", "date"), ("d", "boolean")],
                 [["x", 1.0, date(2024, 1, 1), True]] * 9),
    "single text column": ([("a", "text")], [["x"], ["y"], ["x"], ["y"], [None]]),
    "single boolean column": ([("a", "boolean")], [[True], [False], [True], [None], [False]]),
    "single date column": ([("a", "datetime")], [[datetime(2024, 1, 1, hour)] for hour in range(9)]),
    "huge and small": ([("k", "text"), ("n", "number")], [["abc"[place % 3], one] for place, one in enumerate(BIG)]),
    "sums out of range": ([("k", "text"), ("n", "number")], [[f"k{place}", 1.7e308] for place in range(30)] * 2),
    "huge and small alone": ([("n", "number")], [[number] for number in BIG]),
    "huge whole numbers": ([("k", "text"), ("n", "integer")], [["ab"[one % 2], 2**62 + one] for one in range(9)]),
    "largest of 64 bits": ([("n", "integer")], [[2**63 - 1], [-2**63 + 1], [None]]),
    "all of time": ([("d", "date"), ("n", "number")],
                    [[date(1, 1, 1), 1.0], [date(9999, 12, 31), 2.0], [None, 3.0]] * 3),
    "odd names": ([("", "text"), ("Rows", "text"), ("Sum of n", "number"), ("x" * 200, "date"),
                   ("a\nb:month", "integer")],
                  [["a", "b", 1.0, date(2024, 1, 1), 3], ["c", "d", 2.0, date(2024, 2, 1), 4]] * 4),
    "words that mean something": ([("k", "text"), ("n", "integer")], [
        ["(empty)", 1], ["Other", 2], ["nan", 3], ["Total", 4], ["=1+1", 5], [None, 6]] * 3),
}


@pytest.mark.parametrize("kind", UGLY)
def test_any_table_makes_a_sound_report(kind):
    columns, rows = UGLY[kind]
    report(columns, rows)
    asked = [f"{op}:{name}" for name, type in columns for op in ("sum", "mean", "median", "min", "max")
             if type in ("number", "integer", "empty")][:11] + ["count"]
    report(columns, rows, measures=asked)
    for place, (name, type) in enumerate(columns[:10]):
        report(columns, rows, group_by=[name])
        report(columns, rows, group_by=[name], measures=asked)
        report(columns, rows, group_by=[name, columns[place - 1][0]][:len(columns)], measures=asked)
        if type in ("date", "datetime", "empty"):
            for period in ("day", "week", "month", "quarter", "year"):
                report(columns, rows, group_by=[f"{name}:{period}"], measures=asked)
