"""What holds for every kind, also for one that is yet to be written."""

import textwrap

import pytest
from celery import _state
from celery.exceptions import DuplicateTaskNameWarning
from werkzeug.datastructures import MultiDict

import app.jobs
from app.config import Settings
from app.kinds import kinds, load
from app.masking import HIDDEN, masked
from app.queue import make_celery
from app.web import forms

SETTINGS = Settings.from_env({"APP_ENV": "development"})
KINDS = kinds(make_celery(SETTINGS))


@pytest.mark.parametrize("name", KINDS)
def test_a_kind_describes_itself_and_refuses_what_it_does_not_know(name):
    kind = KINDS[name]
    assert kind.description
    assert kind.task.name == name
    assert kind.params.model_json_schema()["additionalProperties"] is False
    assert kind.task.max_attempts


@pytest.mark.parametrize("name", KINDS)
def test_a_kinds_form_has_a_field_for_each_param_and_its_defaults_are_valid(name):
    kind = KINDS[name]
    schema = kind.params.model_json_schema()
    fields = forms.fields(schema)
    assert {field.name for field in fields} == set(kind.params.model_fields)
    defaults = MultiDict({f.name: str(f.default) for f in fields if f.default not in (None, "", [], False)})
    wrong = set()
    try:
        kind.params.model_validate(forms.params(fields, defaults), strict=True)
    except Exception as error:
        wrong = {item["loc"][0] for item in error.errors() if item["loc"]}
    assert not wrong & set(defaults)


@pytest.fixture
def jobs_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(app.jobs, "__path__", [*app.jobs.__path__, str(tmp_path)])
    return tmp_path


def test_a_new_kind_is_one_new_file(jobs_folder):
    (jobs_folder / "greet_in_test.py").write_text(textwrap.dedent('''
        from app.kinds import Params, kind

        class Greeting(Params):
            name: str

        @kind()
        def greet_in_test(job, params: Greeting):
            """Says hello."""
            job.checkpoint(0, 1)
            return {"hello": params.name}
    '''))
    found = kinds(make_celery(SETTINGS))["greet_in_test"]
    assert found.description == "Says hello."
    assert found.params.model_json_schema()["required"] == ["name"]
    assert found.task.apply(({"name": "Ada"},)).get() == {"hello": "Ada"}


@pytest.mark.parametrize("returned", ["Odd", "dict[str, Odd]",
                                      'Annotated[str, Field(json_schema_extra={"private": True})]'])
def test_a_result_that_nobody_can_describe_or_that_is_private_is_hidden_whole(jobs_folder, returned):
    name = f"hides_{len(returned)}"
    (jobs_folder / f"{name}.py").write_text(textwrap.dedent(f"""
        from typing import Annotated
        from pydantic import Field
        from app.kinds import Params, kind

        class Odd:
            pass

        @kind()
        def {name}(job, params: Params) -> {returned}:
            "Says nothing."
    """))
    found = kinds(make_celery(SETTINGS))[name]
    for result in ("text", {"a": "b"}):
        assert masked(result, found.result, private=True) == HIDDEN
    assert masked("text", found.result) == "text", "to an owner"


def test_two_kinds_of_one_name_stop_the_start(jobs_folder):
    code = 'from app.kinds import Params, kind\n@kind(name="twice")\ndef other(job, params: Params):\n    "Says."\n'
    (jobs_folder / "zz_one.py").write_text(code)
    (jobs_folder / "zz_two.py").write_text(code)
    before = set(_state._on_app_finalizers)
    with pytest.raises(DuplicateTaskNameWarning, match="twice"):
        load(make_celery(SETTINGS))
    _state._on_app_finalizers.intersection_update(before)
