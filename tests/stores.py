"""A job store with a clock of the test's own, and what tests ask of it."""

from app import states
from app.store import PREFIX

MESSAGE = '{"args":[],"kwargs":{}}'


class Clock:
    def __init__(self):
        self.ms = 1_800_000_000_000

    def __call__(self):
        return self.ms

    def forward(self, seconds):
        self.ms += int(seconds * 1000)


def assert_consistent(store):
    """Each job is in the set of its state and in no other, and every set's job has a record."""
    ids = store.redis.zrange(PREFIX + "all", 0, -1)
    placed = [(id, state) for state in states.ALL for id in store.redis.zrange(PREFIX + state, 0, -1)]
    assert sorted(placed) == sorted((id, store.get(id)["state"]) for id in ids)
    assert sum(store.counts().values()) == len(ids)


def submit(store, id="a", **options):
    return store.submit(id, "demo", MESSAGE, **({"queue": "default", "max_attempts": 2} | options))


def start(store, id="a", worker="w1", lease=10):
    return store.start(id, worker, lease, "demo", MESSAGE, 2, "default")


def fail(store, id="a", type="ValueError", message="no", **options):
    submit(store, id, **options)
    return store.settle(id, start(store, id).token, "w1", "failed", error={"type": type, "message": message})


def state(store, id="a"):
    return store.get(id)["state"]


def kept(store) -> list[str]:
    """Every key but the counts."""
    counts = tuple(PREFIX + name for name in ("limits:", "kinds", "kind:"))
    return [key for key in store.redis.keys("*") if not key.startswith(counts)]
