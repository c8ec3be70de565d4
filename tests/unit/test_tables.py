"""What holds for tables of all formats: the header, odd rows, bounds, and that they are read as they were seen."""

import io
import subprocess
import sys
from tempfile import SpooledTemporaryFile

import pytest

from app import tables
from tests.tables import columns, table


def names(text):
    return list(columns(text))


def test_the_first_ten_rows_are_shown_as_values():
    layout, rows = tables.inspect(io.BytesIO(b"n\n" + b"".join(b"%d\n" % n for n in range(1, 100))), "n.csv")
    assert (layout.rows, rows) == (99, [[n] for n in range(1, 11)])


def test_rows_come_in_chunks_and_some_can_be_skipped():
    file = io.BytesIO(b"n\n" + b"".join(b"%d\n" % n for n in range(1, 8)))
    layout, _ = tables.inspect(file, "n.csv")
    assert list(tables.read(file, layout, skip=2, chunk=3)) == [[[3], [4], [5]], [[6], [7]]]
    assert list(tables.read(file, layout, skip=7)) == []


def test_wide_tables_come_in_smaller_chunks():
    file = io.BytesIO(",".join(f"c{n}" for n in range(1000)).encode() + (b"\n" + b",".join([b"1"] * 1000)) * 250)
    layout, _ = tables.inspect(file, "wide.csv")
    assert [len(chunk) for chunk in tables.read(file, layout)] == [100, 100, 50]


def test_a_file_that_the_web_server_has_spooled_is_read_and_stays_open():
    with SpooledTemporaryFile(max_size=1) as file:
        file.write(b"a,b\n1,2\n")
        layout, rows = tables.inspect(file, "a.csv")
        assert (rows, list(tables.read(file, layout))) == ([[1, 2]], [[[1, 2]]])
        assert not file.closed


def test_a_reader_that_is_given_up_does_not_mind_that_the_file_is_closed():
    file = io.BytesIO(b"a,b\n1,2\n3,4\n")
    layout, _ = tables.inspect(file, "a.csv")
    reader = tables.read(file, layout, chunk=1)
    next(reader)
    file.close()
    reader.close()


def test_another_file_than_the_one_looked_at_is_refused():
    layout, _ = tables.inspect(io.BytesIO(b"n,m\n1,2\n"), "n.csv")
    with pytest.raises(tables.Unreadable, match="changed"):
        list(tables.read(io.BytesIO(b"n,m\nx,2\n"), layout))


@pytest.mark.parametrize("empty", ["", "\n \n\n", "\ufeff", ",,\n,,\n"])
def test_an_empty_file_is_refused(empty):
    with pytest.raises(tables.Unreadable, match="empty"):
        table(empty)


def test_a_header_alone_is_a_table_without_rows():
    layout, rows = table("a,b\n")
    assert (layout.rows, rows) == (0, [])
    assert columns("a,b\n") == {"a": "empty", "b": "empty"}


@pytest.mark.parametrize("above", ["Sales 2026\n", "Sales 2026,,\n\n", "\n\nSales,,\nas of May,,\n"])
def test_titles_above_the_header_are_skipped(above):
    layout, rows = table(above + "city,sales,day\nBonn,3,2026-05-01\n")
    assert [column.name for column in layout.columns] == ["city", "sales", "day"]
    assert len(rows) == 1


def test_the_first_ten_rows_are_complete_below_many_titles():
    layout, rows = tables.inspect(io.BytesIO(b"title\n" * 15 + b"a,b,c\n" + b"1,2,3\n" * 40), "a.csv")
    assert (layout.first, len(rows)) == (16, 10)


def test_a_header_has_half_of_its_cells_filled():
    assert names("Sales,2026,,,\ncity,,sales,day,\nBonn,1,2,x,y\n") == ["city", "Column 2", "sales", "day", "Column 5"]


def test_a_title_above_two_columns_is_no_header():
    assert names("Sales 2026\nmonth,sales\nMay,3\nJune,4\n") == ["month", "sales"]


def test_a_header_whose_first_name_is_missing_is_a_header():
    assert names(",sales\nMay,3\n") == ["Column 1", "sales"]


@pytest.mark.parametrize("first", ["1,2026-05-01", "1.5,03.04.2026", "007,2"])
def test_a_file_without_header_gets_column_numbers(first):
    layout, rows = table(f"{first}\n2,2026-05-02\n")
    assert [column.name for column in layout.columns] == ["Column 1", "Column 2"]
    assert len(rows) == 2


@pytest.mark.parametrize("rows", [
    "North,2026-01-01,10\nSouth,2026-01-02,12\n", "North,x,1.50 EUR\nSouth,,2.00 EUR\n", "a,01.02.2026\nb,13.02.2026\n",
    "North, 5 \n" + "South,6\n" * 9 + "West,?\nEast,n/a\n", "North,2024,10\nSouth,2025,12\n", ",x,5\nb,x,6\n"])
def test_a_first_row_with_numbers_or_dates_like_those_below_is_data(rows):
    layout, values = table(rows)
    assert layout.columns[0].name == "Column 1"
    assert len(values) == rows.count("\n")


@pytest.mark.parametrize("header, row", [
    ("Region,2024,2025", "North,10,12"), (",1999,2100", "North,10,12"), ("Region,1,2,3", "North,10,12,5"),
    (",0,1,2", "0,5,6,7"),
    ("Region,2026-01-01,2026-02-01", "North,10,12"), ("Item,5", "North,x"), ("a,-", "b,5"), ("Region,10", "North,")])
def test_headings_of_a_pivot_table_and_other_numbers_above_something_else_are_a_header(header, row):
    layout, rows = table(f"{header}\n{row}\n{row}\n")
    assert [column.name for column in layout.columns][1:] == header.split(",")[1:]
    assert len(rows) == 2


def test_names_are_one_short_line_each_and_all_different():
    assert names('" net\r\n sales ",,sales,sales,sales,sales (2),' + "x" * 199 + " y\n1,2,3,4,5,6,7\n") == [
        "net sales", "Column 2", "sales", "sales (2)", "sales (3)", "sales (2) (2)", "x" * 199]


def test_short_rows_are_filled_up_and_long_ones_make_columns():
    layout, rows = table("a,b\n1\n1,2,3\n\n1,2\n")
    assert [column.name for column in layout.columns] == ["a", "b", "Column 3"]
    assert rows == [[1, None, None], [1, 2, 3], [1, 2, None]]


def test_a_long_row_far_down_makes_a_column_too():
    layout, rows = table("a,b\n" + "1,2\n" * 6000 + "1,2,x\n")
    assert columns("a,b\n" + "1,2\n" * 6000 + "1,2,x\n")["Column 3"] == "text"
    assert (rows[0], rows[-1]) == ([1, 2, None], [1, 2, "x"])


def test_delimiters_at_the_end_of_each_line_make_no_column():
    assert names("a,b,\n1,2,\n3,4,\n") == ["a", "b"]


def test_a_thousand_columns_are_the_most():
    wide = ",".join(f"c{n}" for n in range(1000))
    assert len(names(wide + "\n")) == 1000
    for more in (wide + ",x\n", "a,b\n1,2\n" + wide + ",x\n"):
        with pytest.raises(tables.Unreadable, match="more than 1,000 columns"):
            table(more)


def test_a_million_rows_are_the_most():
    with pytest.raises(tables.Unreadable, match="more than 1,000,000 rows"):
        tables.inspect(io.BytesIO(b"a\n" + b"x\n" * 1_000_001), "a.csv")


@pytest.mark.parametrize("start, sentence", [
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old .xls"), (b"%PDF-1.7", "PDF"), (b"\x89PNG\r\n", "picture"),
    (b"\xff\xd8\xff\xe0", "picture"), (b"\x1f\x8b\x08", "Unpack"), (b" \n<!DOCTYPE html><table>", "web page"),
    (b"\xef\xbb\xbf<?xml version='1.0'?>", "web page"), (b"PK\x05\x06" + b"\0" * 18, "not a text file")])
def test_other_formats_are_named_and_the_person_is_told_what_to_do(start, sentence):
    with pytest.raises(tables.Unreadable, match=sentence) as refused:
        table(start + b"\0" * 100, "table.csv")
    assert ".csv" in str(refused.value) or ".xlsx" in str(refused.value) or "Unpack" in str(refused.value)


def test_the_package_needs_nothing_else_of_the_app_and_no_pandas():
    code = "import sys, app.tables; print([n for n in sys.modules if n.startswith(('app.', 'pandas', 'numpy'))])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name.startswith("app.tables") for name in eval(answer.stdout))


@pytest.mark.parametrize("name, content", [
    ("a.ndjson", b"".join(b'{"k%d": 1}\n' % (n % 1000) for n in range(2_600))),
    ("a.csv", b",".join(b"c%d" % n for n in range(1000)) + b"\n" + b"1,2\n" * 2_600),
    ("a.json", b"[" + b",".join(b'{"k%d": 1}' % (n % 1000) for n in range(2_600)) + b"]"),
])
def test_a_small_file_of_very_many_empty_cells_is_refused(name, content):
    with pytest.raises(tables.Unreadable, match="2,500,000 cells"):
        tables.inspect(io.BytesIO(content), name)
