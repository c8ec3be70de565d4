"""What HireFire asks, and who else does."""

import pytest

from app.config import Settings
from app.web import create_app
from tests.stores import submit

TOKEN = {"HireFire-Token": "d4" * 16}


@pytest.fixture
def client(redis, store):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "HIREFIRE_TOKEN": TOKEN["HireFire-Token"]}))
    app.extensions["store"] = store
    return app.test_client()


def test_it_is_told_how_long_the_oldest_due_job_waits(client, store, clock):
    submit(store)
    clock.forward(12.3)
    answer = client.get("/hirefire", headers=TOKEN)
    assert answer.json == [{"name": "worker", "value": 12.3}]
    assert answer.content_type == "application/json" and answer.headers["HireFire-Resource"] == "Python-1.0.3"
    assert answer.headers["Cache-Control"] == "must-revalidate, private, max-age=0"


@pytest.mark.parametrize("headers", [{}, {"HireFire-Token": ""}, {"HireFire-Token": "d5" * 16},
                                     {"HireFire-Token": "\u00e9"}, {"Authorization": "Bearer t"}])
def test_nobody_else_is_told_and_who_guesses_is_stopped(client, headers):
    assert client.get("/hirefire", headers=headers).status_code == 401
    for _ in range(60):
        client.get("/hirefire", headers=headers)
    assert client.get("/hirefire", headers=headers).status_code == 429
    assert client.get("/hirefire", headers=TOKEN).status_code == 200


def test_without_its_variable_there_is_no_such_path():
    app = create_app(Settings.from_env({"APP_ENV": "development"}))
    assert "/hirefire" not in map(str, app.url_map.iter_rules())
