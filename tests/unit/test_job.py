"""What a job may say of its progress."""

import celery
import pytest

from app.job import Job


@celery.Celery("test", task_cls=Job, set_as_current=False).task(bind=True, name="test")
def task(self):
    """Has an app of its own, and no run."""



@pytest.mark.parametrize(("done", "total", "wrong"), [
    ("3", 10, "done is '3'"), (3, "10", "total is '10'"), (True, 10, "done is True"), (float("nan"), 10, "done is nan"),
    (3, float("inf"), "total is inf"), ([3], None, "done is")])
def test_progress_that_is_no_number_is_refused_with_what_is_wrong(done, total, wrong):
    with pytest.raises(TypeError, match=wrong):
        task.checkpoint(done, total)


@pytest.mark.parametrize(("done", "total"), [(None, None), (3, None), (3.5, 10), (-1, 0)])
def test_any_other_number_is_progress_and_the_total_may_be_unknown(done, total):
    task.checkpoint(done, total)
