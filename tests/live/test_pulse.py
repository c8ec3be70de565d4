"""What the page asks every few seconds: the version, who works, how Redis does."""

import io

import pytest
from redis import ConnectionError
from redis.exceptions import ResponseError

from app.connections import connect
from app.files import Files
from app.store import PREFIX, Store
from app.web.pages import late
from tests.dynos import Server
from tests.stores import MESSAGE, fail, start, submit


@pytest.mark.parametrize("change", [
    lambda store: submit(store, "new"),
    lambda store: start(store, "queued"),
    lambda store: store.checkpoint("running", "1", {"done": 1}),
    lambda store: store.settle("running", "1", "w1", "succeeded"),
    lambda store: store.cancel("running"),
    lambda store: store.reschedule("scheduled", 1_900_000_000_000),
    lambda store: store.run_now("scheduled"),
    lambda store: store.delete("failed"),
    lambda store: store.act("retry", ["failed"]),
    lambda store: store.trim(10, -1),
])
def test_whatever_changes_a_list_makes_a_new_version(store, change):
    jobs_in_each_state(store)
    before = store.pulse().version
    change(store)
    assert store.pulse().version == before + 1


@pytest.mark.parametrize("nothing", [
    lambda store: store.promote(10),
    lambda store: store.renew("w1", 10, ["running"]),
    lambda store: store.beat("w1"),
    lambda store: store.lock("sweep", 1),
    lambda store: store.save("running", "1", {}),
    lambda store: store.checkpoint("running", "1"),
    lambda store: store.cancel("failed"),
    lambda store: store.act("retry", ["queued", "unknown"]),
    lambda store: store.sweep_leases(10),
    lambda store: store.page(None, None, 10, None),
])
def test_what_changes_none_does_not(store, nothing):
    jobs_in_each_state(store)
    before = store.pulse().version
    nothing(store)
    assert store.pulse().version == before


def jobs_in_each_state(store):
    submit(store, "scheduled", delay=60)
    submit(store, "queued")
    submit(store, "running")
    start(store, "running", lease=100)
    fail(store, "failed")


def test_counts_and_the_clock_are_those_of_the_store(store, clock):
    jobs_in_each_state(store)
    pulse = store.pulse()
    assert pulse.now == clock()
    assert pulse.counts == store.counts()


def test_workers_say_what_they_run_and_since_when(store, clock):
    began = clock()
    store.beat("first", 2, 1, "v7")
    clock.forward(5)
    store.beat("second", 4, 0)
    clock.forward(5)
    store.beat("first", 2, 2, "v8")
    first, second = store.pulse().workers
    assert first == ("first", began, clock(), 2, 2, "v8")
    assert second == ("second", began + 5000, began + 5000, 4, 0, "")
    store.leave("first")
    clock.forward(86300)
    assert [worker.name for worker in store.pulse().workers] == ["second"]
    clock.forward(200)
    assert store.pulse().workers == []
    assert store.redis.keys(PREFIX + "worker:first") == []


def test_workers_that_all_died_days_ago_are_not_forgotten(store, clock):
    assert store.pulse().left == 0
    store.beat("w1")
    store.leave("w1")
    clock.forward(60)
    store.beat("w2")
    heard = clock()
    clock.forward(3 * 86400)
    assert (store.pulse().workers, store.pulse().left) == ([], heard)


def test_the_oldest_is_the_job_that_has_been_due_for_longest(store, clock):
    assert store.pulse().oldest is None
    submit(store, "later", delay=60)
    assert store.pulse().oldest is None
    clock.forward(70)
    assert store.pulse().oldest == 10  # nobody promotes it
    store.promote(10)
    assert store.pulse().oldest == 10
    run = start(store, "later")
    store.try_again("later", run.token, MESSAGE, delay=5)
    clock.forward(6)
    store.promote(10)
    clock.forward(2)
    assert store.pulse().oldest == 3  # since its second attempt was due
    store.cancel("later")
    submit(store, "wanted", delay=3600)
    store.run_now("wanted")
    clock.forward(3)
    assert store.pulse().oldest == 3


@pytest.mark.parametrize("again", [
    lambda store, token: store.interrupt("a", token),
    lambda store, token: store.give_back("w1"),
    lambda store, token: store.requeue("a", token),
    lambda store, token: store.process_died("a", "w1"),
    lambda store, token: store.settle("a", token, "w1", "failed") and store.retry("a"),
    lambda store, token: store.settle("a", token, "w1", "failed") and store.act("retry", ["a"]),
], ids=["makes way", "given back", "rejected", "its process died", "retried", "retried with others"])
def test_a_job_waits_since_it_was_queued_again_not_while_it_ran(store, clock, again):
    submit(store, delay=60)
    clock.forward(70)
    store.promote(10)
    token = start(store, lease=1000).token
    clock.forward(600)
    assert again(store, token)
    clock.forward(3)
    assert store.pulse().oldest == 3
    assert late(store.get("a"), clock() / 1000) is None
    store.promote(10)
    start(store)
    assert sum(stats["waited"] for stats in store.stats(900, 2)) == 13_000


def test_a_job_for_a_time_that_has_passed_waits_since_somebody_asked_for_it(store, clock):
    submit(store, due=clock() - 600_000)
    submit(store, "moved", delay=3600)
    store.reschedule("moved", clock() - 600_000)
    clock.forward(2)
    assert store.pulse().oldest == 2
    store.promote(10)
    assert store.pulse().oldest == 2
    for id in ("a", "moved"):
        assert late(store.get(id), clock() / 1000) is None
        start(store, id)
    assert store.stats(60, 1)[0]["waited_most"] == 2000


def test_a_job_whose_message_was_lost_has_waited_all_the_time(store, clock):
    submit(store)
    clock.forward(60)
    assert store.sweep_queued(10, 30, 30, {"default": 0}) == ["a"]
    clock.forward(1)
    assert store.pulse().oldest == 61
    assert late(store.get("a"), clock() / 1000) == 61
    store.redis.hdel(PREFIX + "job:a", "since")  # as of a release that did not write it
    assert store.pulse().oldest == late(store.get("a"), clock() / 1000) == 61


def test_redis_tells_of_its_memory_connections_and_whether_it_keeps_its_data(tmp_path):
    for options, keeps in (((), False), (("--save", "60", "1"), True)):
        told = pulse_of(Server(None, "--maxmemory", "25mb", "--dir", str(tmp_path), *options))
        assert told.memory.used > 500_000
        assert told.memory[1:] == (25 * 2**20, "noeviction")
        assert told.connections[0] >= 1
        assert told.connections[1] > 10
        assert told.persistent is keeps
    assert pulse_of(Server(tmp_path)).persistent is True


def test_what_a_host_refuses_to_tell_is_unknown(make_store):
    server, admin = make_store[0], make_store[1].redis
    admin.acl_setuser("app", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"],
                      commands=["-config", "-info"])
    store = Store(connect(server.url.replace("//", "//app:secret@"), patient=False))
    pulse = store.pulse()
    assert (pulse.memory, pulse.connections, pulse.persistent) == (None, None, None)
    assert pulse.saves is None
    submit(store)
    assert pulse.counts["queued"] == 0
    assert store.log("a", ["{}"], 60)
    assert Files(store, 60).put("a", "text/plain", io.BytesIO(b"x"), most_mb=1, limit="RESULT_MAX_MB")
    admin.acl_setuser("app", commands=["+info"])
    assert store.pulse().memory
    assert store.pulse().persistent is None
    admin.save()
    assert store.pulse().persistent is True  # snapshots are made, whatever the host calls its settings
    store.redis.close()


def test_the_settings_of_redis_are_not_asked_for_each_time(store, monkeypatch):
    asked = []
    monkeypatch.setattr(store.redis, "config_get", lambda name: asked.append(name) or {})
    for _ in range(3):
        assert store.pulse().persistent is False
    assert asked == ["save"]


def test_a_redis_that_is_away_is_an_error_not_an_empty_pulse(make_store):
    server, store = make_store
    server.stop()
    with pytest.raises(ConnectionError):
        store.pulse()
    server.start()
    assert store.pulse().version == 0


@pytest.fixture
def make_store(tmp_path):
    server = Server(None, "--dir", str(tmp_path))  # for its snapshots, if a test makes one
    store = Store(connect(server.url, patient=False))
    yield server, store
    store.redis.close()
    if server.process.poll() is None:
        server.stop()


def pulse_of(server):
    store = Store(connect(server.url, patient=False))
    try:
        return store.pulse()
    finally:
        store.redis.close()
        server.stop()


def test_stats_count_what_started_and_ended_and_how_long_it_waited(store, clock):
    clock.ms = clock() // 900_000 * 900_000
    for n in range(3):
        submit(store, f"job-{n}")
    store.beat("w1", 4, 1)
    store.beat("w2", 4, 3)
    for n, end in enumerate(("succeeded", "failed")):
        clock.forward(10)
        store.settle(f"job-{n}", start(store, f"job-{n}").token, "w1", end)
    clock.forward(50)
    store.cancel("job-2")
    hour, day = store.stats(60, 3), store.stats(900, 2)
    assert [row["at"] for row in hour] == [clock() - 130_000, clock() - 70_000, clock() - 10_000]
    assert hour[0] == {"at": hour[0]["at"], "succeeded": 0, "failed": 0, "cancelled": 0, "started": 0, "waited": 0,
                       "waited_most": 0, "busy": 0, "slots": 0}
    assert hour[1] | {"at": 0} == {"at": 0, "succeeded": 1, "failed": 1, "cancelled": 0, "started": 2, "waited": 30_000,
                                   "waited_most": 20_000, "busy": 4, "slots": 8}
    assert hour[2]["cancelled"] == 1
    assert (day[0]["started"], day[1]["started"], day[1]["cancelled"], day[1]["waited"]) == (0, 2, 1, 30_000)
    assert 3600 < store.redis.ttl(f"{PREFIX}stats:60:{clock() // 60_000}") < 4000
    assert 86400 < store.redis.ttl(f"{PREFIX}stats:900:{clock() // 900_000}") < 90_000


def test_stats_expire_also_where_nothing_but_beats_came(store, clock):
    store.beat("w1", 2, 0)
    names = store.redis.keys(PREFIX + "stats:*")
    assert len(names) == 2
    assert all(store.redis.ttl(name) > 3600 for name in names)


def test_a_job_wanted_before_it_was_due_has_not_waited_less_than_nothing(store, clock):
    submit(store, delay=3600)
    store.run_now("a")
    clock.forward(2)
    start(store)
    assert store.stats(60, 2)[-1]["waited"] == 2000
    store.process_died("a", "w1")
    clock.forward(1)
    start(store)  # its second attempt waited since it was queued again
    assert sum(row["waited"] for row in store.stats(60, 2)) == 3000
    clock.forward(-3600)
    submit(store, "b")
    clock.forward(-1)
    start(store, "b")
    assert store.stats(60, 1)[0]["waited"] == 0


def test_a_config_that_is_refused_is_no_error_of_the_pulse(store, monkeypatch):
    def refuse(_):
        raise ResponseError("unknown command 'CONFIG'")

    monkeypatch.setattr(store.redis, "config_get", refuse)
    assert store.pulse().persistent is None
