from datetime import date, datetime

import pytest

from tests.tables import column, columns, table


@pytest.mark.parametrize("cell, value", [
    ("0", 0), ("-17", -17), ("\u221217", -17), ("123456789012345", 123456789012345), ("1,234", 1234),
    ("1,234,567", 1234567), ("1 234 567", 1234567), ("1\u00a0234", 1234), ("1\u202f234", 1234), ("1'234", 1234),
    ("1\u2019234", 1234), ("$5", 5), ("-$5", -5), ("$-5", -5), ("€ 5", 5), ("5 £", 5), ("5¥", 5), ("12 %", 12),
    ("+5%", 5), ("(200)", -200), ("($1,200)", -1200), ("$(200)", -200), ("$ (5)", -5), ("(5%)", -5), ("(5) EUR", -5),
    ("200-", -200), ("200\u2212", -200), ("5- EUR", -5), ("5 EUR-", -5), ("EUR 5", 5), ("USD5", 5), ("5CHF", 5),
    ("-5 GBP", -5), ("SEK -1 234", -1234)])
def test_whole_numbers(cell, value):
    assert column("7", cell) == ("integer", [7, value])


@pytest.mark.parametrize("cell, value", [
    ("3.5", 3.5), (".5", .5), ("-0.25", -.25), ("1,234.56", 1234.56), ("1 234.56", 1234.56), ("1'234'567.8", 1234567.8),
    ("$1,234.50", 1234.5), ("(200.00)", -200.0), ("USD 1,234.50", 1234.5),
    ("1e5", 1e5), ("1.5E-7", 1.5e-7), ("+3.5", 3.5), ("12.5%", 12.5)])
def test_numbers_with_a_decimal_point(cell, value):
    assert column("7", cell) == ("number", [7.0, value])


@pytest.mark.parametrize("cell, value", [
    ("3,5", 3.5), ("-0,25", -.25), ("1.234,56", 1234.56), ("1.234.567,8", 1234567.8), ("1 234,56", 1234.56),
    ("-1.234,50 €", -1234.5), ("1.234,50-", -1234.5), ("1.234,50 EUR", 1234.5), ("(1.234,50)", -1234.5),
    ("0,123", .123), ("1234,567", 1234.567)])
def test_numbers_with_a_decimal_comma(cell, value):
    assert column("7", cell) == ("number", [7.0, value])


@pytest.mark.parametrize("cell", [
    "00123", "+49", "+34600123456", "1234567890123456", "12,34,567", "1.2.3", "1_000", "0x1f", "inf", "1e999",
    "--5", "-$-5", "5 5", "1,234'567", "5.", "٣", "$", "%", "12 km",
    "(5", "5)", "(-5)", "(5)-", "-5-", "-EUR -5", ")5(", "()", "-(5)", "EUR",
    "EUR EUR", "5 eur", "5 XYZ", "5 EU", "555-1234"])
def test_what_only_looks_like_a_number_stays_as_written(cell):
    assert column("7", cell) == ("text", ["7", cell])


def test_one_odd_value_makes_a_column_text_even_at_the_very_end():
    layout, rows = table("a,b\n" + "1.50,x\n" * 12_000 + "about 3,x\n")
    assert (layout.columns[0].type, rows[0][0], rows[-1][0]) == ("text", "1.50", "about 3")


def test_the_decimal_mark_is_the_same_in_the_whole_file():
    """One column says what it is, and 1.234 in another follows."""
    assert table('a,b\n"3,5","1.234"\n')[1] == [[3.5, 1234]]
    assert table('a,b\n"3.5","1,234"\n')[1] == [[3.5, 1234]]
    assert table("a;b\n3.5;1.234\n")[1] == [[3.5, 1.234]]


def test_where_no_number_tells_the_delimiter_does():
    assert table("a;b\n1.234;x\n")[1] == [[1234, "x"]]
    assert table("a,b\n1.234,x\n")[1] == [[1.234, "x"]]


@pytest.mark.parametrize("null", ["", "NULL", "null", "N/A", "n/a", "NA", "#N/A", "nan", "NaN", "-", "#DIV/0!", "  "])
def test_words_for_no_value_are_none_among_numbers_and_dates(null):
    assert column("7", null) == ("integer", [7, None])
    assert column("2026-05-01", null) == ("date", [date(2026, 5, 1), None])
    assert column("true", null) == ("boolean", [True, None])


def test_a_column_of_text_keeps_them():
    assert column("DE", "NA", "-", "", "null") == ("text", ["DE", "NA", "-", None, "null"])


def test_a_column_without_any_value_is_empty():
    assert column("NA", "", "n/a") == ("empty", [None, None, None])
    assert column("-", "") == ("text", ["-", None])


def test_booleans_are_words_and_the_whole_column_is():
    assert column("true", "FALSE", "Yes", "no") == ("boolean", [True, False, True, False])
    assert column("yes", "maybe") == ("text", ["yes", "maybe"])
    assert column("1", "0") == ("integer", [1, 0])


@pytest.mark.parametrize("cell", [
    "2026-04-03", "2026/4/3", "2026.04.03", "03.04.2026", "3.4.26", "03-04-2026", "3 Apr 2026", "3. April 2026",
    "3-Apr-26", "Apr 3, 2026", "april 3 2026", "2026-04-03 00:00:00"])
def test_dates(cell):
    assert column(cell) == ("date", [date(2026, 4, 3)])


@pytest.mark.parametrize("cell", [
    "2026-04-03T14:30", "2026-04-03 14:30:00", "2026-04-03T14:30:00.000Z", "2026-04-03T16:30:00+02:00",
    "2026-04-03 09:30:00 -0500", "2026-04-03 14:30:00 UTC", "03.04.2026 14:30", "3.4.26 14:30:00", "3 Apr 2026 2:30 pm",
    "Apr 3, 2026, 2:30:00 PM", "2026/04/03 14:30"])
def test_times_of_day_are_as_written_or_in_utc_where_a_zone_is_named(cell):
    assert column(cell) == ("datetime", [datetime(2026, 4, 3, 14, 30)])


@pytest.mark.parametrize("cells", [["2026-01", "2026-02"], ["Jan 2026", "Feb. 2026"], ["january 2026", "2026-02", ""]])
def test_months_are_their_first_day_if_all_of_the_column_is(cells):
    assert column(*cells)[0] == "date"
    assert column(*cells)[1][:2] == [date(2026, 1, 1), date(2026, 2, 1)]


@pytest.mark.parametrize("cell", ["2026-13", "2026-1", "1026-01", "2026-001", "Foo 2026", "Jan 26", "2026-01-05", "x"])
def test_months_among_anything_else_stay_as_written(cell):
    assert column("2026-01", cell) == ("text", ["2026-01", cell])


def test_dates_among_times_are_midnights():
    assert column("2026-04-03", "2026-04-03 14:30:00.5") == (
        "datetime", [datetime(2026, 4, 3), datetime(2026, 4, 3, 14, 30, 0, 500_000)])


@pytest.mark.parametrize("cell", [
    "31.02.2026", "2026-02-30", "2026-13-01", "32/01/2026", "3.4.2026 25:00", "3.4.2026 13:00 pm", "2026-04",
    "20260403", "2026-W14-5", "3/4-2026", "3 Foo 2026", "12.10", "0000-00-00", "0001-01-01T00:00:00+10:00", "tomorrow"])
def test_what_is_no_date_stays_as_written(cell):
    assert column("2026-05-01", cell) == ("text", ["2026-05-01", cell])


@pytest.mark.parametrize("dates, first", [
    (["03/04/2026", "13/04/2026"], date(2026, 4, 3)), (["03/04/2026", "04/13/2026"], date(2026, 3, 4)),
    (["03/04/2026"], date(2026, 3, 4)), (["03-04-2026"], date(2026, 4, 3)), (["04-13-2026"], date(2026, 4, 13))])
def test_a_column_tells_whether_its_day_comes_first(dates, first):
    kind, values = column(*dates)
    assert (kind, values[0]) == ("date", first)


def test_a_day_and_a_month_that_contradict_each_other_are_text():
    assert column("13/04/2026", "04/13/2026")[0] == "text"


def test_an_undecided_date_follows_the_file():
    assert table("a;b\n03/04/2026;x\n")[1][0][0] == date(2026, 4, 3)
    assert table('a,b\n03/04/2026,"3,5"\n')[1][0][0] == date(2026, 4, 3)
    assert table("a,b\n03/04/2026,3.5\n")[1][0][0] == date(2026, 3, 4)


def test_two_digits_are_a_year_from_1969_to_2068():
    assert column("01.01.69", "01.01.68")[1] == [date(1969, 1, 1), date(2068, 1, 1)]


def test_each_column_has_its_own_type():
    assert columns("id;day;price;ok;zip;none\n1;01.02.2026;3,50 €;yes;01067;\n2;13.02.2026;1,00 €;no;50667;NA\n") == {
        "id": "integer", "day": "date", "price": "number", "ok": "boolean", "zip": "text", "none": "empty"}
