"""What the README says is so."""

import re
from pathlib import Path

import pytest

import app.jobs
from app.config import Settings
from app.kinds import kinds
from app.queue import make_celery
from app.web import create_app

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}
SETTINGS = Settings.from_env({"APP_ENV": "development"})


ADDONS = ("CLOUDAMQP_", "MAILGUN_", "SENDGRID_", "POSTMARK_", "CLOUDMAILIN_", "BUCKETEER_", "CLOUDCUBE_", "DYNO",
          "HEROKU_PR_", "HEROKU_RELEASE_", "HEROKU_BUILD_", "HEROKU_SLUG_", "HEROKU_API_URL", "SOURCE_VERSION",
          "FIREBASE_API_URL")


class Recorder(dict):
    """An environment that remembers what was asked for."""

    def get(self, name, default=None):
        self.setdefault("asked", set()).add(name)
        return super().get(name, default)


def test_every_variable_is_documented_and_every_documented_one_is_read():
    environment = Recorder(APP_ENV="development")
    Settings.from_env(environment)
    rows = re.findall(r"^\| (`.+?) \|", DOCS["settings.md"], re.M)
    documented = {name for row in rows for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)}
    assert {name for name in environment["asked"] if not name.startswith(ADDONS)} == documented - {"DYNO_RAM"}
    assert "DYNO_RAM" in environment["asked"]
    assert set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.M)) <= documented


def test_every_call_of_its_table_exists():
    rules = {(method, re.sub(r"<.+?>", "<id>", rule.rule)) for rule in create_app(SETTINGS).url_map.iter_rules()
             for method in rule.methods}
    calls = re.findall(r"`(GET|POST|PATCH|DELETE) (/[^`?]+)[^`]*`", DOCS["calls.md"])
    assert len(calls) > 8
    assert set(calls) <= rules


@pytest.mark.parametrize("document", ["README.md", "SECURITY.md", *(f"docs/{name}" for name in DOCS)])
def test_every_file_that_it_names_is_there(document):
    text = (ROOT / document).read_text()
    for name in set(re.findall(r"`((?:app|bin|tests)/[\w./-]+\w)/?`", text)) - {"app/jobs/greet.py"}:
        assert (ROOT / name).exists(), name


def test_the_page_on_security_names_variables_that_there_are():
    names = set(re.findall(r"`([A-Z]+_[A-Z_]+)\b", (ROOT / "SECURITY.md").read_text()))
    assert len(names) > 15
    assert names <= set(re.findall(r"[A-Z]+_[A-Z_]+", README + DOCS["settings.md"]))


def test_the_example_of_a_kind_works_as_it_stands(tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.S)
    (tmp_path / "readme_greet.py").write_text(code.replace("def greet", "def readme_greet"))
    monkeypatch.setattr(app.jobs, "__path__", [*app.jobs.__path__, str(tmp_path)])
    kind = kinds(make_celery(SETTINGS))["readme_greet"]
    assert kind.task.apply(({"name": "Ada"},)).get() == {"hello": "Ada"}
    assert kind.task.max_attempts == 4


def test_the_button_has_its_template():
    """Without it the button relies on a referrer that browsers no longer send."""
    assert re.search(r"\(https://www\.heroku\.com/deploy\?template=https://github\.com/[\w-]+/[\w.-]+\)", README)


@pytest.mark.parametrize("heading", ["On your machine", "The path of a job", "Add a kind", "dyno dies", "costs"])
def test_a_new_owner_finds(heading):
    assert re.search(rf"^## .*{heading}", README, re.M)
