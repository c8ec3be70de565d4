"""Deleting jobs, with the files that they have made."""

import logging
from collections.abc import Iterable

from celery import Celery

from app import states
from app.files import Away, named_in
from app.record import result_file
from app.store import Store, batches

logger = logging.getLogger(__name__)


def delete(celery: Celery, ids: Iterable[str]) -> list[str]:
    """Forget those of the jobs that have finished, and their files, but for what another job is to work on.

    Returns the ids that are gone.
    """
    gone, files = [], set()
    for some in batches(ids):
        results = dict(zip(some, celery.store.results(some)))
        deleted = celery.store.act("delete", some)
        gone += deleted
        files.update(file["id"] for id in deleted if (file := result_file({"result": results[id]})))
    for file in files - files_in_use(celery.store) if files else ():
        try:
            celery.files.delete(file)
        except Away as error:
            logger.warning("file %s: it stays until it expires: %s", file, error)
    return gone


def files_in_use(store: Store) -> set[str]:
    """Ids of the files that an unfinished job or a schedule names."""
    waiting = (store.files_named(state) for state in states.ALL if state not in states.FINISHED)
    schedules = (named_in(entry["params"]) for entry in store.schedules())
    return set().union(*waiting, *schedules)
