"""The page that describes the API."""

import json
import shlex

import pytest
from bs4 import BeautifulSoup

from app.config import Settings
from app.web import create_app
from tests import described


@pytest.fixture
def client(redis):
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t",
                                        "SECRET_KEY": "s"}))
    client = app.test_client()
    client.post("/sign-in", data={"token": "t"})
    yield client
    app.extensions["store"].redis.close()


def page(client, **headers) -> BeautifulSoup:
    return BeautifulSoup(client.get("/docs", headers=headers).text, "html.parser")


def test_every_call_and_every_kind_has_its_place_and_its_example(client):
    docs = page(client)
    paths = described.description(client.application)["paths"]
    places = {section.h3.text: section.pre.text for section in docs.select("section:has(pre)")}
    assert places.keys() == {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} | set(
        client.application.extensions["kinds"])
    for title, command in places.items():
        method, _, path = title.rpartition(" ")
        assert command.startswith("curl ") and (not method or path.replace("{id}", "ID") in command)


def test_every_link_leads_somewhere(client):
    docs = page(client)
    targets = {f"#{element['id']}" for element in docs.select("[id]")}
    assert {link["href"] for link in docs.select("main a[href^='#']")} <= targets
    assert len(targets) > 40


def test_the_example_of_each_kind_is_one_that_the_api_takes(client):
    new = described.description(client.application)["paths"]["/api/jobs"]["post"]["requestBody"]["content"]
    schema = {"components": described.description(client.application)["components"],
              **new["application/json"]["schema"]}
    for name in client.application.extensions["kinds"]:
        command = shlex.split(page(client).find(id=f"kind-{name}").pre.text)
        body = json.loads(command[command.index("-d") + 1])
        assert body["kind"] == name
        assert described.is_valid(body, schema), body
        if name in ("sample", "papers"):  # others may name what is not there, such as a file
            answer = client.post("/api/jobs", json=body, headers={"Authorization": "Bearer t"})
            assert answer.status_code == 202, answer.text


def test_the_example_of_a_bulk_keeps_the_ends_of_the_lines(client):
    command = shlex.split(page(client).find(id="bulk.create").pre.text)
    assert command[-2:] == ["--data-binary", "@jobs.ndjson"] and "-d" not in command
    assert "16 MB" in page(client).find(id="bulk.create").text


def test_a_field_says_what_it_takes_and_what_it_means(client):
    rows = {row.td.code.text: row.get_text(" ", strip=True) for row in page(client).find(id="kind-sample").select(
        "tbody tr")}
    assert rows["seconds"] == "seconds number, at least 0, at most 3,600; default 1"
    assert rows["fail"] == 'fail "never" or "once" or "always"; default "never"'
    assert rows["label"] == "label required text, length at least 1, length at most 100"
    assert "email" in page(client).find(id="kind-papers").text


def test_its_frame_speaks_the_readers_language_and_only_who_is_signed_in_reads_it(client):
    assert page(client, **{"Accept-Language": "es"}).h2.text == "Llamadas"
    assert "API" in client.get("/").text.partition("<footer>")[2]
    assert client.application.test_client().get("/docs").status_code == 302
