"""Tables for the tests of reports, and what must hold for every document."""

from datetime import date, datetime
from math import isfinite

from app.report.analysis import analyse
from app.report.document import Document
from app.report.frame import Builder

PLAIN = {"text": str, "integer": int, "code": int, "number": float, "percent": float, "seconds": float, "date": date,
         "datetime": datetime, "boolean": bool, "empty": type(None)}
MADE_AT = datetime(2026, 1, 2, 3, 4)


def report(columns, rows, **asked) -> Document:
    builder = Builder(columns)
    builder.add(rows)
    document = analyse(builder.frame(), columns, title="Title", source="Source", made_at=MADE_AT, **asked)
    assert_sound(document)
    assert document.tables[-1].title == "Rows"
    assert len(document.tables[-1].rows) == len(rows)
    return document


def assert_sound(document):
    """Plain Python values, each of its column's type, and as many as there are places for."""
    for figure in document.figures:
        assert_plain(figure.value, figure.type)
    for chart in document.charts:
        assert len(chart.labels) > 1 and chart.series
        assert {type(label) for label in chart.labels} == {str}
        for series in chart.series:
            assert type(series.name) is str and len(series.values) == len(chart.labels)
            assert all(value is None or (type(value) in (int, float) and isfinite(value)) for value in series.values)
    for table in document.tables:
        names = [column.name for column in table.columns]
        assert len(set(names)) == len(names)
        rows = list(table.rows)
        assert len(rows) == len(table.rows)
        for row in rows + ([["Total", *table.total[1:]]] if table.total else []):
            assert type(row) is list and len(row) == len(names)
            for value, column in zip(row, table.columns):
                if value != "Total":
                    assert_plain(value, column.type)


def assert_plain(value, type_):
    assert value is None or type(value) is PLAIN[type_], (value, type_)
    assert not isinstance(value, float) or isfinite(value)


def charts(document):
    return {chart.title: (chart.kind, chart.labels, {series.name: series.values for series in chart.series})
            for chart in document.charts}


def tables(document):
    return {table.title: table for table in document.tables}


def names(table):
    return [column.name for column in table.columns]
