import re
from io import BytesIO

import pypdf
import pypdfium2
import pytest

from app.report.formats import render
from app.report.formats.values import clean
from tests.unit.documents import EVIL, SALES, SCRIPTS, UGLY, document, everywhere, table


def read(document) -> pypdf.PdfReader:
    return pypdf.PdfReader(BytesIO(render(document, "pdf")))


def words(reader: pypdf.PdfReader) -> str:
    return "\n".join(page.extract_text() for page in reader.pages)


def test_it_says_what_the_report_says_in_the_order_of_all_formats():
    text = words(read(SALES))
    says = ["Sales", "Made 23 November 2026, 14:05 UTC from sales.csv, 3 rows", "1,229.25", "Bars", "Line", "Share",
            "By region", "North", "2026-01-02 03:04", "1,200", "1,234.50", "62.5 %", "yes", "Total", "Rows"]
    places = [text.index(words, text.index(says[i - 1]) if i else 0) for i, words in enumerate(says)]
    assert places == sorted(places)
    assert "Nothing to draw" not in text


def test_title_date_language_and_tags_are_for_programs_to_read():
    reader = read(SALES)
    assert reader.metadata.title == "Sales"
    assert reader.metadata.creation_date.isoformat() == "2026-11-23T14:05:00+00:00"
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]


def test_pages_are_numbered_and_repeat_the_title_and_the_head_of_a_table():
    reader = read(document(table({"Customer": "text"}, *([f"c{i}"] for i in range(200))), title="Customers of 2026"))
    pages = [page.extract_text() for page in reader.pages]
    assert len(pages) > 2
    for number, text in enumerate(pages, 1):
        assert f"{number} of {len(pages)}" in text
        assert "Customers of 2026" in text
        assert "Customer\n" in text


def test_a_wide_table_lies_across_and_a_wider_one_is_taken_apart_each_part_with_the_first_column():
    narrow, wide, wider = (read(document(table(
        {"Key": "text"} | {f"Column number {i}": "number" for i in range(columns)}, ["k1"] + [123456.5] * columns)))
        for columns in (3, 11, 60))
    assert [reader.pages[0].mediabox.width < reader.pages[0].mediabox.height for reader in (narrow, wide, wider)] == [
        True, False, False]
    assert "Columns" not in words(wide)
    parts = words(wider).count("Columns ")
    assert parts > 2
    assert words(wider).count("k1") == parts


@pytest.mark.parametrize("rows, columns, shown", [(3_000, 2, 1_000), (1_001, 1, 1_000), (3_000, 40, 122)])
def test_a_long_table_shows_its_beginning_and_says_so(rows, columns, shown):
    report = document(table({f"c{i}": "text" for i in range(columns)},
                            *([f"r{i}"] + [""] * (columns - 1) for i in range(rows))))
    text = words(read(report))
    assert f"The first {shown:,} of {rows:,} rows; XLSX and CSV have all." in text
    assert f"r{shown - 1}" in text
    assert f"r{shown}" not in text.replace("\n", " ").split()


def test_of_long_texts_fewer_rows_are_there_as_they_take_more_memory():
    text = words(read(document(table({"a": "text"}, *(["word " * 100] for _ in range(1_000))))))
    (shown,) = re.findall(r"The first (\d+) of 1,000 rows", text)
    assert 600 < int(shown) < 900


def test_of_the_rows_behind_other_tables_only_the_first_fifty_are_there():
    text = words(read(document(table({"a": "text"}, ["x"]), table({"b": "text"}, *([f"r{i}"] for i in range(99))))))
    assert "The first 50 of 99 rows; XLSX has all." in text
    assert "r49" in text.split() and "r50" not in text.split()


def test_a_heading_and_its_note_stay_with_their_table():
    for rows in range(34, 48):  # so that the page ends at each place of the second table
        report = document(table({"a": "text"}, *([f"q{i}"] for i in range(rows))),
                          table({"b": "text"}, *([f"r{i}"] for i in range(99)), title="All rows"))
        [page] = [text for page in read(report).pages if "All rows" in (text := page.extract_text())]
        assert "r0" in page.split(), rows


def test_a_word_longer_than_its_column_is_broken_and_stays_on_the_page():
    """A word without a place to break would leave the page at the right."""
    reader = pypdfium2.PdfDocument(render(UGLY["long words"], "pdf"))
    for page in reader:
        text = page.get_textpage()
        width = page.get_width()
        assert all(text.get_charbox(i)[2] < width - 30 for i in range(text.count_chars()))


@pytest.mark.parametrize("text", EVIL)
def test_no_text_is_code(text):
    reader = read(everywhere(text))
    assert reader.metadata.title == clean(text)
    shown = "".join(words(reader).replace("\u200b", "").split())
    # The title, and twice in the table; in cards, lines may come in another order.
    assert shown.count("".join(clean(text).replace("\ufffd", "").split())) >= 3 or "\ufffd" in clean(text)


def test_every_script_that_the_fonts_are_for_is_shown():
    reader = read(document(table({"Text": "text"}, *([script] for script in SCRIPTS))))
    fonts = {font for page in reader.pages for font in _fonts(page)}
    for name in ("NotoSans-Regular", "NotoSansHebrew", "NotoSansArabic", "NotoSansThai", "DroidSansFallback",
                 "NotoEmoji"):
        assert any(name in font for font in fonts), (name, fonts)
    assert "Кириллица" in words(reader)
    assert "中文测试" in words(reader)


def _fonts(page):
    return [font.get_object()["/BaseFont"] for font in page["/Resources"]["/Font"].values()]


def test_korean_is_set_in_its_own_font_and_not_from_the_few_letters_of_another():
    fonts = [font for page in read(document(title="값")).pages for font in _fonts(page)]
    assert any("NanumGothicCoding" in font for font in fonts)
    assert not any("Droid" in font for font in fonts)


@pytest.mark.parametrize("name", UGLY)
def test_ugly_data_still_makes_pages_and_the_same_bytes_each_time(name):
    first = render(UGLY[name], "pdf")
    assert len(pypdf.PdfReader(BytesIO(first)).pages) >= 1
    assert first == render(UGLY[name], "pdf")
