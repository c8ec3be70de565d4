from datetime import date
from enum import Enum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, SecretStr
from werkzeug.datastructures import MultiDict

from app.address import Address, Addresses
from app.web import forms

FILE = Field(json_schema_extra={"format": "file"})


class Colour(Enum):
    RED = "red"


class Login(BaseModel):
    user: str
    pin: SecretStr | None = None


class Everything(BaseModel):
    text: str
    count: int = 3
    share: float | None = None
    on: bool = False
    colour: Literal["red", "green"] = "red"
    paint: Colour | None = None
    tags: list[str] = []
    numbers: list[int] = []
    extra: dict = {}
    day: date | None = None
    to: Addresses = []
    reply_to: Address | None = None
    picture: Annotated[str, FILE] = ""
    papers: list[Annotated[str, FILE]] = []
    api_key: str = ""
    at: str = ""
    login: Login | None = None


SCHEMA = Everything.model_json_schema()
FIELDS = forms.fields(SCHEMA)


def test_each_type_gets_its_own_control():
    assert [(f.name, f.type, f.required) for f in FIELDS] == [
        ("text", "text", True), ("count", "number", False), ("share", "number", False), ("on", "checkbox", False),
        ("colour", "select", False), ("paint", "select", False), ("tags", "list", False), ("numbers", "json", False),
        ("extra", "json", False), ("day", "date", False), ("to", "emails", False), ("reply_to", "email", False),
        ("picture", "file", False), ("papers", "files", False), ("api_key", "password", False), ("at", "text", False),
        ("login", "json", False)]


def test_what_the_browser_sends_becomes_what_the_model_wants():
    form = MultiDict(
        dict(text=" a ", count="5", share="0.5", on="on", colour="green", tags="x, New York\nz", extra='{"a": 1}',
             to="a@example.com, b@example.com", papers=["file-1", "file-2"], at="2027-01-31T09:00", api_key="k"))
    form["params.at"] = "home"
    assert forms.params(FIELDS, form) == {
        "text": "a", "count": 5, "share": 0.5, "on": True, "colour": "green", "tags": ["x", "New York", "z"],
        "extra": {"a": 1}, "to": ["a@example.com", "b@example.com"], "papers": ["file-1", "file-2"], "at": "home",
        "api_key": "k"}


def test_what_is_left_empty_is_left_out():
    assert forms.params(FIELDS, MultiDict(dict(text="", count=" "))) == {"on": False}


def test_a_text_that_is_no_number_is_left_for_validation_to_name():
    assert forms.params(FIELDS, MultiDict(dict(count="many")))["count"] == "many"


def test_params_stand_in_the_form_as_they_would_be_typed_but_for_secrets():
    params = {"text": "a", "count": 5, "share": 0.5, "on": True, "colour": "green", "tags": ["x", "New York"],
              "numbers": [1, 2], "extra": {"ä": [1]}, "to": ["a@example.com", "b@example.com"], "papers": ["file-1"],
              "at": "home", "day": "2027-01-31"}
    texts = forms.texts(FIELDS, params | {"api_key": "k"})
    assert texts["api_key"] == ""
    assert texts["to"] == "a@example.com, b@example.com"
    form = MultiDict({name: value for name, value in texts.items() if value is not False})
    assert forms.params(FIELDS, form) == params


@pytest.mark.parametrize("value", [None, 5, "x", True, [], {}, [{}], {"a": [None]}])
def test_params_of_another_shape_can_still_be_shown(value):
    texts = forms.texts(FIELDS, dict.fromkeys(Everything.model_fields, value))
    assert set(texts) >= {"text", "params.at", "papers"}


def test_a_field_is_called_as_its_model_says_and_seldom_used_ones_come_last():
    class Model(BaseModel):
        html: str = Field("", title="HTML", json_schema_extra={"more": True})
        reply_to: str = ""
        paint: Colour = Colour.RED

    assert [(f.label, f.more) for f in forms.fields(Model.model_json_schema())] == [
        ("Reply to", False), ("Paint", False), ("HTML", True)]


def test_each_error_stands_beside_its_control_in_the_forms_order():
    errors = [{"field": "run_at", "message": "late"}, {"field": "params.b", "message": "bad"},
              {"field": "params", "message": "odd"}, {"field": "params.a.0", "message": "first"},
              {"field": "params.a.1", "message": "second"}]
    found = forms.beside(errors, {"params.a": "a", "params.b": "b", "run_at": "minutes"}, ["a", "b", "minutes"])
    assert list(found.items()) == [("a", "first"), ("b", "bad"), ("minutes", "late"), ("", "odd")]


def test_a_secret_inside_a_value_is_not_typed_in_again_either():
    class Model(BaseModel):
        tokens: list[str] = []
        settings: dict = {}
        extra: dict = {}

    texts = forms.texts(forms.fields(Model.model_json_schema()),
                        {"tokens": ["t1"], "settings": {"user": "u", "password": "p"}, "extra": {"a": 1}})
    assert (texts["tokens"], texts["settings"]) == ("", "")
    assert '"a": 1' in texts["extra"]
