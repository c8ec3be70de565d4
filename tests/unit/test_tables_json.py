import json
from datetime import date, datetime

import pytest

from app.tables import Unreadable
from tests.tables import columns, table


def read(value, name="table.json"):
    layout, rows = table(value if isinstance(value, str | bytes) else json.dumps(value), name)
    return [column.name for column in layout.columns], [column.type for column in layout.columns], rows


def test_a_list_of_objects_has_its_columns_in_order_of_appearance():
    assert read([{"b": 1, "a": "x"}, {"c": True, "b": None}]) == (
        ["b", "a", "c"], ["integer", "text", "boolean"], [[1, "x", None], [None, None, True]])


def test_an_object_may_hold_the_list():
    held = {"meta": {"rows": [1, 2]}, "tags": ["x"], "none": [], "data": [{"a": 1}], "next": None}
    assert read(held) == (["a"], ["integer"], [[1]])


def test_a_list_of_lists_has_a_header_if_all_of_its_first_row_is_text():
    assert read([["a", "b"], [1, 2.5]]) == (["a", "b"], ["integer", "number"], [[1, 2.5]])
    assert read([["x", 1], ["y", 2]]) == (["Column 1", "Column 2"], ["text", "integer"], [["x", 1], ["y", 2]])


def test_objects_within_are_flattened_and_lists_stay_json():
    assert read([{"a": {"b": {"c": 1}, "d": [1, {"é": None}]}}]) == (
        ["a.b.c", "a.d"], ["integer", "text"], [[1, '[1, {"é": null}]']])


def test_text_with_a_fraction_is_a_number_if_all_of_the_column_is():
    """As many APIs send money."""
    assert read([{"a": "12.33", "b": "1.00"}, {"a": "-0.50", "b": 2}, {"a": None}, {"a": ""}]) == (
        ["a", "b"], ["number", "number"], [[12.33, 1.0], [-0.5, 2.0]])


@pytest.mark.parametrize("text", ["5", "1,5", "$1.50", "1.5e3", "1.2.3", "01.50", "+1.50", "x"])
def test_other_text_in_the_column_leaves_it_text(text):
    assert read([{"a": "12.33"}, {"a": text}])[1:] == (["text"], [["12.33"], [text]])


def test_whole_numbers_in_text_are_never_numbers_but_text_may_be_a_date():
    names, types, rows = read([{"zip": "50667", "ok": "yes", "day": "2026-05-01", "month": "2026-05",
                                "at": "2026-05-01T10:00:00Z"}])
    assert types == ["text", "text", "date", "date", "datetime"]
    assert rows == [["50667", "yes", date(2026, 5, 1), date(2026, 5, 1), datetime(2026, 5, 1, 10)]]


def test_numbers_that_a_spreadsheet_would_round_stay_as_written():
    assert read('[{"id": 12345678901234567890, "n": 1e999}, {"id": 5, "n": 1}]')[2] == [
        ["12345678901234567890", "1e999"], ["5", "1"]]


def test_numbers_are_whole_if_all_of_the_column_is():
    assert read([{"a": 1.0, "b": 1}, {"a": 2, "b": 2.5}]) == (["a", "b"], ["integer", "number"], [[1, 1.0], [2, 2.5]])


def test_true_is_not_one():
    assert read([{"a": True}, {"a": 1}, {"a": 1.0}]) == (["a"], ["text"], [["true"], ["1"], ["1"]])


def test_nan_is_no_value():
    assert read('[{"a": NaN, "b": 1}, {"a": 1, "b": -Infinity}]')[2] == [[None, 1], [1, None]]


def test_what_files_cannot_hold_is_replaced():
    assert read('[{"a": "x\\u0000\\ud800y\\r\\nz", "b": "\\ud83d\\ude00"}]')[2] == [["x\ufffdy\nz", "\U0001f600"]]


def test_records_without_any_value_are_skipped():
    assert read([{}, {"a": None}, {"a": 1, "b": {}}, {"a": ""}])[2] == [[1]]


@pytest.mark.parametrize("name", ["table.ndjson", "table.jsonl", "table.json"])
def test_an_object_on_each_line(name):
    assert read('{"a": 1}\n\n{"a": 2, "b": "x"}\r\n', name) == (["a", "b"], ["integer", "text"], [[1, None], [2, "x"]])


@pytest.mark.parametrize("line", ["{'a': 1}", "[1]", '{"a": 1', '{"a": 1} {"a": 2}'])
def test_a_bad_line_is_named(line):
    with pytest.raises(Unreadable, match="^Line 3 "):
        read(f'{{"a": 1}}\n\n{line}\n', "table.ndjson")


@pytest.mark.parametrize("text, sentence", [
    ('[{"a": 1},\n{"a": 2,}]', "line 2"), ('[{"a": 1},\n\n{"a": 2}', "line 3"), ('[{"a": 1}] x', "line 1"),
    ('[{"a": 1} {"a": 2}]', "line 1"), ("{1: 2}", "line 1"), ("a,b\n1,2\n", "not JSON"), ("[1, 2]", "not all objects"),
    ('[{"a": 1}, 2]', "not all objects"), ('[{"a": 1}, [2]]', "not all objects"), ('"x"', "not JSON, or not a table"),
    ('{"a": 1}', "without a list"), ('{"a": [{"b": 1}], "c": [{"d": 1}]}', "more than one"), ("[]", "empty"),
    ("[" * 100_000, "too deeply"), ('[{"a":' + "[" * 100_000, "too deeply"), ('{"a":' * 100_000, "too deeply"),
    ("[" + ",".join(f'{{"{n}": 1}}' for n in range(1001)) + "]", "1,000 columns"),
    ("[" + json.dumps([1] * 1001) + "]", "1,000 columns")])
def test_what_is_no_table_is_refused_in_words(text, sentence):
    with pytest.raises(Unreadable, match=sentence):
        read(text)


def test_a_list_longer_than_what_is_read_at_once_is_read_whole():
    """Objects, numbers and white space are cut at every possible place."""
    for width in (1, 7, 13):
        records = [{"n": n, "text": "é" * (n % width), "wide": "x" * (n % 500)} for n in range(3_000)]
        text = json.dumps({"data": records, "more": 12345}, indent=width)
        assert [row[0] for row in read(text)[2]] == list(range(3_000))


def test_a_number_is_read_to_its_end_wherever_it_is_cut():
    for cut in range(65_530, 65_536):
        assert read('{"n":' + " " * (cut - 5) + '1234567, "data": [{"a": 1}]}')[2] == [[1]]


def test_an_object_larger_than_what_is_read_at_once():
    assert read([{"a": "x" * 300_000, "b": 1}])[2] == [["x" * 32_767, 1]]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings(encoding):
    assert columns('[{"größe": 1}]'.encode(encoding), "a.json") == {"größe": "integer"}
