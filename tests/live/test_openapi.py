"""The description of the API: it is whole, it is true, and whatever it allows or forbids, the API does so."""

import re

import pytest
import schemathesis

from app.config import Settings
from app.record import as_json
from app.web import create_app, openapi
from tests import described, fuzz


@pytest.fixture
def app(redis):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "READ_TOKEN": "r", "SECRET_KEY": "s"}))
    yield app
    app.extensions["store"].redis.close()


@pytest.fixture
def description(app):
    return app.test_client().get("/openapi.json", headers={"Authorization": "Bearer t"}).json


def test_it_is_openapi(description):
    schemathesis.openapi.from_dict(description).validate()
    assert not re.findall(r"#/\$defs/", str(description))


def test_every_call_is_described_and_no_other(app, description):
    there = {(openapi.path(rule), method.lower()) for rule in app.url_map.iter_rules()
             for method in rule.methods - {"HEAD", "OPTIONS"} if re.match("/(api|health)/", rule.rule)}
    assert there == {(path, method) for path, calls in description["paths"].items() for method in calls}
    assert all(call["summary"] for calls in description["paths"].values() for call in calls.values())


def test_each_kind_has_its_own_params(app, description):
    new = description["paths"]["/api/jobs"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(new["discriminator"]["mapping"]) == set(app.extensions["kinds"])
    schema = {"components": description["components"], **new}
    for params, right in (({"label": "x"}, True), ({"label": 5}, False), ({"to": "a@b.com"}, False), ({}, False)):
        body = {"kind": "sample", "params": params}
        assert described.is_valid(body, schema) == right, params
        status = app.test_client().post("/api/jobs", json=body, headers={"Authorization": "Bearer t"}).status_code
        assert (status == 202) == right, params


def test_an_answer_that_is_not_as_described_is_noticed(app, monkeypatch):
    """Else the tests of the API would hold it against nothing."""
    monkeypatch.setattr("app.web.api.as_json", lambda record: as_json(record) | {"colour": "red"})
    with pytest.raises(described.NotAsDescribed):
        app.test_client().post("/api/jobs", json={"kind": "sample", "params": {"label": "x"}},
                               headers={"Authorization": "Bearer t"})


def test_only_those_who_may_look_at_jobs_may_read_it(app):
    client = app.test_client()
    assert client.get("/openapi.json").status_code == 302
    assert client.get("/openapi.json", headers={"Authorization": "Bearer x"}).status_code == 401
    assert client.get("/openapi.json", headers={"Authorization": "Bearer r"}).status_code == 200
    client.post("/sign-in", data={"token": "r"})
    assert client.get("/openapi.json").status_code == 200


@pytest.mark.thorough
@pytest.mark.timeout(400)
def test_no_request_that_can_be_thought_up_finds_the_api_otherwise_than_described(make_dynos, redis):
    """`python -m tests.fuzz --examples 2000` thinks longer."""
    dynos = make_dynos(redis.url, **fuzz.ENV)
    dynos.web()
    dynos.worker()
    fuzz.jobs_in_each_state(dynos)
    report = fuzz.fuzz(dynos, "--max-examples", "6", "--seed", "1", "--generation-database", "none")
    assert report.returncode == 0, report.stdout[-6000:] + report.stderr
    assert int(re.search(r"([\d,]+) generated", report.stdout)[1].replace(",", "")) > 1000
