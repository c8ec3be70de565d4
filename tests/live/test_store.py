"""Every move of a job, and what it refuses. The clock is the test's: nothing here sleeps."""

import json
from types import SimpleNamespace

import pytest
from redis.exceptions import OutOfMemoryError

from app import states
from app.store import PREFIX
from app.timers import Timers
from tests.stores import MESSAGE, fail, start, state, submit


def swept(store):
    return [(run.id, run.state) for run in store.sweep_leases(10)]


def test_a_job_due_now_is_queued_and_one_due_in_the_future_scheduled(store, clock):
    assert submit(store, "now")[:2] == ("queued", "now")
    assert submit(store, "soon", delay=0.5)[:2] == ("scheduled", "soon")
    assert submit(store, "past", due=clock() - 5000)[:2] == ("queued", "past")
    assert submit(store, "at", due=clock() + 5000)[:2] == ("scheduled", "at")


def test_the_same_id_is_accepted_once(store):
    submit(store, delay=60)
    assert submit(store)[:2] == ("exists", "a")
    assert state(store) == "scheduled"


def test_who_submits_a_job_has_its_record_without_another_call(store):
    assert submit(store, lane="a", priority=3, request_id="r", tell=True).record == store.get("a")
    assert submit(store, "b", delay=60, tell=True).record == store.get("b")
    assert submit(store, "c").record is None


def test_what_wakes_a_worker_up_is_pushed_with_the_record_of_a_job_that_is_queued_and_with_no_other(store):
    wake = ("the list", "the message")
    for _ in range(2):  # the second time because the answer was lost
        assert submit(store, wake=wake, lane="a").outcome == "queued"
    assert submit(store, "b", wake=wake, lane="a").outcome == "waiting"
    assert submit(store, "c", wake=wake, delay=60).outcome == "scheduled"
    assert submit(store, "d", wake=wake, most=1).outcome == "too many"
    assert store.redis.lrange("the list", 0, -1) == ["the message"]


def test_who_asks_again_because_the_answer_was_lost_is_told_to_publish(store):
    """redis-py sends a command again when its connection breaks."""
    assert submit(store, idempotency="key", digest="digest")[:2] == ("queued", "a")
    assert submit(store, idempotency="key", digest="digest")[:2] == ("queued", "a")
    arguments = ("start", "a", "w1", "claim", 10_000, MESSAGE, "{}")
    first, second = store._move(*arguments), store._move(*arguments)
    assert (first[0], int(first[1]), first[2]) == (second[0], int(second[1]), second[2]) == ("running", 1, 1)
    assert store.get("a")["attempt"] == "1"


def test_an_idempotency_key_gives_the_first_job_or_a_conflict(store):
    submit(store, "a", idempotency="key", digest="digest")
    assert submit(store, "b", idempotency="key", digest="digest")[:2] == ("exists", "a")
    assert submit(store, "c", idempotency="key", digest="another")[:2] == ("conflict", "a")
    assert store.get("b") is store.get("c") is None


def test_what_is_due_is_promoted_once_and_the_next_one_is_announced(store, clock):
    submit(store, "a", delay=1)
    submit(store, "b", delay=3)
    assert store.promote(10) == (1, [], [])
    clock.forward(1)
    assert store.promote(10) == (2, ["a"], [])
    assert store.promote(10) == (2, [], [])
    clock.forward(2)
    assert store.promote(10) == (None, ["b"], [])


def test_only_a_queued_job_can_be_started(store):
    submit(store, "later", delay=60)
    assert start(store, "later") == "scheduled"
    submit(store)
    first = start(store)
    assert (first.token, first.attempt, first.cursor) == ("1", 1, None)
    assert start(store) == "running"
    store.settle("a", first.token, "w1", "succeeded")
    assert start(store) == "succeeded"


def test_a_message_without_a_record_makes_one(store):
    assert start(store, "foreign").attempt == 1
    assert store.get("foreign")["kind"] == "demo"


def test_an_expired_lease_is_swept_once_and_its_token_is_worth_nothing(store, clock):
    submit(store)
    old = start(store, lease=10)
    clock.forward(9)
    assert store.sweep_leases(10) == []
    clock.forward(2)
    assert swept(store) == [("a", "queued")]
    assert store.sweep_leases(10) == []
    assert store.settle("a", old.token, "w1", "succeeded", result=1) == "lost"
    assert store.checkpoint("a", old.token) == store.save("a", old.token, {}) == "lost"
    assert store.try_again("a", old.token, MESSAGE) == "lost"
    new = start(store, worker="w2")
    assert (new.token, new.attempt) == ("2", 2)
    assert store.settle("a", old.token, "w2", "succeeded") == "lost"
    assert store.settle("a", new.token, "w2", "succeeded") == "succeeded"


def test_a_renewed_lease_is_not_swept_and_only_its_worker_renews_it(store, clock):
    submit(store)
    start(store, lease=10)
    clock.forward(9)
    assert store.renew("another", 10, ["a"]) == 0
    assert store.renew("w1", 10, ["a", "unknown"]) == 1
    clock.forward(9)
    assert store.sweep_leases(10) == []


def test_a_job_whose_worker_dies_each_time_fails_when_its_attempts_are_used_up(store, clock):
    submit(store, max_attempts=2)
    for expected in ("queued", "failed"):
        start(store)
        clock.forward(11)
        assert swept(store) == [("a", expected)]
    assert state(store) == "failed"
    assert "WorkerLost" in store.get("a")["error"]


def test_a_job_without_a_limit_of_attempts_is_tried_for_ever(store, clock):
    submit(store, max_attempts=None)
    for _ in range(30):
        start(store)
        assert store.process_died("a", "w1").state == "queued"
    assert store.get("a")["attempt"] == "30"
    assert len(store.get("a")["history"].splitlines()) == 20


def test_a_job_given_back_keeps_its_attempt(store):
    submit(store)
    start(store)
    assert store.give_back("another") == []
    assert [(run.id, run.attempt, run.state) for run in store.give_back("w1")] == [("a", 1, "queued")]
    assert (state(store), store.get("a")["attempt"]) == ("queued", "0")
    assert start(store).attempt == 1


def test_what_the_log_says_of_a_run_comes_with_its_start_and_with_its_end(store, clock):
    submit(store, request_id="router-1")
    clock.forward(3)
    run = start(store, lease=10)
    assert (run.request_id, run.waited) == ("router-1", 3)
    clock.forward(11)
    assert store.sweep_leases(10) == [("a", "demo", 1, "router-1", 11, "queued")]
    clock.forward(2)
    assert start(store).waited == 2
    clock.forward(1.5)
    assert store.process_died("a", "another") is None
    assert store.process_died("a", "w1") == ("a", "demo", 2, "router-1", 1.5, "failed")


def test_what_follows_a_job_has_its_request_id(store):
    follow = json.dumps({"kind": "demo", "message": MESSAGE, "queue": "default", "max_attempts": 2})
    submit(store, request_id="router-1", follow=follow)
    store.cancel("a")
    assert store.get("a-end-1")["request_id"] == "router-1"


def test_a_cursor_survives_the_attempt(store):
    submit(store)
    first = start(store)
    assert store.save("a", first.token, {"row": 7}) == "running"
    store.process_died("a", "w1")
    assert start(store).cursor == {"row": 7}


def test_a_retry_waits_in_the_schedule_with_its_new_message(store, clock):
    submit(store)
    first = start(store)
    message = '{"args":[1],"kwargs":{}}'
    assert store.try_again("a", first.token, message, delay=5, error={"message": "no"}) == "scheduled"
    clock.forward(5)
    assert store.promote(10) == (None, ["a"], [])
    assert store.messages(["a"]) == [("a", "demo", message)]
    assert start(store).attempt == 2


@pytest.mark.parametrize("prepare, answer", [
    (lambda store: submit(store, delay=60), "cancelled"),
    (lambda store: submit(store), "cancelled"),
    (lambda store: (submit(store), start(store)), "running"),
    (lambda store: (submit(store), store.settle("a", start(store).token, "w1", "failed")), None),
])
def test_cancelling_in_each_state(store, prepare, answer):
    prepare(store)
    assert store.cancel("a") == answer
    assert store.cancel("unknown") is None


@pytest.mark.parametrize("end", [
    lambda store, run: store.checkpoint("a", run.token),
    lambda store, run: store.try_again("a", run.token, MESSAGE),
    lambda store, run: store.settle("a", run.token, "w1", "failed"),
    lambda store, run: store.process_died("a", "w1"),
    lambda store, run: store.give_back("w1"),
])
def test_a_running_job_that_was_cancelled_ends_cancelled_whatever_comes_next(store, end):
    submit(store)
    run = start(store)
    store.cancel("a")
    end(store, run)
    assert state(store) == "cancelled"


def test_a_job_that_finishes_before_it_hears_of_the_cancel_has_succeeded(store):
    submit(store)
    run = start(store)
    store.cancel("a")
    assert store.settle("a", run.token, "w1", "succeeded") == "succeeded"
    assert "cancel" not in store.get("a")


def test_retry_by_hand_gives_a_fresh_set_of_attempts(store):
    submit(store, max_attempts=1)
    assert not store.retry("a")
    start(store)
    store.process_died("a", "w1")
    assert state(store) == "failed"
    assert store.retry("a")
    assert (state(store), store.get("a")["attempt"]) == ("queued", "0")
    assert start(store).attempt == 1


def test_run_now_takes_a_job_out_of_the_schedule(store):
    submit(store, delay=60)
    assert store.run_now("a")
    assert not store.run_now("a")
    assert store.promote(10) == (None, [], [])


def test_a_queued_job_is_published_again_only_when_its_message_must_be_lost(store, clock):
    for id in ("a", "b", "c"):
        submit(store, id)
        clock.forward(1)
    assert store.sweep_queued(10, 10, 3600, messages={"default": 0}) == []  # they may be on their way
    clock.forward(10)
    assert store.sweep_queued(10, 10, 3600, messages={"default": 3}) == []  # each can have its message
    assert store.sweep_queued(10, 10, 3600, messages={"default": 7}) == []
    assert store.sweep_queued(10, 10, 3600, messages={"default": 2}) == ["a"]  # first in, first out: the oldest
    assert store.sweep_queued(10, 10, 3600, messages={"default": 0}) == ["b", "c"]  # not the first again at once
    clock.forward(11)
    assert store.sweep_queued(2, 10, 3600, messages={"default": 0}) == ["a", "b"]


def test_where_jobs_differ_in_queue_and_priority_the_lost_message_is_of_the_first_of_its_queue(store, clock):
    for id, route in (("a", {}), ("b", {}), ("c", {"priority": 3}), ("d", {"queue": "mail"}), ("e", {"queue": "gone"})):
        submit(store, id, **route)
        clock.forward(1)
    assert store.sweep_queued(10, 10, 3600, {"default": 0, "mail": 0}) == []  # they may be on their way
    clock.forward(10)
    assert store.sweep_queued(10, 10, 3600, {"default": 4, "mail": 7}) == []
    assert store.sweep_queued(10, 10, 3600, {"default": 9, "mail": 0}) == ["d"]  # what waits elsewhere is no excuse
    assert store.sweep_queued(10, 10, 3600, {"default": 3, "mail": 1}) == ["c"]
    submit(store, "f", priority=9)  # one that has only just come does not hide who waits for longer
    assert store.sweep_queued(10, 10, 3600, {"default": 4, "mail": 1}) == ["a"]
    assert store.sweep_queued(1, 10, 3600, {"default": 0, "mail": 1}) == ["b"]
    assert store.sweep_queued(10, 10, 3600, {"default": 0, "mail": 0}) == ["e"]
    for id in ("g", "h"):
        submit(store, id, queue="mail", lane="x")
    clock.forward(11)
    assert store.sweep_queued(10, 10, 3600, {"default": 9, "mail": 2}) == []  # h has no message: it is not its turn
    assert store.sweep_queued(10, 10, 3600, {"default": 9, "mail": 1}) == ["d"]


def test_of_many_that_wait_none_that_is_lost_is_overlooked_and_one_deleted_by_hand_is_left_out(store, clock):
    for n in range(2100):
        submit(store, f"{n:04}", priority=1)
    submit(store, "mail", queue="mail")
    clock.forward(11)
    store.redis.delete(f"{PREFIX}job:0000", f"{PREFIX}message:0000")
    store.redis.zrem(f"{PREFIX}all", "0000")
    assert store.sweep_queued(10, 10, 3600, {"default": 2099, "mail": 0}) == ["mail"]
    assert not store.redis.exists(f"{PREFIX}job:0000")
    assert store.sweep_queued(10, 10, 3600, {"default": 2099, "mail": 1}) == []


def test_of_a_broker_that_does_not_tell_a_job_is_published_again_when_it_waits_for_too_long(store, clock):
    submit(store)
    clock.forward(3599)
    assert store.sweep_queued(10, 10, 3600, None) == []
    clock.forward(2)
    assert store.sweep_queued(10, 10, 3600, None) == ["a"]
    assert store.sweep_queued(10, 10, 3600, None) == []


@pytest.mark.parametrize("slots, lost", [(2, []), (3, ["late", "later"])])
def test_of_a_broker_that_does_not_tell_what_waits_while_workers_have_nothing_to_do_is_lost(store, clock, slots, lost):
    for id in ("one", "two"):
        submit(store, id)
        start(store, id, lease=3600)
    clock.forward(1)
    for id in ("late", "later"):
        submit(store, id)
    clock.forward(11)
    store.beat("w1", slots)
    assert store.sweep_queued(10, 10, 3600, None, ["default"]) == lost
    assert store.sweep_queued(10, 10, 3600, None, ["default"]) == []  # not at once again
    clock.forward(20)  # nothing was heard of a worker since
    assert store.sweep_queued(10, 10, 3600, None, ["default"]) == []


def test_of_a_broker_that_does_not_tell_what_was_overtaken_is_lost_and_a_long_queue_is_not(store, clock):
    ids = [f"j{n:02}" for n in range(30)]
    for id in ids:
        submit(store, id)
        clock.forward(1)
    store.beat("w1", 2)
    run = start(store, "j08")
    for id in ids[3:8]:
        store.settle(id, start(store, id).token, "w1", "succeeded")
    assert store.sweep_queued(100, 10, 3600, None) == []  # 21 wait behind those that run, and three just before
    store.settle("j08", run.token, "w1", "succeeded")
    start(store, "j12", lease=3600)
    assert store.sweep_queued(100, 10, 3600, None) == ["j00", "j01"]  # as many as may run at a time
    assert store.sweep_queued(100, 10, 3600, None) == ["j02"]


def test_what_waits_in_a_queue_that_nobody_here_takes_from_is_not_told_of_again(store, clock):
    submit(store, "a", queue="reports")
    submit(store, "b")
    clock.forward(20)
    store.beat("w1", 2)
    assert store.sweep_queued(10, 10, 3600, None, ["default"]) == ["b"]


def test_a_job_without_a_record_stops_no_sweep(store, clock):
    for id in ("gone", "there"):
        submit(store, id)
        start(store, id)
    store.redis.delete(PREFIX + "job:gone")
    clock.forward(11)
    assert swept(store) == [("there", "queued")]
    store.redis.zrem(PREFIX + "all", "gone")


def test_a_message_that_has_expired_ends_only_a_job_that_waits(store):
    submit(store)
    run = start(store)
    assert not store.expire("a", {"type": "Expired"})
    assert store.settle("a", run.token, "w1", "succeeded") == "succeeded"
    submit(store, "b")
    assert store.expire("b", {"type": "Expired"})
    assert state(store, "b") == "cancelled"


def test_a_clock_that_steps_back_does_no_harm(store, clock):
    submit(store, "scheduled", delay=60)
    submit(store, "running")
    run = start(store, "running", lease=10)
    clock.forward(-3600)
    assert submit(store, "new")[:2] == ("queued", "new")
    assert store.sweep_leases(10) == []
    assert store.sweep_queued(10, 1, 60, {"default": 0}) == []
    assert store.promote(10)[1] == []
    assert store.renew("w1", 10, ["running"]) == 1
    clock.forward(11)  # the renewed lease counts from the new time
    assert swept(store) == [("running", "queued")]
    again = start(store, "running")
    assert store.settle("running", run.token, "w1", "succeeded") == "lost"
    assert store.settle("running", again.token, "w1", "succeeded") == "succeeded"
    assert store.run_now("scheduled")


def test_finished_jobs_are_forgotten_after_their_time_and_others_never(store, clock):
    for name, end in (("succeeded", "succeeded"), ("failed", "failed")):
        submit(store, name)
        store.settle(name, start(store, name).token, "w1", end)
    submit(store, "cancelled")
    store.cancel("cancelled")
    submit(store, "queued")
    submit(store, "scheduled", delay=10**8)
    submit(store, "running")
    start(store, "running", lease=10**8)
    clock.forward(86400)
    assert store.trim(10, 86401) == 0
    clock.forward(2)
    assert store.trim(10, 86401) == 3
    assert [store.get(name) for name in ("succeeded", "failed", "cancelled")] == [None] * 3
    left = {key for key in store.redis.keys(PREFIX + "*:*") if ":job:" in key or ":message:" in key}
    assert len(left) == 2 * 3


def test_pages_go_through_every_job_once_also_when_many_share_a_millisecond(store, clock):
    for n in range(25):
        submit(store, f"job-{n:02}")
        if n % 10 == 9:
            clock.forward(1)
    for wanted in (None, "queued"):
        seen, cursor = [], None
        while True:
            page = store.page(wanted, None, 4, cursor)
            seen += [record["id"] for record in page.records]
            cursor = page.next
            if cursor is None:
                break
        assert len(seen) == 25
        assert len(set(seen)) == 25


def test_a_page_of_one_kind_finds_the_few_among_the_many(store, clock):
    for n in range(300):
        store.submit(f"{n}", "rare" if n % 100 == 0 else "common", MESSAGE, queue="default")
        clock.forward(0.001)
    page = store.page(None, "rare", 2, None)
    assert [record["id"] for record in page.records] == ["200", "100"]
    assert [record["id"] for record in store.page(None, "rare", 2, page.next).records] == ["0"]


def test_the_schedule_is_listed_soonest_first(store):
    for delay in (30, 10, 20):
        submit(store, str(delay), delay=delay)
    assert [record["id"] for record in store.page("scheduled", None, 10, None).records] == ["10", "20", "30"]


def test_moves_follow_the_table_of_states():
    for here, there in states.NEXT.items():
        assert here in states.ALL
        assert there <= set(states.ALL)
    assert all(not states.NEXT[state] & {states.RUNNING, states.SUCCEEDED} for state in states.FINISHED)


FOLLOW = '{"kind":"told","queue":"default","max_attempts":3,"message":"{}"}'


@pytest.mark.parametrize("end", [
    lambda store, start: store.settle("a", start.token, "w1", "succeeded"),
    lambda store, start: store.settle("a", start.token, "w1", "failed", error={"type": "E", "message": ""}),
    lambda store, start: (store.cancel("a"), store.checkpoint("a", start.token)),
    lambda store, start: (store.requeue("a", start.token), store.cancel("a")),
], ids=["succeeded", "failed", "stopped", "cancelled"])
def test_what_is_to_follow_is_recorded_in_the_step_that_ends_a_job_and_published_by_a_worker(store, clock, end):
    submit(store, follow=FOLLOW)
    end(store, start(store))
    assert state(store) in ("succeeded", "failed", "cancelled")
    assert state(store, "a-end-1") == "scheduled"
    clock.forward(0.1)
    assert store.promote(10)[1] == ["a-end-1"]
    followed = store.get("a-end-1")
    assert (followed["kind"], followed["max_attempts"], followed["message"]) == ("told", "3", "{}")


def test_a_job_that_ends_again_is_followed_again_and_one_that_goes_on_is_not(store):
    submit(store, follow=FOLLOW)
    store.try_again("a", start(store).token, MESSAGE, delay=0)
    assert not store.get("a-end-1")
    store.cancel("a")
    store.retry("a")
    store.settle("a", start(store).token, "w1", "succeeded")
    assert [state(store, f"a-end-{n}") for n in (1, 2)] == ["scheduled"] * 2


def test_what_is_to_follow_goes_over_to_the_job_that_takes_the_place_of_another(store):
    submit(store, follow=FOLLOW)
    submit(store, replaces=start(store).token)
    token = start(store).token
    store.cede("a", token)
    store.drop("a", token)
    submit(store)
    store.settle("a", start(store).token, "w1", "succeeded")
    assert state(store, "a-end-1") == "scheduled"


def test_what_takes_the_place_of_a_job_may_come_before_that_has_let_go(store):
    submit(store)
    token = start(store).token
    assert store.cede("a", token) == "running"
    assert submit(store)[0] == "queued"
    assert store.drop("a", token) == "lost"
    new = start(store, worker="w2").token
    assert new != token
    assert store.drop("a", token) == "lost"
    assert store.settle("a", new, "w2", "succeeded") == "succeeded"


def test_a_run_that_has_lost_its_lease_gives_no_place_away(store, clock):
    submit(store)
    token = start(store).token
    store.cede("a", token)
    clock.forward(11)
    assert swept(store) == [("a", "queued")]
    submit(store)
    assert start(store).attempt == 2
    assert submit(store)[0] == "exists"
    assert store.cede("a", token) == store.drop("a", token) == "lost"


def test_no_more_jobs_wait_than_a_caller_wants(store):
    assert submit(store, "a", delay=60, most=2)[0] == "scheduled"
    assert submit(store, "b", most=2)[0] == "queued"
    token = start(store, "b").token
    assert submit(store, "c", idempotency="k", digest="d", most=2)[:2] == ("too many", "c")
    store.settle("b", token, "w1", "succeeded")
    assert submit(store, "c", idempotency="k", digest="d", most=2)[:2] == ("queued", "c")
    assert submit(store, "d", idempotency="k", digest="d", most=2)[:2] == ("exists", "c")
    assert submit(store, "e")[0] == "queued"


def test_in_a_full_store_finished_jobs_make_room_for_new_ones_the_oldest_first_and_accepted_ones_never(store, clock):
    for n in range(300):
        fail(store, f"old-{n}", message="x" * 2000)
        clock.forward(1)
    store.submit("waits", "demo", "x" * 100_000, delay=60)
    clock.forward(60)
    fail(store, "fresh")
    store.redis.config_set("maxmemory", store.redis.info("memory")["used_memory"] - 10_000)
    for n in range(3):
        assert submit(store, f"new-{n}", delay=60)[0] == "scheduled"
    left = list(store.ids("failed"))
    assert left == ["fresh", *(f"old-{n}" for n in range(299, 300 - len(left), -1))], "the oldest are gone"
    assert 1 < len(left) < 301
    assert state(store, "waits") == "scheduled"
    store.redis.config_set("maxmemory", 100_000)
    with pytest.raises(OutOfMemoryError):
        submit(store, "one too many", delay=60)
    assert list(store.ids("failed")) == ["fresh"]
    assert (store.counts()["scheduled"], store.redis.zcard(PREFIX + "all")) == (4, 5)
    store.redis.config_set("maxmemory", 0)


def test_a_rather_full_store_may_forget_what_ended_long_ago_and_another_nothing(store, clock):
    for n in range(30):
        fail(store, f"old-{n}")
    store.redis.zadd(PREFIX + "failed", {"deleted by hand": 1})
    clock.forward(3600)
    fail(store, "of now")
    assert store.expendable(1800) == []  # no limit is known
    used = store.redis.info("memory")["used_memory"]
    store.redis.config_set("maxmemory", used * 2)
    assert store.expendable(1800) == []
    store.redis.config_set("maxmemory", int(used * 1.05))
    assert sorted(store.expendable(1800)) == sorted(f"old-{n}" for n in range(30))
    store.redis.config_set("maxmemory", 0)


def test_a_run_that_is_put_off_waits_for_its_time_and_has_used_no_attempt(store, clock):
    submit(store, max_attempts=1)
    run = start(store)
    due = clock() + 60_000
    assert store.put_off("a", run.token, due, {"type": "Early", "message": "not yet"}) == "scheduled"
    assert store.put_off("a", run.token, due, {}) == "lost"
    record = store.get("a")
    assert (record["state"], record["attempt"], int(record["due"])) == ("scheduled", "0", due)
    assert "not yet" in record["error"]
    clock.forward(60)
    assert store.promote(10)[1] == ["a"]
    assert start(store).attempt == 1


def test_a_run_that_was_to_be_cancelled_is_not_put_off(store, clock):
    submit(store)
    run = start(store)
    store.cancel("a")
    assert store.put_off("a", run.token, clock() + 60_000, {}) == "cancelled"
    assert state(store) == "cancelled"


def test_nothing_follows_an_end_any_longer_when_the_code_for_it_was_deleted(store):
    celery = SimpleNamespace(store=store, worker="w1", conf=SimpleNamespace(broker_url="redis://"),
                             settings=SimpleNamespace(lease_seconds=60, retention_days=7))
    job = {"name": "n", "kind": "n", "message": MESSAGE, "queue": "default", "max_attempts": 1}
    store.subscribe("w1", {"cancelled:demo": [job]})
    for id in ("before", "after"):
        submit(store, id)
        store.cancel(id)
        Timers(celery).unsubscribe()
    assert [store.get(f"{id}-on-n-1") is None for id in ("before", "after")] == [False, True]


def test_what_takes_the_place_of_a_job_is_made_once_though_it_runs_when_that_is_asked_again(store):
    """The answer was lost, and a worker was quick to take what was pushed."""
    submit(store)
    token = start(store).token
    store.cede("a", token)
    wake = ("the list", "the message")
    assert submit(store, replaces=token, wake=wake).outcome == "queued"
    run = start(store, worker="w2").token
    assert submit(store, replaces=token, wake=wake).outcome == "exists"
    assert run != token and store.checkpoint("a", run) == "running" and store.checkpoint("a", token) == "lost"
    assert store.redis.llen("the list") == 1


def test_a_cancelled_job_is_not_replaced(store):
    submit(store)
    token = start(store).token
    store.cancel("a")
    assert store.cede("a", token) == state(store) == "cancelled"
