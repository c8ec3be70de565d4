"""What a person wants to know of the app's own jobs."""

from datetime import datetime

import pandas as pd

from app import states
from app.report.analysis import Checkpoint, figures, rows_table
from app.report.analysis.chart_data import chart
from app.report.analysis.grouping import Data, table
from app.report.document import Document, Figure, Table
from app.report.history import columns
from app.report.measures import Group, Measure

JOBS = Measure("count", name="Jobs")
WAITED, LONGEST_WAIT = Measure("median", "Waited", "Median wait"), Measure("max", "Waited", "Longest wait")
RAN, LONGEST_RUN = Measure("median", "Ran", "Median run"), Measure("max", "Ran", "Longest run")


def analyse_history(frame: pd.DataFrame, *, title: str, source: str, made_at: datetime,
                    checkpoint: Checkpoint = lambda: None) -> Document:
    """What to say of jobs when nothing is asked for; else `app.report.analysis.analyse` says it.

    Args:
        frame: from `app.report.frame.Builder(columns())`.
    """
    data, document = Data(frame, columns()), Document(title, source, made_at)
    checkpoint()
    document.figures.extend(_figures(data))
    by_state = chart(data, [Group("Day"), Group("State")], JOBS) or chart(data, [Group("State")], JOBS)
    document.charts.extend(drawn for drawn in (by_state, chart(data, [Group("Kind")], JOBS)) if drawn)
    for make in (_by_kind, _by_day, _failures):
        checkpoint()
        document.tables.extend(found for found in [make(data)] if found.rows)
    document.tables.append(rows_table(data, "Times are UTC."))
    return document


def _figures(data: Data) -> list[Figure]:
    state = data.frame["State"].astype(object)
    ended, succeeded, failed = (int(state.isin(which).sum())
                                for which in (states.FINISHED, [states.SUCCEEDED], [states.FAILED]))
    return [*figures(data, [JOBS]),
            Figure("Succeeded, of those that ended", succeeded / ended if ended else None, "percent"),
            Figure("Failed", failed, "integer"), *figures(data, [WAITED, LONGEST_WAIT, RAN])]


def _by_kind(data: Data) -> Table:
    return table(data, [Group("Kind"), Group("State")], [JOBS, WAITED, LONGEST_WAIT, RAN, LONGEST_RUN],
                 "By kind and state")


def _by_day(data: Data) -> Table:
    flags = {state: data.frame["State"].astype(object) == state for state in states.FINISHED}
    wide = Data(data.frame.assign(**flags), [*data.columns, *((state, "boolean") for state in flags)])
    ended = [Measure("sum", state, state.capitalize()) for state in flags]
    return table(wide, [Group("Day")], [JOBS, *ended, WAITED], "Per day")


def _failures(data: Data) -> Table:
    failed = Data(data.frame[data.frame["State"].astype(object) == states.FAILED], data.columns)
    return table(failed, [Group("Error"), Group("Kind")], [JOBS, Measure("max", "Finished", "Last seen")], "Failures")
