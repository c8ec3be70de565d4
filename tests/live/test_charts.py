"""The charts' section of the page, from a real store."""

import gzip

import pytest

from app.config import Settings
from app.store import PREFIX
from app.web import create_app
from tests.stores import Clock, start, submit


@pytest.fixture
def client(redis):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t"}))
    client = app.test_client()
    client.post("/sign-in", data={"token": "t"})
    client.store = app.extensions["store"]
    client.store.clock = Clock()  # no minute ends in the middle of a test
    yield client
    client.store.redis.close()


def finish(store, *ends):
    for n, end in enumerate(ends):
        start(store, f"job-{n}")
        store.settle(f"job-{n}", "1", "w1", end)


def test_the_section_says_how_jobs_ended(client):
    assert "Nothing yet" in client.get("/charts").text
    finish(client.store, "succeeded", "succeeded", "failed")
    section = client.get("/charts").text
    assert "2 done" in section and "1 failed" in section
    assert section.count("<svg") == 3


def test_it_is_sent_again_when_it_has_changed_and_only_then(client):
    finish(client.store, "succeeded")
    tag = client.get("/charts").headers["ETag"]
    submit(client.store, "other")
    assert client.get("/charts", headers={"If-None-Match": tag}).status_code == 304
    client.store.cancel("other")
    assert client.get("/charts", headers={"If-None-Match": tag}).status_code == 200


def test_the_span_is_in_the_address_and_the_rest_of_the_address_stays(client):
    section = client.get("/charts?span=day&state=failed&q=%22%3E%3Cb").text
    assert "The last day" in section
    assert 'href="?span=hour&amp;state=failed&amp;q=%22%3E%3Cb#charts"' in section
    assert 'data-live="/charts?span=day&amp;state=failed&amp;q=%22%3E%3Cb"' in section
    assert "The last hour" in client.get("/charts?span=nonsense").text
    assert client.get("/charts?_external=1&endpoint=x").status_code == 200


def test_it_speaks_spanish_and_is_for_those_who_signed_in(client):
    finish(client.store, "failed")
    assert "con error: 1" in client.get("/charts", headers={"Accept-Language": "es-MX"}).text
    client.delete_cookie("session")
    assert client.get("/charts").location.endswith("/sign-in")


def test_a_day_of_busy_minutes_is_a_few_kilobytes(client):
    """The page asks for it four times a minute, on whatever line it has."""
    last = client.store.clock() // 900_000
    for n in range(96):
        client.store.redis.hset(f"{PREFIX}stats:900:{last - n}", mapping={
            "succeeded": 1000 + 37 * n, "failed": n % 7, "cancelled": n % 3, "started": 900 + n, "waited": 31_337 * n,
            "waited_most": 977 * n, "slots": 1800, "busy": 17 * n})
    section = client.get("/charts?span=day", headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(section.data).count(b"<rect") == 286
    assert len(section.data) < 5000
