"""What the person is told of how the file was read."""

import json
from datetime import date

import pytest

from app.tables import Layout
from tests.tables import table
from tests.unit.test_tables_xlsx import workbook

NUMBERS = ["1", "2.5", "3", "", "4", "5"]


def notes(data, name="table.csv"):
    return table(data, name)[0].notes


def of_column(*cells, header="Salary,x"):
    return notes(f"{header}\n" + "".join(f'"{cell}",x\n' for cell in cells))


def test_a_table_without_anything_odd_has_none():
    assert notes("a,b,day\n1,x,2026-05-01\n2,y,\n") == ()


def test_the_cell_that_keeps_a_column_from_being_numbers_is_named():
    assert of_column(*NUMBERS, "unknown", "6") == ("Salary is text because of row 8: 'unknown'.",)


def test_rows_are_counted_as_a_spreadsheet_does():
    """With titles and blank rows."""
    assert notes("Sales 2026\n\n,\ncity,sales\n\n" + "Bonn,1\n" * 5 + "\nBonn,?\n\n") == (
        "sales is text because of row 12: '?'.",)
    rows = [["Sales 2026"], [], ["city", "sales"], *[["Bonn", 1]] * 5, [], ["Bonn", "?"]]
    assert notes(workbook(*rows), "a.xlsx") == ("sales is text because of row 10: '?'.",)


def test_a_cell_far_down_is_named_and_the_others_counted():
    assert of_column(*NUMBERS * 2_000, "unknown", *NUMBERS * 2_000, "?", "unknown") == (
        "Salary is text because of row 12,002: 'unknown', and 2 more.",)


def test_the_same_for_dates():
    assert of_column(*["2026-05-01", "13.05.2026"] * 3, "soon") == ("Salary is text because of row 8: 'soon'.",)


@pytest.mark.parametrize("cells", [
    ["1", "2", "3", "4", "unknown"], ["1"] * 7 + ["a", "b"], ["1"] * 4 + [""] * 99 + ["a"],
    ["a"] * 2_000 + ["1"] * 7_999,
    ["1"] * 6_000 + ["a"] * 6_000, [str(n) + "x" for n in range(100)]])
def test_a_column_that_is_not_nearly_numbers_is_just_text(cells):
    assert of_column(*cells) == ()


def test_a_long_cell_is_cut_and_stays_on_its_line():
    assert of_column(*NUMBERS, "see\n " + "x" * 99) == (f"Salary is text because of row 8: 'see {'x' * 36}'.",)


def test_typed_cells_are_counted_too():
    rows = [["n", "day"], *[[1, date(2026, 5, 1)]] * 8, ["50667", 5], [True, "?"]]
    assert notes(workbook(*rows), "a.xlsx") == ("n is text because of row 10: '50667', and 1 more.",
                                                "day is text because of row 10: '5', and 1 more.")
    assert notes(json.dumps([{"n": 1}, {}] * 8 + [{"n": "x"}]), "a.json") == ("n is text because of row 17: 'x'.",)


@pytest.mark.parametrize("cell, order", [("03/04/2026", "month"), ("03.04.2026", "day"), ("3/4/26 10:30", "month")])
def test_dates_that_could_be_read_in_two_ways_are_named(cell, order):
    assert of_column("2026-05-05", cell, "", header="Date,x") == (
        f"Dates such as {cell} in Date were read with the {order} first.",)


@pytest.mark.parametrize("cells", [["03/04/2026", "13/04/2026"], ["05/05/2026"], ["2026-03-04"], ["3 Apr 2026"],
                                   ["03/04/2026", "x"]])
def test_dates_that_can_only_be_read_in_one_way_are_not(cells):
    assert of_column(*cells) == ()


def test_an_encoding_that_is_a_guess_is_named():
    assert notes("Größe,b\n1,2\n".encode("cp1252")) == (
        "Its letters were read as Western European (cp1252); if they look wrong, save it as UTF-8.",)
    assert notes("Größe,b\n1,2\n") == notes("Größe,b\n1,2\n".encode("utf-16")) == ()


def test_there_are_ten_at_most():
    assert notes(",".join(f"c{n}" for n in range(12)) + "".join(
        "\n" + ",".join([cell] * 12) for cell in ["1"] * 8 + ["?"]))[9:] == ("c9 is text because of row 10: '?'.",)


def test_a_layout_that_was_kept_without_notes_has_none():
    kept = table("a\n1\n")[0].as_json()
    del kept["notes"]
    assert Layout.from_json(kept).notes == ()
