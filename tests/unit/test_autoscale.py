"""How many workers: never out of bounds, up at once, down slowly, to and fro never, and back in time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.asking import Answer
from app.autoscale import DOWN_SECONDS, TICK_SECONDS, UP_SECONDS, State, spare, workers
from app.demand import START_SECONDS, number
from app.heroku import wait
from tests import day
from tests.day import BOOT_SECONDS, Work

COUNTS = st.integers(0, 200)
SECONDS = st.floats(0, 10_000)
STATES = st.builds(State, wait=SECONDS, hand=COUNTS, soon=COUNTS, next=SECONDS | st.just(math.inf),
                   workers=st.integers(0, 30), slots=st.integers(1, 16), quiet=SECONDS, highest=st.integers(0, 30))
BOUNDS = st.tuples(st.integers(0, 20), st.integers(1, 20)).map(sorted)
#: All that may pass before a worker more is there.
SLACK = UP_SECONDS + 2 * TICK_SECONDS + BOOT_SECONDS


@given(STATES, BOUNDS)
def test_never_outside_its_bounds_but_for_a_job_that_runs_there(state, bounds):
    least, most = bounds
    wanted = workers(state, least, most)
    assert wanted >= least
    assert wanted <= most or wanted == min(state.highest, state.workers) <= state.workers


@given(STATES, BOUNDS)
def test_no_worker_goes_that_runs_a_job(state, bounds):
    assert workers(state, *bounds) >= min(state.highest, state.workers)


@given(STATES, BOUNDS)
def test_down_by_one_and_only_after_a_quiet_time(state, bounds):
    least, most = bounds
    wanted = workers(state, least, most)
    if wanted < state.workers <= most:
        assert wanted == state.workers - 1 and state.quiet >= DOWN_SECONDS and spare(state)


@given(STATES, BOUNDS)
def test_up_in_one_step_to_a_slot_for_each_job(state, bounds):
    least, most = bounds
    if state.wait >= UP_SECONDS or state.workers == 0:
        assert workers(state, least, most) * state.slots >= min(state.hand, most * state.slots)


@given(STATES, BOUNDS)
def test_having_done_as_it_says_it_wants_no_more(state, bounds):
    """Whatever the load, when it stays: no step up follows a step, and none back up a step down."""
    least, most = bounds
    wanted = workers(state, least, most)
    again = workers(state._replace(workers=wanted, quiet=0.0), least, most)
    assert again == wanted


@given(st.integers(1, 40), st.integers(1, 8), st.integers(0, 10))
def test_under_a_steady_load_it_comes_to_rest(hand, slots, now):
    """So many jobs are always in hand; what has a slot does not wait."""
    seen, quiet = [now], 0.0
    for _ in range(2000):
        waits = 60.0 if hand > seen[-1] * slots else 0.0
        state = State(waits, hand, workers=seen[-1], slots=slots, quiet=quiet)
        seen.append(workers(state, 0, 10))
        quiet = quiet + TICK_SECONDS if spare(state) and seen[-1] == seen[-2] else 0.0
    assert seen[-1] == min(math.ceil(hand / slots), 10)
    steps = [b - a for a, b in zip(seen, seen[1:]) if a != b]
    assert len({step > 0 for step in steps}) <= 1, "in one direction only"


@pytest.mark.parametrize(("state", "wanted"), [
    (State(), 0),
    (State(hand=1), 1),
    (State(soon=1, next=START_SECONDS - 1), 1),
    (State(next=START_SECONDS + 1), 0),
    (State(workers=1, quiet=9999), 0),
    (State(workers=1, quiet=9999, next=DOWN_SECONDS - 1), 1),
    (State(workers=1, quiet=9999, hand=1, highest=1), 1),
    (State(workers=3, quiet=DOWN_SECONDS - 1), 3),
    (State(workers=3, quiet=9999, hand=1, highest=3), 3),
    (State(workers=3, quiet=9999, hand=1, highest=1), 2),
    (State(workers=1, hand=50, wait=UP_SECONDS - 1), 1),
    (State(workers=1, hand=50, wait=UP_SECONDS), 5),
])
def test_cases(state, wanted):
    assert workers(state, 0, 5) == wanted


@pytest.mark.parametrize("seed", range(3))
def test_a_day_of_bursts_makes_no_job_later_than_it_need_be_and_cuts_none(seed):
    work = day.bursts(seed)
    scaled, always = day.run(work, 0, 5, seed=seed), day.run(work, 5, 5, seed=seed)
    assert len(scaled.starts) == len(always.starts) == len(work)
    assert max(a - b for a, b in zip(scaled.starts, always.starts)) <= SLACK
    assert scaled.cut == 0
    assert scaled.hours < 24


def test_what_falls_due_in_a_sleeping_app_starts_on_time_and_what_comes_at_once_as_soon_as_a_worker_is_there():
    told = day.run([Work(3600, 0, 1), Work(7200, 7200, 1)], 0, 3, until=10_000)
    assert told.starts[0] == 3600
    assert told.starts[1] - 7200 <= BOOT_SECONDS + TICK_SECONDS
    assert [count for _, count in told.changes] == [1, 0, 1, 0]


def test_what_comes_every_minute_keeps_its_worker():
    told = day.run([Work(at, 0, 1) for at in range(600, 4200, 60)], 0, 3, until=6000)
    assert [count for _, count in told.changes] == [1, 0]


@pytest.mark.parametrize(("name", "dyno"), [
    ("worker.3-1f3a@host", 3), ("run.1234-1f3a@host", 0), ("urgent.2-1f3a@host", 0)])
def test_a_worker_tells_the_number_of_its_dyno(name, dyno):
    assert number(name) == dyno


@pytest.mark.parametrize("name", ["worker-1f3a@host", "", None])
def test_a_worker_without_a_number_could_be_any(name):
    assert number(name) > 1000


@pytest.mark.parametrize(("given_", "seconds"), [("7", 7), ("0", 1), ("99999", 300), ("soon", 30), ("", 30)])
def test_how_long_the_platform_wants_to_be_left_alone(given_, seconds):
    assert wait(Answer(429, {"Retry-After": given_}, {})) == seconds
