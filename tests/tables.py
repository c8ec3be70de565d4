"""Looks at a file and reads it, as the app does: what the one says must be what the other gives."""

import io
import json

from app import tables


def table(data, name="table.csv"):
    """Its layout and all of its rows."""
    file = io.BytesIO(data if isinstance(data, bytes) else data.encode())
    layout, first = tables.inspect(file, name)
    assert layout == (layout := tables.Layout.from_json(json.loads(json.dumps(layout.as_json()))))
    rows = [row for chunk in tables.read(file, layout, chunk=3) for row in chunk]
    assert rows[:10] == first
    assert len(rows) == layout.rows
    assert [row for chunk in tables.read(file, layout, skip=2) for row in chunk] == rows[2:]
    assert not file.closed
    return layout, rows


def columns(data, name="table.csv"):
    """Each column's name with its type."""
    return {column.name: column.type for column in table(data, name)[0].columns}


def column(*cells, delimiter=","):
    """The type and the values of a column with these cells, in CSV."""
    quoted = ('"' + cell.replace('"', '""') + '"' for cell in cells)
    layout, rows = table(f"name{delimiter}other\n" + "".join(f"{cell}{delimiter}x\n" for cell in quoted))
    return layout.columns[0].type, [row[0] for row in rows]
