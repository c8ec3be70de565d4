"""How one value stands in a cell of a workbook."""

import re
from datetime import date
from itertools import chain, count

from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from app.report.document import Type, Value
from app.report.formats.values import clean, missing, places

#: Excel counts days from 1900 and keeps 15 digits of a number; what it would change is written as text.
FIRST_YEAR, EXACT, LARGEST = 1900, 10 ** 15, 9.99e307
#: Of a cell and of a sheet's name, in UTF-16 units: an emoji is two.
CELL_UNITS, NAME_UNITS = 32_767, 31

NUMBER_FORMATS = {"integer": "#,##0", "code": "0", "number": "#,##0", "percent": "0", "seconds": '#,##0.0 "s"',
                  "date": "yyyy-mm-dd", "datetime": "yyyy-mm-dd hh:mm"}


def number_format(type: Type, values: list[Value]) -> str:
    """With as many decimals as these values need."""
    decimals = places(type, values)
    return NUMBER_FORMATS.get(type, "General") + ("." + "0" * decimals if decimals else "") + (
        "%" if type == "percent" else "")


def write(sheet: Worksheet, row: int, column: int, value: Value, format: Format) -> None:
    """Nothing where there is no value."""
    if missing(value):
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value, format)
    elif isinstance(value, int | float) and abs(value) < (EXACT if isinstance(value, int) else LARGEST):
        sheet.write_number(row, column, value, format)
    elif isinstance(value, date) and value.year >= FIRST_YEAR:
        sheet.write_datetime(row, column, value, format)
    else:
        write_text(sheet, row, column, str(value), format)


def write_text(sheet: Worksheet, row: int, column: int, text: str, format: Format) -> None:
    text = cut(clean(text), CELL_UNITS)
    if text.startswith("<r>") and text.endswith("</r>"):
        # The library takes this for formatted text of its own making and would copy it into the file as XML, formulas
        # and all. In two pieces it is escaped.
        sheet.write_rich_string(row, column, text[:1], format, text[1:], format)
    else:
        sheet.write_string(row, column, text, format)


def cut(text: str, units: int) -> str:
    return text if 2 * len(text) <= units else text.encode("utf-16-le")[:2 * units].decode("utf-16-le", "ignore")


def sheet_names(titles: list[str], taken: set[str]) -> list[str]:
    """A name for each title, as Excel allows and unlike all others."""
    taken, names = {name.casefold() for name in taken} | {"history"}, []
    for title in titles:
        plain = " ".join(re.sub(r"[\[\]:*?/\\]", " ", clean(title)).split())
        candidates = (_name(plain, suffix) for suffix in chain([""], (f" ({n})" for n in count(2))))
        names.append(next(name for name in candidates if name.casefold() not in taken))
        taken.add(names[-1].casefold())
    return names


def _name(plain: str, suffix: str) -> str:
    return (cut(plain.strip("' "), NAME_UNITS - len(suffix)).strip("' ") or "Table") + suffix
