import pytest

from app.tables import Unreadable
from tests.tables import columns, table


@pytest.mark.parametrize("encoding, found", [("utf-8", "utf-8-sig"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16"),
                                             ("cp1252", "cp1252")])
def test_the_encoding_is_found(encoding, found):
    layout, rows = table("Größe,Preis\ngroß,5 €\nüber,6 €\n".encode(encoding))
    assert (layout.encoding, layout.columns[0].name, rows) == (found, "Größe", [["groß", 5], ["über", 6]])


def test_one_byte_that_is_not_utf8_at_the_very_end_decides():
    layout, rows = table(b"a,b\n" + b"x,1\n" * 200_000 + b"\x80,2\n")
    assert (layout.encoding, rows[-1]) == ("cp1252", ["€", 2])


def test_utf8_is_found_wherever_its_characters_are_cut():
    layout, rows = table("a\n" + ("€" * 1_001 + "\n") * 300)
    assert (layout.encoding, rows[-1][0]) == ("utf-8-sig", "€" * 1_001)


def test_bytes_that_cp1252_does_not_have_are_taken_as_latin1():
    assert table(b"a,b\n\x80\x81\x8d\x8f\x90\x9d,2\n")[1] == [["€\x81\x8d\x8f\x90\x9d", 2]]


@pytest.mark.parametrize("data", [b"a,b\n1,\0\n", b"a,b\n" + b"1,2\n" * 100_000 + b"\0",
                                  b"a,b\n" + b"\x80,2\n" * 100_000 + b"\0", bytes(range(1, 256)) * 9,
                                  "a,b\n1,2\n".encode("utf-16-le")])
def test_what_is_no_text_is_refused(data):
    with pytest.raises(Unreadable, match="not a text file"):
        table(data)


def test_control_characters_are_removed():
    assert table("a,b\n\x01x\x0by\x7f\ufffe,2\n\x02,3\n")[1] == [["xy", 2], [None, 3]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(delimiter):
    text = 'city,note,sales\nBonn,"a;b\t|, c",3\nKöln,,4\n'.replace(",", delimiter)
    layout, rows = table(text)
    assert (layout.delimiter, len(layout.columns), [row[2] for row in rows]) == (delimiter, 3, [3, 4])


@pytest.mark.parametrize("text, delimiter", [
    ("a;b\n1,5;2,5\n3,5;4,5\n", ";"), ("1,5;2,5\n3,5;4,5\n", ";"), ("a,b\nx; y,1\nz,2\n", ","),
    ("a,b,c\n1\n1,2\n1,2,3\n1,2,3,4\n", ","), ("Title\n\na;b;c\n1,5;2;3\n", ";"), ("a\tb\nx, y\t1\nz, w\t2\n", "\t")])
def test_the_delimiter_is_the_one_that_most_rows_agree_on(text, delimiter):
    assert table(text)[0].delimiter == delimiter


def test_a_file_may_have_one_column():
    assert table("note\nyes, please\nno\nwell, well, well; perhaps\n")[1] == [
        ["yes, please"], ["no"], ["well, well, well; perhaps"]]


@pytest.mark.parametrize("line", ["sep=|\n", '"sep=|"\r\n', "SEP=|\n"])
def test_excels_sep_line_is_obeyed(line):
    layout, rows = table(line + "a,a|b\n1,5|x\n")
    assert ([column.name for column in layout.columns], rows) == (["a,a", "b"], [[1.5, "x"]])
    assert columns(line + "name\nx\n") == {"name": "text"}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_any_line_end_will_do_and_quoted_cells_hold_anything(end):
    text = end.join(["a,b", '"x, ""y""', '  z",1', '"",2', 'w", 3', 'plain,4', ""])
    assert table(text)[1][0] == ['x, "y"\n  z', 1]


def test_a_quote_within_a_cell_is_only_a_quote():
    assert table('a,b\n5" pipe,1\n"5"" pipe",2\n')[1] == [['5" pipe', 1], ['5" pipe', 2]]


def test_a_quote_after_a_space_opens_a_cell():
    assert table('a, b\nx, "y, z"\n')[1] == [["x", "y, z"]]


def test_white_space_around_a_cell_does_not_count():
    assert table("a,b\n x , 1 \n\t, \n")[1] == [["x", 1]]


def test_a_quote_that_is_never_closed_is_named_by_its_line():
    with pytest.raises(Unreadable, match="^Line 3 "):
        table('a,b\n1,2\n"x,3\n4,5\n6,7\n')
    with pytest.raises(Unreadable, match="^Line 3 "):
        table('a,b\n1,2\n"x,3\n' + "4,5\n" * 100_000)


def test_a_quote_left_open_where_the_file_was_cut_off_costs_nothing():
    assert table('a,b\n1,x\n2,"y')[1] == [[1, "x"], [2, "y"]]


def test_a_long_cell_is_cut_and_an_endless_line_refused():
    assert table("a,b\n" + "x" * 40_000 + ",1\n")[1] == [["x" * 32_767, 1]]
    with pytest.raises(Unreadable, match="^Line 2 "):
        table("a,b\n" + "x," * 1_000_001)


def test_a_name_without_a_known_ending_is_read_by_its_content():
    assert columns("a;b\n1;2\n", "export") == {"a": "integer", "b": "integer"}
    assert columns('[{"a": 1}]', "export.dat") == {"a": "integer"}
