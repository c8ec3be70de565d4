import os
import tempfile
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from zipfile import ZipFile

import openpyxl
import pytest

from app.report.document import Column, Table
from app.report.formats import render
from tests.unit.documents import EVIL, SALES, UGLY, chart, document, everywhere, table


def read(document, **how):
    return openpyxl.load_workbook(BytesIO(render(document, "xlsx")), **how)


def test_the_first_sheet_says_what_the_report_is_and_draws_the_charts():
    book = read(SALES)
    assert book.sheetnames == ["Report", "By region", "Rows", "Chart data"]
    first = book["Report"]
    assert (first["A1"].value, first["A2"].value) == (
        "Sales", "Made 23 November 2026, 14:05 UTC from sales.csv, 3 rows")
    assert (first["A4"].value, first["B4"].value) == ("Revenue", 1229.25)
    assert [type(chart).__name__ for chart in first._charts] == ["BarChart", "LineChart", "DoughnutChart"]
    assert book.properties.title == "Sales"


def test_a_chart_refers_to_the_cells_that_hold_its_numbers():
    book = read(SALES)
    for shape, (title, labels, values) in zip(book["Report"]._charts, [
            ("Bars", ["Label 0", "Label 1", "Label 2"], [1, 2.5, None]),
            ("Line", ["Label 0", "Label 1", "Label 2"], [1, 2.5, None]), ("Share", ["Label 0", "Label 1"], [1, 3])]):
        series = shape.series[0]
        assert cells(book, series.cat.strRef.f) == labels
        assert cells(book, series.val.numRef.f) == values
        assert cells(book, series.tx.strRef.f) == ["Revenue"]
        assert cells(book, shape.title.tx.strRef.f) == [title]


def test_the_numbers_of_the_charts_are_hidden_and_the_charts_still_show_them():
    book = read(SALES)
    assert [sheet.sheet_state for sheet in book] == ["visible"] * 3 + ["hidden"]
    with ZipFile(BytesIO(render(SALES, "xlsx"))) as parts:
        assert b'<c:plotVisOnly val="1"/>' not in parts.read("xl/charts/chart1.xml")


def test_the_axis_of_sums_starts_at_zero():
    book = read(document(charts=[replace(chart(values=(90, 100)), adds_up=adds_up) for adds_up in (True, False)]))
    assert [shape.y_axis.scaling.min for shape in book["Report"]._charts] == [0, None]


def cells(book, reference):
    sheet, _, cells = reference.rpartition("!")
    found = book[sheet.strip("'")][cells.replace("$", "")]
    return [cell.value for (cell,) in found] if isinstance(found, tuple) else [found.value]


@pytest.mark.parametrize("data_only", [False, True])
def test_values_keep_their_types(data_only):
    sheet = read(SALES, data_only=data_only)["By region"]
    rows = list(sheet.values)
    assert rows[0] == ("Region", "Day", "At", "Orders", "Revenue", "Share", "Open")
    assert rows[1] == ("North", datetime(2026, 1, 2), datetime(2026, 1, 2, 3, 4), 1200, 1234.5, 0.625, True)
    assert rows[2] == ("Süd ñ", "1850-01-02", None, "10000000000000000", -5.25, 0.375, False)
    assert rows[3] == (None,) * 7
    assert rows[4] == ("Total", None, None, 1200, 1229.25, 1, None)
    assert [cell.number_format for cell in sheet[2]][1:6] == [
        "yyyy-mm-dd", "yyyy-mm-dd hh:mm", "#,##0", "#,##0.00", "0.0%"]


def test_a_number_that_is_a_name_has_no_separators():
    cell = read(document(table({"Year": "code"}, [2024])))["By region"]["A2"]
    assert (cell.value, cell.number_format) == (2024, "0")


def test_a_text_may_stand_at_the_right():
    report = document(Table("By region", [Column("a", "text", is_right=True), Column("b", "text")], [["1,000", "x"]]))
    assert [cell.alignment.horizontal for cell in read(report)["By region"][2]] == ["right", None]


def test_the_head_stays_in_view_and_the_filter_leaves_the_total_alone():
    sheet = read(SALES)["By region"]
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:G4"
    assert sheet["A1"].font.bold and sheet["A5"].font.bold and not sheet["A2"].font.bold


@pytest.mark.parametrize("text", EVIL)
def test_no_text_is_a_formula_or_markup(text):
    book = read(everywhere(text))
    found = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in found} <= {"s", "n", "inlineStr"}
    assert not [cell for cell in found if cell.coordinate in ("Z8", "Z9")]
    assert not [cell for cell in found if cell.hyperlink]
    clean = text.replace("\x00", "").replace("\x01", "").replace("\ud800", "\ufffd")
    assert book["Report"]["A1"].value == clean
    assert clean in [cell.value for cell in book.worksheets[1]["A"]]


def test_what_looks_like_markup_of_the_library_only_after_it_was_cut_stays_text():
    evil = "<r>" + "x" * 32_760 + "</r>" + "more"
    assert read(document(table({"a": "text"}, [evil])))["By region"]["A2"].value == evil[:32_767]


@pytest.mark.parametrize("titles, names", [
    (["Sales", "sales", "SALES"], ["Sales", "sales (2)", "SALES (3)"]),
    (["Report", "History", "chart data"], ["Report (2)", "History (2)", "chart data (2)"]),
    (["a[b]:c*d?e/f\\g", "'quoted'", "", "[]", "''"], ["a b c d e f g", "quoted", "Table", "Table (2)", "Table (3)"]),
    (["x" * 40, "x" * 41, "🙂" * 40], ["x" * 31, "x" * 27 + " (2)", "🙂" * 15]),
])
def test_a_sheet_has_a_name_that_excel_allows(titles, names):
    book = read(document(*(table({"a": "text"}, ["x"], title=title) for title in titles)))
    assert book.sheetnames == ["Report", *names]


@pytest.mark.parametrize("name", UGLY)
def test_ugly_data_still_makes_a_workbook_and_the_same_bytes_each_time(name):
    first = render(UGLY[name], "xlsx")
    book = openpyxl.load_workbook(BytesIO(first))
    assert book.sheetnames[0] == "Report"
    assert len(book.sheetnames) == 1 + len(UGLY[name].tables) + ("Chart data" in book.sheetnames)
    assert first == render(UGLY[name], "xlsx")


def test_all_rows_are_there():
    assert [row[1] for row in read(UGLY["3,000 rows"])["By region"].iter_rows(2, values_only=True)] == [*range(3000)]


def test_rows_that_a_sheet_cannot_hold_are_left_out_and_the_first_sheet_says_so(monkeypatch):
    monkeypatch.setattr("app.report.formats.table_sheet.ROWS", 5)
    book = read(SALES)
    assert book["Rows"].max_row == 6
    assert "The first 5 rows: a sheet holds no more." in [cell.value for cell in book["Report"]["C"]]


def test_what_is_no_number_is_an_empty_cell():
    rows = list(read(UGLY["no numbers"])["By region"].values)
    assert rows[1:4] == [(None,) * 4] * 3
    assert rows[4] == ("1e+308",) * 4


def test_when_the_caller_stops_it_no_file_stays_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    seen = []

    def stop(done, total):
        seen.append(os.listdir(tmp_path))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render(UGLY["3,000 rows"], "xlsx", stop)
    assert seen[0]
    assert not os.listdir(tmp_path)
