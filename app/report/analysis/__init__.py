"""From a table to what a report says: just what was asked for, or else what a person would look at first."""

from collections.abc import Callable
from datetime import datetime

import numpy as np
import pandas as pd

from app.report.analysis import choice, names, periods, profile
from app.report.analysis.chart_data import ROWS, chart, share, spread
from app.report.analysis.grouping import Data, table
from app.report.analysis.plain import Rows
from app.report.analysis.profile import Profile
from app.report.document import Chart, Column, Document, Figure, Table
from app.report.measures import Columns, Group, Measure, check, parse_group, parse_measure

#: Measures that are chosen when none is asked for; and drawn, of all there are.
MOST_CHOSEN, MOST_DRAWN = 3, 4
#: Points of a line that is still a line, and not a scribble.
MOST_POINTS = 40

Checkpoint = Callable[[], None]


def analyse(frame: pd.DataFrame, columns: Columns, *, title: str, source: str, made_at: datetime,
            group_by: list[str] = (), measures: list[str] = (), checkpoint: Checkpoint = lambda: None) -> Document:
    """What to say of a table. The last table is always of all its rows.

    Args:
        frame: from `app.report.frame.Builder` of the same columns.
        checkpoint: called between steps of less than a second; what it raises goes through.

    Raises:
        ValueError: the table has no such columns; `app.report.measures.check` says so before.
    """
    problems = check(columns, group_by, measures)
    if problems:
        raise ValueError("; ".join(sentence for _, sentence in problems))
    groups, asked = [parse_group(text, columns) for text in group_by], [parse_measure(text) for text in measures]
    data, document = Data(frame, names.told_apart(frame, columns)), Document(title, source, made_at)
    with np.errstate(all="ignore"):  # what is out of range ends as empty
        profiles = [] if groups and asked else _profiles(data, checkpoint)
        if groups:
            _say_groups(document, data, groups, asked or [ROWS, *_chosen_measures(profiles, groups)], checkpoint)
        elif asked:
            _say_measures(document, data, profiles, asked, checkpoint)
        else:
            _say_all(document, data, profiles, checkpoint)
        document.tables.append(rows_table(data))
    return document


def rows_table(data: Data, note: str = "") -> Table:
    return Table("Rows", [Column(*column) for column in data.columns], Rows(data.frame, data.columns), note=note)


def figures(data: Data, measures: list[Measure]) -> list[Figure]:
    values = data.overall(measures)
    return [Figure(m.label, value, m.type(data.type(m.column))) for m, value in zip(measures, values)]


def _say_groups(document: Document, data: Data, groups: list[Group], measures: list[Measure],
                checkpoint: Checkpoint) -> None:
    checkpoint()
    document.tables.append(table(data, groups, measures, f"By {' and '.join(group.label for group in groups)}"))
    document.figures.extend(figures(data, [ROWS, *(measure for measure in measures[:MOST_DRAWN] if measure != ROWS)]))
    for measure in measures[:MOST_DRAWN]:
        checkpoint()
        _draw(document, chart(data, groups, measure, measures[0]))
    checkpoint()
    if len(groups) == 1 and not data.is_timely(groups[0]):
        _draw(document, share(data, groups[0], measures[0]))


def _say_measures(document: Document, data: Data, profiles: list[Profile], measures: list[Measure],
                  checkpoint: Checkpoint) -> None:
    document.tables.append(table(data, [], measures, "Overall"))
    document.figures.extend(figures(data, measures))
    for group in _chosen_groups(data, profiles):
        for measure in measures[:MOST_DRAWN]:
            checkpoint()
            _draw(document, chart(data, [group], measure))


def _say_all(document: Document, data: Data, profiles: list[Profile], checkpoint: Checkpoint) -> None:
    groups = _chosen_groups(data, profiles)
    chosen = _chosen_measures(profiles, groups)
    document.figures.extend([*figures(data, [ROWS]), *_period(profiles), *figures(data, chosen)])
    measures = [*chosen, ROWS]
    for group in groups:
        checkpoint()
        document.tables.append(table(data, [group], measures, f"By {group.label}"))
        _draw(document, chart(data, [group], measures[0]))
    checkpoint()
    for category in _shared(choice.categories(profiles)):
        group = Group(category.name)
        _draw(document, share(data, group, measures[0]) or share(data, group, ROWS))
    if groups:
        document.tables.append(profile.table(profiles))
    else:
        for measure in chosen:
            _draw(document, spread(data, measure.column))


def _profiles(data: Data, checkpoint: Checkpoint) -> list[Profile]:
    profiles = []
    for name, _ in data.columns:
        checkpoint()
        profiles.append(profile.profile(data, name))
    return profiles


def _chosen_measures(profiles: list[Profile], groups: list[Group]) -> list[Measure]:
    grouped = [group.column for group in groups]
    return [choice.measure(p) for p in choice.numbers(profiles) if p.name not in grouped][:MOST_CHOSEN]


def _chosen_groups(data: Data, profiles: list[Profile]) -> list[Group]:
    """The best category, and the best dates in the finest period that makes few enough points."""
    groups = [Group(p.name) for p in choice.categories(profiles)[:1]]
    for p in choice.dates(profiles)[:1]:
        group = Group(p.name, periods.fitting(p.smallest, p.largest, MOST_POINTS))
        if 2 <= len(data.aggregate([group], [])) <= MOST_POINTS:  # a wrong date far away may leave few of many years
            groups.append(group)
    return groups


def _shared(categories: list[Profile]) -> list[Profile]:
    """The one to show shares of, if any: another than in the bars, if there is one that is no label."""
    others = [category for category in categories[1:] if not choice.is_label(category)]
    return (others or categories)[:1]


def _period(profiles: list[Profile]) -> list[Figure]:
    return [Figure(f"{which} {p.name}", day, p.type)
            for p in choice.dates(profiles)[:1] for which, day in (("First", p.smallest), ("Last", p.largest))]


def _draw(document: Document, chart: Chart | None) -> None:
    if chart:
        document.charts.append(chart)
