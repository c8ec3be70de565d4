"""What the page says, it says in every language that it has."""

import ast
import re
from pathlib import Path

import pytest

from app import states
from app.accept import Route
from app.config import Settings
from app.web import actions, create_app, language, timeline

WEB = Path(language.__file__).parent
APP = create_app(Settings.from_env({"APP_ENV": "development"}))


def said() -> dict[str, str]:
    """Every text that is marked for translation, and where."""
    found = {}
    for path in (WEB / "templates").glob("*.html"):
        for _line, _function, texts in APP.jinja_env.extract_translations(path.read_text()):
            found |= dict.fromkeys(filter(None, [texts] if isinstance(texts, str) else texts), path.name)
    for path in [*WEB.glob("*.py"), WEB.parent / "redis_health.py"]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext"):
                texts = [text.value for argument in node.args for text in ast.walk(argument)
                         if isinstance(text, ast.Constant) and isinstance(text.value, str)]
                found |= dict.fromkeys(texts, path.name)
    return found


def listed() -> dict[str, str]:
    """Texts that stand in a table and are translated where they are shown."""
    found = dict.fromkeys([*states.ALL, *(f"{state} (several)" for state in states.ALL), *states.MEANING.values()],
                          "states.py")
    for action in actions.ACTIONS.values():
        found |= dict.fromkeys([action.label, action.why_not, *action.question, *action.done], "actions.py")
    found |= dict.fromkeys([field.description for field in Route.model_fields.values()], "accept.py")
    found |= dict.fromkeys([*timeline.OUTCOMES.values(), *timeline.ACTS.values()], "timeline.py")
    for kind in APP.extensions["kinds"].values():
        if kind.task.run.__module__.startswith("app."):
            rules = kind.params.model_json_schema()["properties"].values()
            found |= dict.fromkeys(filter(None, [kind.description, *(rule.get("description") for rule in rules)]),
                                   f"jobs/{kind.name}.py")
    return found


@pytest.mark.parametrize("name", language.CATALOGUES)
def test_nothing_is_left_untranslated(name):
    missing = {text: where for text, where in (said() | listed()).items() if text not in language.CATALOGUES[name]}
    assert not missing


@pytest.mark.parametrize("name", language.CATALOGUES)
def test_a_translation_has_the_values_of_its_text(name):
    for text, translation in language.CATALOGUES[name].items():
        for form in (r"%\(\w+\)s", r"\{\}", "%%", "%"):
            assert sorted(re.findall(form, text)) == sorted(re.findall(form, translation)), text


def test_spanish_says_tu():
    usted = re.compile(r"\b(usted|separe|exporte|guarde|vuelva|suba|súbala|elija|abra|ábralo|pulse|envíe|escriba|"
                       r"elimine|inténtelo|marque|descárguelo|Ha entrado)\b", re.I)
    assert [text for text in language.CATALOGUES["es"].values() if usted.search(text)] == []


@pytest.mark.parametrize(("text", "translation"), [
    ("List should have at most 1 item after validation, not 2", "Puede tener como mucho 1 elemento, no 2"),
    ("String should have at least 1 character", "Debe tener al menos 1 carácter"),
    ("There are 1,000 schedules, as many as may be. Delete one first.",
     "Hay 1.000 programaciones, el máximo. Elimina antes alguna."),
    ("The table has more than 1,000,000 rows. Split it, and upload the parts one by one.",
     "La tabla tiene más de 1.000.000 filas. Divídela y sube las partes una a una.")])
def test_what_the_models_say_has_its_numbers_in_spanish_too(text, translation):
    with APP.test_request_context(headers={"Accept-Language": "es"}):
        assert language.words(text) == translation


def test_templates_mark_literals_only():
    """`_` of a variable would trust what is in it as HTML."""
    for path in (WEB / "templates").glob("*.html"):
        calls = re.findall(r"\b_\(\s*(.)", path.read_text())
        assert set(calls) <= {'"', "'"}, path


def test_the_browser_chooses_the_language():
    client = APP.test_client()
    for asked, given in (("es-MX,es;q=0.9,en;q=0.5", "es"), ("de,en;q=0.5", "en"), ("", "en"), ("fr", "en")):
        answer = client.get("/sign-in", headers={"Accept-Language": asked})
        assert f'<html lang="{given}">' in answer.text
        assert "Accept-Language" in answer.headers["Vary"]


def test_a_text_with_numbers_is_found_by_its_form(monkeypatch):
    monkeypatch.setitem(language.CATALOGUES, "es", {"at most {} of {} MB": "como mucho {} de {} MB", "100 %": "cien"})
    with APP.test_request_context(headers={"Accept-Language": "es"}):
        assert language.words("at most 5 of 2.5 MB") == "como mucho 5 de 2.5 MB"
        assert language.words("100 %") == "cien"
        for text in ("<b> unknown 7", "Sends 10 % discounts.", "%s 1", "Growth % 'x' {} 2024", "{} 5", "%(n)s 5"):
            assert language.words(text) == text
        assert language.number(1234.5) == "1.234,5"
        assert language.number("3 of many") == "3 of many"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (7199, "1 h"), (-90, "1 min"),
                                               (86400 * 3, "3 d")])
def test_a_duration_is_told_in_its_largest_unit(seconds, text):
    assert language.duration(seconds) == text
