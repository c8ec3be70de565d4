"""What is masked, by names and by rules of a schema."""

from typing import Annotated

import pytest
from pydantic import BaseModel, Field, RootModel, SecretStr

from app import masking
from app.masking import HIDDEN
from tests.unit.test_forms import SCHEMA, Login

PRIVATE = Field(json_schema_extra={"private": True})


@pytest.mark.parametrize("name, rule, hidden", [
    ("password", {}, True), ("smtpPasswd", {}, True), ("API_KEY", {}, True), ("apikey", {}, True),
    ("access_token", {"type": "string"}, True), ("Authorization", {}, True), ("credentials", {}, True),
    ("max_tokens", {"type": "integer"}, False), ("key", {}, False), ("label", {"type": "string"}, False),
    ("pin", {"format": "password"}, True), ("pin", {"writeOnly": True}, True),
    ("pin", {"anyOf": [{"type": "string", "writeOnly": True}, {"type": "null"}]}, True)])
def test_a_secret_is_known_by_its_name_or_by_its_rule(name, rule, hidden):
    assert masking.secret(name, rule) is hidden


def test_secrets_are_masked_however_deep_they_are():
    params = {"api_key": "k", "text": "t", "login": {"user": "u", "pin": "1234"}, "extra": {"a": [{"token": {"b": 1}}]}}
    assert masking.masked(params, SCHEMA) == {
        "api_key": HIDDEN, "text": "t", "login": {"user": "u", "pin": HIDDEN}, "extra": {"a": [{"token": HIDDEN}]}}
    assert masking.masked(params)["login"] == {"user": "u", "pin": "1234"}
    assert masking.masked({"args": [{"secret": "s"}], "kwargs": {"password": ""}}) == {
        "args": [{"secret": HIDDEN}], "kwargs": {"password": ""}}
    assert params["api_key"] == "k"


def test_lists_and_maps_of_secrets_are_masked_too():
    class Model(BaseModel):
        codes: list[SecretStr] = []
        logins: dict[str, Login] = {}
        words: dict[str, SecretStr] = {}

    params = {"codes": ["a", "b"], "logins": {"x": {"user": "u", "pin": "p"}}, "words": {"y": "z"}}
    assert masking.masked(params, Model.model_json_schema()) == {
        "codes": [HIDDEN] * 2, "logins": {"x": {"user": "u", "pin": HIDDEN}}, "words": {"y": HIDDEN}}


@pytest.mark.parametrize("text, shown", [
    ("https://ada:p:w@host/x", "https://ada:••••••@host/x"),
    ("redis://:p@ss@host:6379/0", "redis://:••••••@host:6379/0"),
    ("see http://a:b@c and smtp://d:e@f", "see http://a:••••••@c and smtp://d:••••••@f"),
    ("https://ada@host/x", "https://ada@host/x"),
    ("https://host:8080/ada@example.com", "https://host:8080/ada@example.com"),
    ("note: ada@example.com", "note: ada@example.com")])
def test_the_password_in_a_url_is_masked_wherever_it_stands(text, shown):
    assert masking.masked({"text": text, "extra": {"urls": [text]}}, SCHEMA) == {
        "text": shown, "extra": {"urls": [shown]}}
    assert masking.masked({"args": [text]}) == {"args": [shown]}


class Note(BaseModel):
    text: Annotated[str, PRIVATE]
    day: str = ""


class Letter(BaseModel):
    to: str
    text: str = ""


class Secretive(RootModel[str]):
    model_config = {"json_schema_extra": {"private": True}}


class Private(BaseModel):
    text: Annotated[str | None, PRIVATE] = None
    notes: list[Note] = []
    by_name: dict[str, Note] = {}
    either: Letter | Note | None = None
    pair: tuple[str, Note] | None = None
    number: Annotated[int, PRIVATE] = 0
    own: Secretive = Secretive("")
    open: str = ""


@pytest.mark.parametrize("value, shown", [
    ({"text": "t", "open": "o"}, {"text": HIDDEN, "open": "o"}),
    ({"text": None, "number": 0}, {"text": None, "number": HIDDEN}),
    ({"notes": [{"text": "t", "day": "d"}]}, {"notes": [{"text": HIDDEN, "day": "d"}]}),
    ({"by_name": {"a": {"text": "t", "day": "d"}}}, {"by_name": {"a": {"text": HIDDEN, "day": "d"}}}),
    ({"either": {"text": "t", "day": "d"}}, {"either": {"text": HIDDEN, "day": "d"}}),
    ({"either": {"to": "ada", "text": "t"}}, {"either": {"to": "ada", "text": HIDDEN}}),
    ({"pair": ["a", {"text": "t"}]}, {"pair": ["a", {"text": HIDDEN}]}),
    ({"own": "o"}, {"own": HIDDEN})])
def test_what_a_model_declares_private_is_masked_for_those_who_are_not_to_see_it(value, shown):
    schema = Private.model_json_schema()
    assert masking.masked(value, schema, private=True) == shown
    assert masking.masked(value, schema) == value
