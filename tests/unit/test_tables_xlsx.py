import io
import re
import zipfile
from datetime import date, datetime, time, timedelta
from functools import cache

import openpyxl
import pytest
import xlsxwriter

from app.tables import Unreadable
from tests.tables import table


def workbook(*rows, **sheets):
    """Bytes of a workbook with these rows, or with several sheets of rows."""
    book, file = openpyxl.Workbook(), io.BytesIO()
    book.remove(book.active)
    for name, content in (sheets or {"Sheet": rows}).items():
        sheet = book.create_sheet(name)
        for row in content:
            sheet.append(row)
    book.save(file)
    return file.getvalue()


def changed(data, change, part="xl/worksheets/sheet1.xml"):
    """The workbook with one part's XML changed."""
    source, file = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, change(source.read(name)) if name == part else source.read(name))
    return file.getvalue()


def with_rows(xml):
    """After the rows 1 and 2."""
    return changed(workbook(["a"], [1]), lambda old: old.replace(b"</sheetData>", xml + b"</sheetData>"))


def read(data, name="table.xlsx"):
    layout, rows = table(data, name)
    return [column.name for column in layout.columns], [column.type for column in layout.columns], rows


def test_cells_have_the_types_that_they_have_in_the_file():
    data = workbook(["n", "x", "ok", "day", "at"], [1, 1.5, True, date(2026, 5, 1), datetime(2026, 5, 1)],
                    [2, 2, False, date(2026, 5, 2), datetime(2026, 5, 1, 10, 30)])
    assert read(data) == (
        ["n", "x", "ok", "day", "at"], ["integer", "number", "boolean", "date", "datetime"],
        [[1, 1.5, True, date(2026, 5, 1), datetime(2026, 5, 1)],
         [2, 2.0, False, date(2026, 5, 2), datetime(2026, 5, 1, 10, 30)]])


def test_a_first_row_of_typed_cells_is_data_where_those_below_are_the_same():
    assert read(workbook(["North", date(2026, 1, 1)], ["South", date(2026, 1, 2)])) == (
        ["Column 1", "Column 2"], ["text", "date"], [["North", date(2026, 1, 1)], ["South", date(2026, 1, 2)]])
    assert read(workbook(["Region", 2024], ["South", 5]))[0] == ["Region", "2024"]


def test_content_decides_and_not_the_name():
    assert read(workbook(["a"], [1]), "table.csv") == (["a"], ["integer"], [[1]])


def test_text_is_never_a_number_but_may_be_a_date():
    assert read(workbook(["zip", "no", "day"], ["50667", "1.50", "13.05.2026"])) == (
        ["zip", "no", "day"], ["text", "text", "date"], [["50667", "1.50", date(2026, 5, 13)]])


def test_dates_may_be_both_typed_and_written():
    assert read(workbook(["day"], [date(2026, 5, 1)], ["2026-05-02"], [None], ["n/a"]))[2] == [
        [date(2026, 5, 1)], [date(2026, 5, 2)], [None]]


def test_a_mixed_column_is_text_as_a_person_would_write_it():
    cells = ["x", 5, 5.5, True, date(2026, 5, 1), datetime(2026, 5, 1, 10, 30), 1e20]
    assert [row[0] for row in read(workbook(["a"], *([cell] for cell in cells)))[2]] == [
        "x", "5", "5.5", "true", "2026-05-01", "2026-05-01 10:30:00", "1e+20"]


def test_times_and_durations_are_text():
    assert read(workbook(["a", "b"], [time(1, 30), timedelta(hours=30)], [time(13, 5, 9), timedelta(minutes=90)])) == (
        ["a", "b"], ["text", "text"], [["1:30:00", "30:00:00"], ["13:05:09", "1:30:00"]])


def test_formulas_give_what_they_last_were_and_errors_nothing():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["sum", "ratio"])
        for row, ratio in ((1, 0.5), (2, "#DIV/0!")):
            sheet.write_formula(row, 0, "=1+1", None, 2)
            sheet.write_formula(row, 1, "=1/2", None, ratio)
    assert read(file.getvalue()) == (["sum", "ratio"], ["integer", "number"], [[2, 0.5], [2, None]])


def test_a_number_that_is_none_is_no_value():
    xml = b'<row r="3"><c r="A3"><v>NaN</v></c></row><row r="4"><c r="A4"><v>2.5</v></c></row>'
    assert read(with_rows(xml)) == (["a"], ["number"], [[1.0], [None], [2.5]])


def test_a_merged_title_and_empty_rows_and_columns_around_the_table_are_skipped():
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        sheet = book.add_worksheet()
        sheet.merge_range("C3:E3", "Sales 2026")
        for row, cells in ((4, ["city", "net\nsales", "day"]), (5, ["Bonn", 3, "x"]), (7, ["Köln", 4, "y"])):
            sheet.write_row(row, 2, cells)
    assert read(file.getvalue()) == (
        ["city", "net sales", "day"], ["text", "integer", "text"], [["Bonn", 3, "x"], ["Köln", 4, "y"]])


def test_the_largest_sheet_is_read_and_not_a_cover():
    cover = [["Sales 2026"], ["made by the shop"]]
    layout, rows = table(workbook(Cover=cover, Empty=[], Data=[["a", "b"], [1, 2]], More=[["b"], [2]]), "a.xlsx")
    assert (layout.sheet, rows) == ("Data", [[1, 2]])
    assert layout.notes == ("The sheet 'Data' was read; the workbook also has 'Cover', 'More'.",)


def test_of_sheets_that_are_as_large_the_first_is_read():
    layout, rows = table(workbook(Empty=[], **{f"S{n}": [["a"], [n]] for n in range(6)}), "a.xlsx")
    assert (layout.sheet, rows) == ("S0", [[0]])
    assert layout.notes == ("The sheet 'S0' was read; the workbook also has 'S1', 'S2', 'S3' and 2 more.",)


def test_a_hidden_sheet_is_not_read():
    book, file = openpyxl.load_workbook(io.BytesIO(workbook(Hidden=[["a"], [1]], Shown=[["b"], [2]]))), io.BytesIO()
    book["Hidden"].sheet_state = "hidden"
    book.active = 1
    book.save(file)
    layout, _ = table(file.getvalue(), "a.xlsx")
    assert (layout.sheet, layout.notes) == ("Shown", ())


def test_nothing_in_any_sheet_is_refused_and_a_header_alone_is_not():
    with pytest.raises(Unreadable, match="empty"):
        read(workbook(One=[], Two=[]))
    assert read(workbook(["a", "b"])) == (["a", "b"], ["empty", "empty"], [])


@pytest.mark.parametrize("xml, rows", [
    (b"<row r='9'><c  r = 'b9'><v>3</v></c></row>", [[1, None], [None, 3]]),
    (b'<row r="1048576"><c r="XFD1048576" s="0"/></row>', [[1]])])
def test_a_cell_may_say_in_other_words_where_it_is_or_only_have_a_colour(xml, rows):
    assert read(with_rows(xml))[2] == rows


def test_cells_need_not_say_where_they_are():
    xml = b"<worksheet><sheetData><row><c><v>1</v></c></row><row><c/><c><v>3</v></c></row></sheetData></worksheet>"
    assert read(changed(workbook(["a"]), lambda _: xml))[2] == [[1, None], [None, 3]]


@pytest.mark.parametrize("xml", [
    b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>', b"<row r='9'><c  r = 'xfd9'><v>1</v></c></row>",
    b'<row r="1048576"><c r="C1048576"><v>1</v></c></row>', b'<row r="1000000"><c/><c/><c><v>1</v></c></row>',
    b"<row>" + b"<c><v>1</v></c>" * 1001 + b"</row>", b"<row>" + b"<c><v>1</v></c>" * 900 + b"</row>" + b"<row/>" * 5000
    + b"<row><c><v>1</v></c></row>"])
def test_cells_too_far_apart_for_memory_are_refused_before_they_are_read(xml):
    with pytest.raises(Unreadable, match="too large"):
        read(with_rows(xml))


@pytest.mark.parametrize("xml", [
    b'<row><c r="A3" r="XFD1048576"><v>1</v></c></row>', b"""<row><c r="A3"r='XFD1048576'><v>1</v></c></row>""",
    b'<row><c s=">" r="XFD1048576"><v>1</v></c></row>', b'<row><c s="/>" r="XFD1048576"><v>1</v></c></row>',
    b'<row r="3" r="1048576"><c><v>1</v></c></row>', b'<c r="XFD1048576"><v>1</v></c>'])
def test_xml_that_might_be_read_in_two_ways_is_refused_before_it_is_read(xml):
    with pytest.raises(Unreadable, match="damaged|too large"):
        read(with_rows(xml))


def test_a_sheet_under_an_unusual_name_is_looked_at_too():
    data = with_rows(b'<row r="1048576"><c r="C1048576"><v>1</v></c></row>')
    source, file = zipfile.ZipFile(io.BytesIO(data)), io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            content = source.read(name).replace(b"sheet1.xml", b"sheet1.dat")
            target.writestr(name.replace("sheet1.xml", "sheet1.dat"), content)
    with pytest.raises(Unreadable, match="too large"):
        read(file.getvalue())


@cache
def bomb():
    """Some 200 kilobytes that unpack to 201 MB."""
    return changed(workbook(["a"], [1]), lambda _: b" " * 201_000_000, "xl/styles.xml")


def test_a_zip_bomb_is_refused():
    with pytest.raises(Unreadable, match="200 MB"):
        read(bomb())


def test_a_zip_bomb_that_lies_about_its_size_is_refused():
    data = bytearray(bomb())
    entry = data.rindex(b"xl/styles.xml") - 46
    assert data[entry:entry + 4] == b"PK\x01\x02"
    data[entry + 24:entry + 28] = (100).to_bytes(4, "little")
    with pytest.raises(Unreadable, match="200 MB"):
        read(bytes(data))


def with_texts(texts, cells):
    """One column, whose cells refer to these texts by their number."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        book.add_worksheet().write(0, 0, "a")
    data = changed(file.getvalue(), lambda old: re.sub(b"<si>.*</si>", lambda _: texts, old), "xl/sharedStrings.xml")
    rows = b"".join(b"<row>%s</row>" % cell for cell in cells)
    return changed(data, lambda old: re.sub(b"<row.*</row>", rows, old))


def refers(number, times):
    return [b'<c t="s"><v>%d</v></c>' % number] * times


SHORT, LONG = b"<si><t>a</t></si>", b"<si><t>" + b"x" * 30_000 + b"</t></si>"


def test_a_long_text_that_many_cells_refer_to_is_refused():
    """100 kilobytes that would take 3 GB."""
    with pytest.raises(Unreadable, match="more than 400 MB"):
        read(with_texts(SHORT + LONG, refers(1, 100_000)))


def test_long_texts_among_many_short_ones_are_read():
    names, types, rows = read(with_texts(b"<si/>" + SHORT + LONG, [*refers(1, 30_000), *refers(2, 10)]))
    assert (names, len(rows), rows[-2:]) == (["a"], 30_009, [["x" * 30_000]] * 2)


@pytest.mark.parametrize("texts", [
    b"<!--" + SHORT + b"-->" + SHORT + LONG, SHORT + b"<si><t><![CDATA[<si/>]]></t></si>" + LONG,
    b"<r a='" + SHORT + b"'/>" + SHORT + LONG, b"<?r " + SHORT + b"?>" + SHORT + LONG,
    b"<si>" + SHORT + b"</si>" + LONG])
def test_texts_that_might_be_numbered_in_two_ways_are_refused_where_it_matters(texts):
    with pytest.raises(Unreadable, match="damaged"):
        read(with_texts(texts, refers(1, 30_000)))


@pytest.mark.parametrize("cell", [
    b'<c t="s"><f/><v>1</v></c>', b"<c t = 's'><v>1</v></c>", b'<c t="s"><v>0</v><v>1</v></c>',
    b'<c t="s"><!----><v>1</v></c>',
    b'<c t="n" t="s"><v>1</v></c>'])
def test_cells_that_refer_to_a_text_in_unusual_words_are_counted_as_the_longest(cell):
    with pytest.raises(Unreadable, match="more than 400 MB"):
        read(with_texts(SHORT + LONG, [cell] * 30_000))


def test_a_damaged_workbook_is_refused():
    data = workbook(*([n, f"x{n}"] for n in range(200)))
    for end in range(4, len(data), 997):
        with pytest.raises(Unreadable, match="damaged"):
            read(data[:end])
    for part in ("xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"):
        with pytest.raises(Unreadable):
            read(changed(data, lambda old: old[:len(old) // 2], part))


@pytest.mark.parametrize("names, sentence", [
    (["mimetype", "content.xml"], "OpenDocument"), (["xl/workbook.bin"], "xlsb"), (["word/document.xml"], "zip file"),
    (["a.csv"], "zip file")])
def test_other_zip_files_are_named(names, sentence):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    with pytest.raises(Unreadable, match=sentence):
        read(file.getvalue())
