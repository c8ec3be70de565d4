"""Reports for the tests of their formats."""

from datetime import UTC, datetime

from app.report.document import Chart, Column, Document, Figure, Series, Table

MADE_AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)

#: What would be markup, code or a formula, were it not text.
EVIL = ['=HYPERLINK("http://evil","x")', "<script>alert(1)</script>", '#eval("1+1") #{1+1}', "{{7*7}}{% raw %}",
        "$x$ *b* _i_", "] [", "a\x00b\x01\ud800c", '" onmouseover="alert(1)', "]]>&lt;", "'x'", "+1", "-2", "\t=1",
        "＝1+1", "\\u{41} /* // -->", '<r><t>a</t></r></is></c><c r="Z9"><f>1+1</f></c><c r="Z8"><is><r></r>']

#: Of each script that app/report/formats/fonts is for.
SCRIPTS = ["Grüße", "Ελληνικά", "Кириллица", "שלום", "العربية", "中文测试", "レポート",
           "한국어값", "ภาษาไทย", "हिन्दी", "🙂🎉"]


def document(*tables: Table, charts=(), figures=(), title="Sales", source="sales.csv, 3 rows") -> Document:
    return Document(title, source, MADE_AT, list(figures), list(charts), list(tables))


def table(types: dict[str, str], *rows: list, title="By region", **more) -> Table:
    """`types` are the columns: name and type."""
    return Table(title, [Column(name, type) for name, type in types.items()], list(rows), **more)


def chart(kind="bar", values=(1, 2.5, None), *, title="Chart", labels=None, name="Revenue", series=1) -> Chart:
    labels = labels or [f"Label {number}" for number in range(len(values))]
    return Chart(kind, title, labels, [Series(name, list(values))] * series)


SALES = document(
    table({"Region": "text", "Day": "date", "At": "datetime", "Orders": "integer", "Revenue": "number",
           "Share": "percent", "Open": "boolean"},
          ["North", datetime(2026, 1, 2).date(), datetime(2026, 1, 2, 3, 4), 1200, 1234.5, 0.625, True],
          ["Süd ñ", datetime(1850, 1, 2).date(), None, 10 ** 16, -5.25, 0.375, False],
          [None] * 7,
          total=["Total", None, None, 1200, 1229.25, 1, None]),
    table({"Row": "integer"}, *([number] for number in range(40)), title="Rows"),
    charts=[chart("bar", title="Bars"), chart("line", title="Line"), chart("share", (1, 3), title="Share"),
            chart("bar", (None, None), title="Nothing to draw")],
    figures=[Figure("Revenue", 1229.25, "number"), Figure("Nothing", None, "number")])


def everywhere(text: str) -> Document:
    """The text in every place where one can stand."""
    return document(
        table({text: "text", "n": "number"}, [text, text], title=text, note=text, total=[text, text]),
        charts=[chart(kind, (1, 2), title=text, labels=[text, "b"], name=text, series=series)
                for kind in ("bar", "line", "share") for series in (1, 2)],
        figures=[Figure(text, text, "text")], title=text, source=text)


#: Shapes that data of real people has.
UGLY = {
    "no tables": document(),
    "no columns": document(table({})),
    "no rows": document(table({"a": "text", "b": "number"})),
    "one row": document(table({"a": "text"}, ["x"])),
    "nothing in it": document(table({"a": "empty", "b": "number", "c": "date"}, [None] * 3, [None] * 3)),
    "60 columns": document(table({f"Column number {i}": "number" for i in range(60)}, *[[1.5] * 60] * 30)),
    "3,000 rows": document(table({"a": "text", "b": "integer"}, *([f"row {i}", i] for i in range(3000)))),
    "long words": document(table({"a" * 500: "text", "b": "text"}, ["w" * 500, "Ж" * 500], ["x" * 40_000, "-" * 500],
                                 ["🙂" * 33_000, "中" * 500]), title="t" * 500, source="s" * 500),
    "no numbers": document(table({t: t for t in ("number", "integer", "percent", "seconds")}, *(
        [value] * 4 for value in (float("nan"), float("inf"), float("-inf"), 1e308, 5e-324)))),
    "old and odd dates": document(table({"date": "date", "datetime": "datetime"},
                                        [datetime.min.date(), datetime.min], [datetime.max.date(), MADE_AT])),
    "charts": document(charts=[
        chart(kind, values, series=series) for kind in ("bar", "line", "share") for series in (1, 9)
        for values in ((5,), range(-50, 50), (1, None, 3), (0, 0), (-1, -2), (1e300, 1), (1e-9,), (float("nan"), 2),
                       ())]),
    "scripts": everywhere(" ".join(SCRIPTS)),
    "no font has it": document(table({"\U0010fffd": "text"}, ["ᚠ\ue000\u200d\u0301"])),
}
