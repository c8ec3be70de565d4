import csv
from datetime import datetime
from io import StringIO

import pytest

from app.report.formats import render
from tests.unit.documents import EVIL, MADE_AT, SALES, UGLY, document, everywhere, table


def read(document) -> list[list[str]]:
    return list(csv.reader(StringIO(render(document, "csv").decode("utf-8-sig"), newline="")))


def test_it_is_the_first_table_alone_plain_for_programs():
    assert read(SALES) == [
        ["Region", "Day", "At", "Orders", "Revenue", "Share", "Open"],
        ["North", "2026-01-02", "2026-01-02T03:04:00", "1200", "1234.5", "0.625", "true"],
        ["Süd ñ", "1850-01-02", "", "10000000000000000", "-5.25", "0.375", "false"],
        [""] * 7]


def test_excel_knows_it_by_its_mark_and_lines_end_as_the_standard_says():
    answer = render(document(table({"a": "text"}, ["ñ\n2"])), "csv")
    assert answer == b'\xef\xbb\xbfa\r\n"\xc3\xb1\n2"\r\n'


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", " =1", "\r1", "\u3000＝1", "＋1", "－1", "＠x",
                                  "\ufeff=1", "-5", "\tx", "\nx"])
def test_a_text_that_could_be_a_formula_gets_an_apostrophe_and_so_does_a_name(text):
    name, cell = (row[0] for row in read(document(table({text: "text"}, [text]))))
    assert name == cell == "'" + text.replace("\r", "\n")


@pytest.mark.parametrize("value, text", [
    (-5, "-5"), (-5.5, "-5.5"), (0.1 + 0.2, "0.3"), (1e22, "1e+22"), ("a=1", "a=1"), ("5-3", "5-3"),
    (float("nan"), ""), (float("-inf"), ""), (2 ** 70, str(2 ** 70)), (MADE_AT, "2026-11-23T14:05:00+00:00"),
    (datetime(2026, 1, 2).date(), "2026-01-02")])
def test_a_value_is_plain(value, text):
    assert read(document(table({"a": "text", "b": "text"}, [value, "x"])))[1][0] == text


@pytest.mark.parametrize("text", EVIL)
def test_no_text_is_a_formula(text):
    for row in read(everywhere(text)):
        assert all(cell.strip()[:1] not in {*"=+-@＝＋－＠"} for cell in row)


def test_no_table_is_no_bytes_but_the_mark():
    assert render(document(), "csv") == b"\xef\xbb\xbf"


@pytest.mark.parametrize("name", UGLY)
def test_ugly_data_has_as_many_rows_as_it_had(name):
    for made_of in UGLY[name].tables[:1]:
        assert len(read(UGLY[name])) == len(made_of.rows) + 1
