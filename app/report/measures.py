"""What a report is asked to say: groups ("Region", "Date:month") and measures ("sum:Sales", "count").

The web checks a request with it, so it must stay free of pandas.
"""

from dataclasses import dataclass

from app.report.document import NUMERIC, Type

Columns = list[tuple[str, Type]]

DATES = ("date", "datetime")
PERIODS = ("day", "week", "month", "quarter", "year")
#: The types of column that each measure can be taken of, and how those are called in a sentence; None: of any.
OPS = {
    "sum": ((*NUMERIC, "boolean"), "a column of numbers"),
    "mean": ((*NUMERIC, "boolean"), "a column of numbers"),
    "median": (NUMERIC, "a column of numbers"),
    "min": ((*NUMERIC, *DATES), "a column of numbers or dates"),
    "max": ((*NUMERIC, *DATES), "a column of numbers or dates"),
    "count": (None, ""),
}
MOST_GROUPS = 2
MOST_MEASURES = 12


class NotPossible(Exception):
    """The report that was asked for cannot be made of this table. The text says why."""


@dataclass(frozen=True)
class Measure:
    """`column` None counts rows; "count" of a column counts its filled cells."""

    op: str
    column: str | None = None
    #: What to call it, where that is not made of the above.
    name: str = ""

    @property
    def label(self) -> str:
        return self.name or ("Rows" if self.column is None else f"{self.op.capitalize()} of {self.column}")

    def type(self, of: Type) -> Type:
        """The type of the measure of a column of type `of`."""
        if self.op == "count" or (self.op == "sum" and of == "boolean"):
            return "integer"
        if of == "boolean":
            return "percent"  # the mean: the share of yes
        if of == "code" and self.op == "sum":
            return "integer"
        return "number" if of == "empty" or (of in ("integer", "code") and self.op in ("mean", "median")) else of


@dataclass(frozen=True)
class Group:
    column: str
    period: str | None = None

    @property
    def label(self) -> str:
        """As in "Month (Ordered)", or just "Month" where the column is called so."""
        if not self.period or self.column.casefold() == self.period:
            return self.column
        return f"{self.period.capitalize()} ({self.column})"


def parse_measure(text: str) -> Measure:
    """Raises ValueError, with a sentence for the person who asked."""
    op, colon, column = text.partition(":")
    if op not in OPS:
        raise ValueError(f"{op!r} is no measure; there are {', '.join(OPS)}")
    if not colon and op != "count":
        raise ValueError(f"{op} needs a column, as in {op}:Sales")
    return Measure(op, column if colon else None)


def parse_group(text: str, columns: Columns) -> Group:
    """A column, or a column of dates and a period. Raises ValueError, with a sentence for the person who asked."""
    types = dict(columns)
    name, _, period = text.rpartition(":")
    if text in types:
        return Group(text)
    if name not in types:
        raise ValueError(_unknown(text, columns))
    if period not in PERIODS:
        raise ValueError(f"{period!r} is no period; there are {', '.join(PERIODS)}")
    if types[name] not in (*DATES, "empty"):
        raise ValueError(f"{period} needs a column of dates; {name!r} is {types[name]}")
    return Group(name, period)


def check(columns: Columns, group_by: list[str], measures: list[str]) -> list[tuple[str, str]]:
    """What is wrong with a request for a report on these columns: (field, sentence), none when all is well."""
    problems = []
    if len(group_by) > MOST_GROUPS:
        problems.append(("group_by", f"at most {MOST_GROUPS} columns can be grouped by"))
    if len(measures) > MOST_MEASURES:
        problems.append(("measures", f"at most {MOST_MEASURES} measures fit in a report"))
    seen = set()
    for field, texts, parse in (("group_by", group_by, _grouped), ("measures", measures, _measured)):
        for position, text in enumerate(texts):
            try:
                what = parse(text, columns)
                if what in seen:
                    raise ValueError(f"{text!r} is there twice")
                seen.add(what)
            except ValueError as error:
                problems.append((f"{field}.{position}", str(error)))
    return problems


def _grouped(text: str, columns: Columns) -> str:
    return parse_group(text, columns).column  # by year and month of one column: the months say it all


def _measured(text: str, columns: Columns) -> Measure:
    measure, types = parse_measure(text), dict(columns)
    if measure.column is None:
        return measure
    if measure.column not in types:
        raise ValueError(_unknown(measure.column, columns))
    of, (allowed, words) = types[measure.column], OPS[measure.op]
    # A column that happens to be empty this time may be asked for: the answer is then empty too.
    if allowed and of not in (*allowed, "empty"):
        raise ValueError(f"{measure.op} needs {words}; {measure.column!r} is {of}")
    return measure


def _unknown(name: str, columns: Columns) -> str:
    names = [name for name, _ in columns]
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return f"there is no column {name!r}; there are {', '.join(names[:20])}{more}"
