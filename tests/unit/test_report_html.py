import re

import pytest
from bs4 import BeautifulSoup

from app.report.document import Column, Table
from app.report.formats import render
from app.report.formats.html import summary
from tests.unit.documents import EVIL, MADE_AT, SALES, UGLY, chart, document, everywhere, table


def read(document) -> BeautifulSoup:
    return BeautifulSoup(render(document, "html"), "html.parser")


def test_it_says_what_the_report_says():
    page = read(SALES)
    assert page.html["lang"] == "en"
    assert page.title.text == page.h1.text == "Sales"
    assert page.select_one(".made").text == "Made 23 November 2026, 14:05 UTC from sales.csv, 3 rows"
    assert [(row.dt.text, row.dd.text) for row in page.select(".figures div")] == [
        ("Revenue", "1,229.25"), ("Nothing", "–")]
    assert [heading.text for heading in page.select("figure h2")] == ["Bars", "Line", "Share"]
    assert [caption.text for caption in page.select("caption")] == ["By region", "Rows"]


def test_a_table_is_one_for_people_who_listen_to_it_and_numbers_stand_at_the_right():
    first = read(SALES).table
    assert [(head.text, head["scope"], head.get("class")) for head in first.thead.find_all("th")][2:5] == [
        ("At", "col", None), ("Orders", "col", ["n"]), ("Revenue", "col", ["n"])]
    assert [cell.text for cell in first.tbody.tr.find_all("td")] == [
        "North", "2026-01-02", "2026-01-02 03:04", "1,200", "1,234.50", "62.5 %", "yes"]
    assert [cell.text for cell in first.tfoot.find_all("td")][3:6] == ["1,200", "1,229.25", "100.0 %"]


def test_numbers_dates_and_short_words_are_never_broken_and_only_very_long_words_are():
    long = "w" * 31
    page = read(document(table({"n": "number", "d": "date", "t": "datetime", "s": "text", "l": "text"},
                               [1.5, MADE_AT.date(), MADE_AT, "2026-W05", f"A text of more words {long}"])))
    assert [cell.get("class") for cell in page.tbody.find_all("td")] == [["whole", "n"], *[["whole"]] * 3, None]
    rules = page.style.text
    assert "anywhere" not in re.search(r"th, td \{[^}]*\}", rules)[0]  # it makes the least width that of one letter
    assert re.search(r"td.whole {[^}]*white-space: nowrap; }", rules)
    assert page.tbody.find_all("td")[4].decode_contents() == f"A text of more words {'w' * 30}<wbr/>w"


def test_a_number_that_is_a_name_stands_at_the_right_as_it_is():
    cell = read(document(table({"Year": "code"}, [2024]))).td
    assert (cell.text, cell["class"]) == ("2024", ["whole", "n"])


def test_on_paper_no_heading_stands_alone_at_the_foot_of_a_page():
    rules = read(SALES).style.text.partition("@media print")[2]
    assert re.search(r"h2, caption, thead[^{]*\{ break-after: avoid; }", rules)


def test_on_paper_which_does_not_scroll_words_break_rather_than_leave_the_page_but_not_in_narrow_columns():
    rules = read(SALES).style.text.partition("@media print")[2]
    assert re.search(r"td \{ min-width: [1-9]rem; overflow-wrap: anywhere; }", rules)


def test_charts_are_drawings_with_a_name_and_styles_of_their_own():
    page = read(SALES)
    assert [box["aria-label"] for box in page.select("[role=img]")] == ["Chart: Bars", "Chart: Line", "Chart: Share"]
    names = [drawing["id"] for drawing in page.find_all("svg")]
    assert len(set(names)) == 3
    for drawing in page.find_all("svg"):
        rules = re.findall(r"([^{}]+)\{", drawing.style.text)
        assert rules and all(f"#{drawing['id']}" in rule for rule in rules)


@pytest.mark.parametrize("text", [*EVIL, "plain"])
def test_no_text_is_markup_and_nothing_is_fetched(text):
    answer = render(everywhere(text), "html").decode()
    page = BeautifulSoup(answer, "html.parser")
    same = BeautifulSoup(render(everywhere("plain"), "html"), "html.parser")
    assert shape(page) == shape(same)
    assert not page.find_all(["script", "link", "img", "iframe", "foreignobject", "image", "use", "a"])
    for tag in page.find_all(True):
        for name, value in tag.attrs.items():
            assert not name.startswith("on"), tag
            assert name not in ("href", "src", "xlink:href", "xmlns"), tag
            assert name in ("aria-label", "content") or "http" not in str(value), tag
    assert "url(" not in answer and "@import" not in answer


def shape(page):
    """The class of a cell goes by the length of its texts."""
    return [(tag.name, sorted({*tag.attrs} - {"class"})) for tag in page.find_all(True) if not tag.find_parent("svg")]


def test_a_long_table_shows_its_beginning_and_says_so():
    rows = [[i] for i in range(1_001)]
    page = read(document(table({"a": "integer"}, *rows), table({"a": "integer"}, *rows, note="As sold.")))
    assert [len(body.find_all("tr")) for body in page.select("tbody")] == [1_000, 200]
    assert [note.text for note in page.select(".note")] == [
        "The first 1,000 of 1,001 rows; XLSX and CSV have all.", "As sold.",
        "The first 200 of 1,001 rows; XLSX has all."]


def test_a_table_without_rows_says_so_and_texts_may_stand_at_the_right():
    empty = table({"a": "text"})
    empty.columns.append(Column("b", "text", is_right=True))
    page = read(document(empty, Table("Texts", empty.columns, [["x", "a long text"]])))
    assert [note.text for note in page.select(".note")] == ["There are no rows."]
    assert [head.get("class") for head in page.table.find_all("th")] == [None, ["n"]]
    assert page.select("td")[1]["class"] == ["whole", "n"]


def test_only_the_rows_that_are_shown_are_read():
    class Rows:
        def __len__(self): return 10 ** 9
        def __contains__(self, _): raise NotImplementedError

        def __iter__(self):
            for number in range(1_000):
                yield [number]
            raise AssertionError("one row too many")

    report = document(table({"a": "integer"}))
    object.__setattr__(report.tables[0], "rows", Rows())
    assert "of 1,000,000,000 rows" in render(report, "html").decode()


@pytest.mark.parametrize("name", UGLY)
def test_ugly_data_still_makes_a_page_and_the_same_bytes_each_time(name):
    first = render(UGLY[name], "html")
    assert BeautifulSoup(first, "html.parser").h1
    assert first == render(UGLY[name], "html")


def test_an_email_has_the_figures_and_the_beginning_of_the_first_table():
    long = document(table({"a": "text", "n": "number"}, *([f"row {i}", i] for i in range(99)), total=["Sum", 7]),
                    table({"b": "text"}, ["elsewhere"]), figures=SALES.figures, charts=[chart()])
    html, text = summary(long)
    for body in (BeautifulSoup(html, "html.parser").get_text(" "), text):
        for words in ("Sales", "1,229.25", "row 14", "Sum", "The first 15 of 99 rows", "The whole report is attached."):
            assert words in body
        assert "row 15" not in body and "elsewhere" not in body
    assert not re.search(r"<(svg|style|script|img|link)|class=|http", html)


@pytest.mark.parametrize("report", [*UGLY.values(), *map(everywhere, EVIL)])
def test_an_email_stays_short_and_is_no_markup_of_others(report):
    html, text = summary(report)
    assert len(html) < 60_000
    assert not BeautifulSoup(html, "html.parser").find_all(["script", "svg"])
    assert text.endswith("The whole report is attached.\n")


def test_an_email_stays_short_when_each_character_takes_five():
    bad = '"' * 10_000
    wide = table({bad + str(i): "text" for i in range(90)}, *[[bad] * 90] * 99, title=bad, note=bad, total=[bad] * 90)
    report = document(wide, title=bad, source=bad, figures=everywhere(bad).figures * 99)
    assert len(summary(report)[0]) < 60_000
