"""What a report says when it is told what to say."""

import random
import statistics
from datetime import date, datetime, timedelta

import pytest

from tests.unit.frames import charts, names, report, tables

COLUMNS = [("Region", "text"), ("Day", "date"), ("Sales", "number"), ("Units", "integer"), ("Paid", "boolean")]
ROWS = [
    ["North", date(2024, 1, 5), 0.1, 1, True],
    ["South", date(2024, 1, 31), 5.0, 2, None],
    [None, date(2024, 3, 1), 7.5, None, False],
    ["North", None, 0.2, 4, False],
    ["East", date(2024, 3, 31), None, 8, True],
]


def test_a_row_for_each_group_the_largest_first_and_the_empty_one_kept():
    document = report(COLUMNS, ROWS, group_by=["Region"],
                      measures=["sum:Sales", "mean:Units", "count", "count:Sales", "mean:Paid", "sum:Paid", "max:Day"])
    first, rows = document.tables
    assert [(column.name, column.type) for column in first.columns] == [
        ("Region", "text"), ("Sum of Sales", "number"), ("Mean of Units", "number"), ("Rows", "integer"),
        ("Count of Sales", "integer"), ("Mean of Paid", "percent"), ("Sum of Paid", "integer"), ("Max of Day", "date")]
    assert first.rows == [
        ["(empty)", 7.5, None, 1, 1, 0.0, 0, date(2024, 3, 1)],
        ["South", 5.0, 2.0, 1, 1, None, None, date(2024, 1, 31)],
        ["North", 0.3, 2.5, 2, 2, 0.5, 1, date(2024, 1, 5)],
        ["East", None, 8.0, 1, 0, 1.0, 1, date(2024, 3, 31)],
    ]
    assert first.total == ["Total", 12.8, 3.75, 5, 4, 0.5, 2, date(2024, 3, 31)]
    assert list(rows.rows) == ROWS
    assert [(figure.label, figure.value) for figure in document.figures] == [
        ("Rows", 5), ("Sum of Sales", 12.8), ("Mean of Units", 3.75), ("Count of Sales", 4)]


def test_there_is_no_total_of_no_rows():
    assert report(COLUMNS, [], group_by=["Region"]).tables[0].total is None


def test_equal_groups_are_in_order_of_their_names():
    document = report([("Name", "text")], [["b"], ["c"], ["a"], [None], ["c"]], group_by=["Name"], measures=["count"])
    assert document.tables[0].rows == [["c", 2], ["a", 1], ["b", 1], ["(empty)", 1]]


def test_dates_ascend_and_only_the_line_has_the_months_that_do_not_occur():
    document = report(COLUMNS, ROWS, group_by=["Day:month"], measures=["sum:Units", "median:Sales"])
    assert document.tables[0].rows == [["2024-01", 3, 2.55], ["2024-03", 8, 7.5], ["(empty)", 4, 0.2]]
    assert document.tables[0].total == ["Total", 15, 2.6]
    assert charts(document) == {
        "Sum of Units by Month (Day)": ("line", ["2024-01", "2024-02", "2024-03"], {"Sum of Units": [3, 0, 8]}),
        "Median of Sales by Month (Day)": (
            "line", ["2024-01", "2024-02", "2024-03"], {"Median of Sales": [2.55, None, 7.5]}),
    }


def test_days_without_a_period_stay_dates_unless_one_is_empty():
    assert report(COLUMNS, ROWS[:3], group_by=["Day"], measures=["count"]).tables[0].rows == [
        [date(2024, 1, 5), 1], [date(2024, 1, 31), 1], [date(2024, 3, 1), 1]]
    assert [row[0] for row in report(COLUMNS, ROWS, group_by=["Day"], measures=["count"]).tables[0].rows] == [
        "2024-01-05", "2024-01-31", "2024-03-01", "2024-03-31", "(empty)"]


def test_a_line_of_too_many_days_becomes_one_of_weeks_and_the_table_keeps_the_days():
    rows = [[datetime(2024, 1, 1, 12) + timedelta(number)] for number in range(140)]
    document = report([("At", "datetime")], rows, group_by=["At:day"], measures=["count"])
    assert len(document.tables[0].rows) == 140
    assert charts(document) == {
        "Rows by Week (At)": ("line", [f"2024-W{week:02}" for week in range(1, 21)], {"Rows": [7] * 20})}


def test_pairs_of_groups_are_a_long_table_in_the_order_of_the_first_group_as_a_whole():
    rows = [["a", "x", 5.0], ["b", "x", 4.0], ["b", "y", 6.0], ["b", None, 1.0], ["a", "y", 1.0], ["a", "x", 1.0]]
    document = report([("P", "text"), ("Q", "text"), ("N", "number")], rows, group_by=["P", "Q"],
                      measures=["sum:N", "mean:N"])
    assert document.tables[0].title == "By P and Q"
    assert document.tables[0].rows == [["b", "y", 6.0, 6.0], ["b", "x", 4.0, 4.0], ["b", "(empty)", 1.0, 1.0],
                                       ["a", "x", 6.0, 3.0], ["a", "y", 1.0, 1.0]]
    assert document.tables[0].total == ["Total", None, 18.0, 3.0]
    assert charts(document) == {
        "Sum of N by P and Q": ("bar", ["b", "a"], {"x": [4.0, 6.0], "y": [6.0, 1.0], "(empty)": [1.0, 0]}),
        "Mean of N by P and Q": ("bar", ["b", "a"], {"y": [6.0, 1.0], "x": [4.0, 3.0], "(empty)": [1.0, None]}),
    }


def test_of_a_date_and_something_else_the_line_has_one_series_for_each_of_the_else():
    rows = [[f"k{number % 8}", date(2024, 1 + number % 3, 1), number % 8 + 1] for number in range(24)]
    columns = [("Key", "text"), ("Day", "date"), ("N", "integer")]
    document = report(columns, rows, group_by=["Key", "Day:month"], measures=["sum:N", "mean:N"])
    assert [row[:2] for row in document.tables[0].rows[:4]] == [
        ["k7", "2024-01"], ["k7", "2024-02"], ["k7", "2024-03"], ["k6", "2024-01"]]
    drawn = charts(document)
    kind, labels, series = drawn["Sum of N by Month (Day) and Key"]
    assert (kind, labels) == ("line", ["2024-01", "2024-02", "2024-03"])
    assert series == {"k7": [8] * 3, "k6": [7] * 3, "k5": [6] * 3, "k4": [5] * 3, "k3": [4] * 3,
                      "Other": [3 + 2 + 1] * 3}
    _, _, series = drawn["Mean of N by Month (Day) and Key (first 6)"]
    assert series == {f"k{7 - place}": [8.0 - place] * 3 for place in range(6)}


def test_bars_and_shares_end_in_all_others_when_those_can_be_added_up():
    rows = [[f"k{number:02}", number] for number in range(1, 21)]
    drawn = charts(report([("Key", "text"), ("N", "integer")], rows, group_by=["Key"], measures=["sum:N", "max:N"]))
    assert drawn["Sum of N by Key"] == (
        "bar", [*(f"k{number}" for number in range(20, 10, -1)), "Other"],
        {"Sum of N": [*range(20, 10, -1), sum(range(1, 11))]})
    assert drawn["Sum of N: shares by Key"] == (
        "share", ["k20", "k19", "k18", "k17", "k16", "k15", "Other"], {"Sum of N": [20, 19, 18, 17, 16, 15, 105]})
    kind, labels, series = drawn["Max of N by Key (first 11)"]
    assert series == {"Max of N": list(range(20, 9, -1))}


def test_all_others_are_left_out_where_they_would_crush_the_rest():
    columns = [("Product", "text"), ("Region", "text"), ("N", "integer")]
    rows = [[f"p{number % 40:02}", f"r{number % 7}", 10] for number in range(280)]
    [title] = charts(report(columns, rows, group_by=["Product", "Region"], measures=["sum:N"]))
    assert title == "Sum of N by Product (first 11) and Region (first 6)"
    title, _ = charts(report(columns, rows, group_by=["Product"], measures=["sum:N"]))
    assert title == "Sum of N by Product (first 11)"


def test_series_are_the_same_in_all_charts_in_the_order_of_the_first_measure_or_else_of_the_rows():
    rows = [[f"k{key}", f"g{number % 2}", 10 - key + number] for key in range(9) for number in range(key + 1)]
    rows += [["top", "g0", 10_000]]
    columns = [("Key", "text"), ("Group", "text"), ("N", "integer")]

    def series(*measures):
        return [[series.name for series in chart.series] for chart in report(
            columns, rows, group_by=["Group", "Key"], measures=list(measures)).charts]

    assert series("mean:N", "max:N") == [["k8", "k7", "k6", "k5", "k4", "k3"]] * 2
    by_sum, by_mean = series("sum:N", "mean:N")
    assert by_sum[0] == by_mean[0] == "top"
    assert by_sum[:5] == by_mean[:5]


@pytest.mark.parametrize("numbers", [[5, -1], [0, 0], [5, None]])
def test_there_are_no_shares_of_what_is_no_whole(numbers):
    rows = [[key, number] for key, number in zip("ab", numbers)]
    document = report([("Key", "text"), ("N", "integer")], rows, group_by=["Key"], measures=["sum:N"])
    assert [chart.kind for chart in document.charts] == ["bar"]


def test_without_measures_rows_and_telling_numbers_are_measured():
    columns = [("Id", "integer"), ("Region", "text"), ("Zip", "integer"), ("Height", "number"), ("Sales", "number")]
    rows = [[number, "NS"[number % 2], 10115 + number, 1.5 + number, 2.0 + number] for number in range(10)]
    document = report(columns, rows, group_by=["Region"])
    assert [table.title for table in document.tables] == ["By Region", "Rows"]
    assert names(document.tables[0]) == ["Region", "Rows", "Sum of Sales", "Mean of Height"]


def test_without_groups_there_is_one_row_over_all_and_charts_by_what_suits():
    rows = [["NS"[number % 2], date(2024, 1 + number % 4, 1), float(number)] for number in range(24)]
    columns = [("Region", "text"), ("Day", "date"), ("N", "number")]
    document = report(columns, rows, measures=["sum:N", "min:N", "max:Day"])
    assert [table.title for table in document.tables] == ["Overall", "Rows"]
    assert document.tables[0].rows == [[276.0, 0.0, date(2024, 4, 1)]]
    assert list(charts(document)) == ["Sum of N by Region", "Min of N by Region", "Sum of N by Week (Day)",
                                      "Min of N by Week (Day)"]


def test_columns_that_are_called_like_a_measure_are_told_apart():
    document = report([("Rows", "text"), ("Sum of N", "integer")], [["a", 1], ["b", 2]], group_by=["Rows"],
                      measures=["count", "sum:Sum of N"])
    assert names(document.tables[0]) == ["Rows", "Rows (measured)", "Sum of Sum of N"]


def test_what_the_table_does_not_have_is_an_error_in_words():
    with pytest.raises(ValueError, match="there is no column 'X'; there are Region.*; 'avg' is no measure"):
        report(COLUMNS, ROWS, group_by=["X"], measures=["avg:Sales"])


def test_whole_numbers_are_added_as_whole_numbers_while_they_fit():
    rows = [[2**60], [2**60 + 1]]
    assert report([("N", "integer")], rows, measures=["sum:N"]).tables[0].rows == [[2**61 + 1]]
    assert report([("N", "integer")], rows * 8, measures=["sum:N"]).tables[0].rows == [[2**64]]
    assert report([("N", "integer")], rows, measures=["max:N"]).tables[0].rows == [[2**60 + 1]]


@pytest.mark.parametrize("group_by", [["A"], ["B"], ["F"], ["D:week"], ["A", "B"], ["B", "D:quarter"], ["D:day", "A"],
                                      []])
def test_a_random_table_gives_what_plain_python_gives(group_by):
    chance = random.Random(7)
    columns = [("A", "text"), ("B", "integer"), ("D", "datetime"), ("F", "boolean"), ("N", "number"), ("W", "integer")]
    rows = [[chance.choice(["x", "y", "z", None]), chance.choice([1, 2, 3, None]),
             chance.choice([None, datetime(2024, 1, 1) + timedelta(hours=chance.randrange(3000))]),
             chance.choice([True, False, None]), chance.choice([None, round(chance.uniform(-9, 9), 2)]),
             chance.choice([None, chance.randrange(-50, 50)])] for _ in range(600)]
    measures = ["count", *(f"{op}:{name}" for op in ("sum", "mean", "median", "min", "max") for name in "NW")][:12]
    document = report(columns, rows, group_by=group_by, measures=measures)
    found = {tuple(row[:len(group_by)]): row[len(group_by):] for row in document.tables[0].rows}
    groups = {}
    for row in rows:
        groups.setdefault(tuple(key(row, text) for text in group_by), []).append(row)
    empty = {text: any(key(row, text) is None for row in rows) for text in group_by}
    expected = {tuple(shown(one, empty[text]) for one, text in zip(keys, group_by)): measure(members)
                for keys, members in groups.items()}
    assert found.keys() == expected.keys()
    for keys, values in expected.items():
        assert found[keys] == pytest.approx(values)
    if group_by:
        assert document.tables[0].total[len(group_by):] == pytest.approx(measure(rows))


def key(row, text):
    name, _, period = text.partition(":")
    value = row["ABDF".index(name)]
    if value is None or not period:
        return value
    year, week, _ = value.isocalendar()
    return {"day": f"{value:%Y-%m-%d}", "week": f"{year}-W{week:02}",
            "quarter": f"{value.year}-Q{(value.month + 2) // 3}"}[period]


def shown(value, among_empty):
    if value is None:
        return "(empty)"
    if among_empty:
        return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
    return value


def measure(rows):
    values = [[row[place] for row in rows if row[place] is not None] for place in (4, 5)]
    return [len(rows), *(op(column) if column else None for op in (sum, statistics.mean, statistics.median, min, max)
                         for column in values)]


def test_a_checkpoint_comes_between_the_steps_and_what_it_raises_goes_through():
    class Stop(Exception):
        pass

    def stop_at(number):
        left = iter(range(number))

        def checkpoint():
            if next(left, None) is None:
                raise Stop
        return checkpoint

    for asked in ({}, {"group_by": ["Region"]}, {"measures": ["sum:Sales"]},
                  {"group_by": ["Region"], "measures": ["sum:Sales"]}):
        for number in (0, 1):
            with pytest.raises(Stop):
                report(COLUMNS, ROWS, checkpoint=stop_at(number), **asked)
        report(COLUMNS, ROWS, checkpoint=stop_at(100), **asked)


def test_each_measure_that_is_drawn_is_a_step_of_its_own():
    steps = []
    report(COLUMNS, ROWS, group_by=["Region"], measures=["sum:Sales", "sum:Units", "count"],
           checkpoint=lambda: steps.append(1))
    assert len(steps) >= 1 + 3


def test_the_title_and_source_are_as_given():
    document = report(COLUMNS, ROWS)
    assert (document.title, document.source, tables(document)["Rows"].total) == ("Title", "Source", None)
