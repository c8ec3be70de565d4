from typing import Literal

from pydantic import BaseModel
from werkzeug.datastructures import MultiDict

from app.web import forms


class Everything(BaseModel):
    text: str
    count: int = 3
    share: float | None = None
    on: bool = False
    colour: Literal["red", "green"] = "red"
    tags: list[str] = []
    extra: dict = {}


SCHEMA = Everything.model_json_schema()


def test_each_type_gets_its_own_control():
    assert [(f.name, f.type, f.required) for f in forms.fields(SCHEMA)] == [
        ("text", "text", True), ("count", "number", False), ("share", "number", False), ("on", "checkbox", False),
        ("colour", "select", False), ("tags", "list", False), ("extra", "json", False)]


def test_what_the_browser_sends_becomes_what_the_model_wants():
    form = MultiDict(
        dict(text=" a ", count="5", share="0.5", on="on", colour="green", tags="x, y\nz", extra='{"a": 1}'))
    assert forms.params(SCHEMA, form) == {"text": "a", "count": 5, "share": 0.5, "on": True, "colour": "green",
                                          "tags": ["x", "y", "z"], "extra": {"a": 1}}


def test_what_is_left_empty_is_left_out():
    assert forms.params(SCHEMA, MultiDict(dict(text="", count=" "))) == {"on": False}


def test_a_text_that_is_no_number_is_left_for_validation_to_name():
    assert forms.params(SCHEMA, MultiDict(dict(count="many")))["count"] == "many"
