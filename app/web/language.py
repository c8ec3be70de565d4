"""The page's language: English, or one that has a file in languages/, as the browser asks.

A file is `{"English text": "its translation"}`; what it lacks stays English. Templates mark texts with `_("…")` and
`ngettext("%(num)s job", "%(num)s jobs", n)`; of a text that is no literal, such as a kind's description, `|words`
shows the translation. To add a language, copy es.json; to have none, delete it.
"""

import json
import re
from datetime import datetime
from pathlib import Path

from flask import Flask, g, has_request_context, request

CATALOGUES = {path.stem: json.loads(path.read_text("utf-8"))
              for path in (Path(__file__).parent / "languages").glob("*.json")}
LANGUAGES = ("en", *sorted(CATALOGUES))
#: What varies in a text: numbers, and what is quoted.
VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\d+(?:\.\d+)?")
#: Each unit of time with its seconds, from the largest.
UNITS = {"d": 86400, "h": 3600, "min": 60, "s": 1}


def language() -> str:
    """The best of ours for the browser of this request."""
    if not has_request_context():
        return "en"
    if "language" not in g:
        g.language = request.accept_languages.best_match(LANGUAGES, "en")
    return g.language


def gettext(text: str) -> str:
    return CATALOGUES.get(language(), {}).get(text, text)


def ngettext(one: str, many: str, number: int) -> str:
    return gettext(one if number == 1 else many)


def _(text: str, **values) -> str:
    """The translation with its values, for Python code; templates have their own `_`, which escapes."""
    return gettext(text) % values


def words(text: object) -> str:
    """The translation of a text that is no literal. Numbers and what is quoted in it may vary: the file has
    `at most {} characters`."""
    text = str(text)
    found = gettext(text)
    if found == text and (varying := VARIES.findall(text)):
        before, *after = gettext(VARIES.sub("{}", text)).split("{}")
        if len(after) == len(varying):
            return before + "".join(value + rest for value, rest in zip(varying, after))
    return found


def many(text: str) -> str:
    """The translation of a state where it is said of several jobs, as in Spanish; in English it is the same word."""
    return gettext(f"{text} (several)").removesuffix(" (several)")


def number(value: float) -> str:
    text = f"{value:,}" if isinstance(value, (int, float)) else str(value)
    return text.translate(str.maketrans(",.", ".,")) if language() == "es" else text


def duration(seconds: float) -> str:
    """In its largest unit that is not less than one: "4 min"."""
    unit, size = next(((unit, size) for unit, size in UNITS.items() if abs(seconds) >= size), ("s", 1))
    return f"{int(abs(seconds) // size)} {unit}"


def relative(at: str | None, now: float) -> str:
    """An ISO 8601 time in words, seen from `now` (seconds since 1970): "in 4 min", "4 min ago"."""
    if not at:
        return ""
    ahead = datetime.fromisoformat(at).timestamp() - now
    if abs(ahead) < 1:
        return _("now")
    return _("in %(time)s" if ahead > 0 else "%(time)s ago", time=duration(ahead))


def speak(flask: Flask) -> None:
    """Give the templates of an app their words."""
    flask.jinja_env.add_extension("jinja2.ext.i18n")
    flask.jinja_env.install_gettext_callables(gettext, ngettext, newstyle=True)
    for word in (words, many, number, duration, relative):
        flask.add_template_filter(word)
    flask.context_processor(lambda: {"language": language()})
