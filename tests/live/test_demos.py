"""The demo buttons, on a real store and without a worker."""

import re

import pytest

from app.config import Settings
from app.web import create_app


@pytest.fixture
def app(redis):
    app = create_app(Settings.from_env({
        "APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t", "READ_TOKEN": "r"}))
    yield app
    app.extensions["store"].redis.close()


def signed_in(app, token="t"):
    client = app.test_client()
    client.post("/sign-in", data={"token": token})
    return client


def press(client, count, page=None):
    """The button with this count, on the page as it is now or was."""
    fields = dict(re.findall(r'name="(csrf|key)" value="([^"]+)"', page or section(client)))
    return client.post("/demos", data=fields | {"count": count})


def section(client):
    return re.search(r'<section id="demos".*?</section>', client.get("/").text, re.S)[0]


def counts(app):
    return {state: n for state, n in app.extensions["store"].counts().items() if n}


def test_ten_demo_jobs_are_made_of_which_some_are_due_later(app):
    client = signed_in(app)
    answer = press(client, 10)
    assert (answer.status_code, answer.location) == (303, "/")
    assert counts(app) == {"queued": 8, "scheduled": 2}
    assert "10 demo jobs are on their way" in client.get("/").text


def test_a_double_click_makes_each_job_once_and_the_next_click_new_ones(app):
    client = signed_in(app)
    page = section(client)
    for _ in range(2):
        press(client, 50, page)
    assert counts(app) == {"queued": 40, "scheduled": 10}
    press(client, 1, page)
    press(client, 1)
    assert counts(app)["queued"] == 42


@pytest.mark.parametrize("count", ["0", "2", "1000", "-1", "x", ""])
def test_no_other_count_is_taken(app, count):
    assert press(signed_in(app), count).status_code == 422
    assert counts(app) == {}


def test_only_an_owners_own_form_makes_them(app):
    client = signed_in(app)
    page = section(client)
    assert client.post("/demos", data={"count": 1, "key": "k"}).status_code == 403
    assert press(signed_in(app, "r"), 1, page).status_code == 403
    assert 'id="demos"' not in signed_in(app, "r").get("/").text
    assert app.test_client().post("/demos", data={"count": 1}).location == "/sign-in"
    assert counts(app) == {}


def test_without_the_kind_there_are_no_buttons(app):
    client = signed_in(app)
    page = section(client)
    del app.extensions["kinds"]["demo"]
    assert 'id="demos"' not in client.get("/").text
    assert press(client, 1, page).status_code == 404
