"""What the demo buttons make."""

from collections import Counter

import pytest

from app.config import Settings
from app.kinds import kinds
from app.queue import make_celery
from app.web.demos import COUNTS, mix


def test_of_ten_most_are_short_and_the_rest_show_what_can_happen():
    jobs = mix(10)
    assert Counter(job.params["fail"] for job in jobs) == {"never": 7, "always": 2, "once": 1}
    assert sum(job.delay is not None for job in jobs) == 2
    assert sum(10 <= job.params["seconds"] <= 25 for job in jobs) == 2
    assert sum(1 <= job.params["seconds"] <= 5 for job in jobs) == 8
    assert [job.params["label"] for job in jobs][5:7] == ["demo 6 of 10: slow", "demo 7 of 10: short"]


def test_fifty_are_five_times_as_many_of_each_and_spread():
    jobs = mix(50)
    assert Counter(job.params["fail"] for job in jobs) == {"never": 35, "always": 10, "once": 5}
    delays = [job.delay for job in jobs if job.delay is not None]
    assert len(set(delays)) == len(delays) == 10
    assert min(delays) >= 10 and max(delays) <= 60
    assert len({job.params["seconds"] for job in jobs}) > 10


@pytest.mark.parametrize("count", COUNTS)
def test_the_kind_takes_each_of_them(count):
    demo = kinds(make_celery(Settings.from_env({"APP_ENV": "development"})))["demo"]
    jobs = mix(count)
    assert len(jobs) == count
    for job in jobs:
        demo.params.model_validate(job.params, strict=True)


def test_one_is_plain():
    (job,) = mix(1)
    assert (job.params["seconds"], job.delay, job.params.get("fail")) == (8, None, None)
