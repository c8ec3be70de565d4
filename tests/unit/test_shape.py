"""The shape of the project: layers that only look down, files that the platform reads, names that a new owner sets."""

import ast
import json
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from app.config import Settings
from tests.project import copy_project

ROOT = Path(__file__).parent.parent.parent

#: Each module may import those before it. web/ and jobs/ come last and see all of these.
LAYERS = ["states", "address", "addons", "connections", "brokers", "config", "trace", "scrubber", "lines", "pulse",
          "redis_health", "reader", "store", "files", "bucket", "record", "logs", "mail", "allowance", "outbox",
          "asking", "outgoing", "firebase", "job", "kinds", "events", "masking", "accept", "records", "bulk",
          "schedules", "removal", "queue", "loop", "demand", "heroku", "autoscale", "traffic", "metrics", "log_metrics",
          "timers", "steps", "arrivals", "monitors", "sentry", "telemetry", "check"]


def imports(path):
    """Modules of the app that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "app":
            if node.module == "app":
                yield from (alias.name for alias in node.names)
            else:
                yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("app."))


def test_layers_only_look_down():
    for path in (ROOT / "app").glob("*.py"):
        if path.stem == "__init__":
            continue
        assert path.stem in LAYERS, f"say in LAYERS where {path.name} stands"
        above = set(LAYERS[LAYERS.index(path.stem):]) | {"web"}
        assert not set(imports(path)) & above, path
    for path in (ROOT / "app" / "jobs").glob("*.py"):
        assert "web" not in imports(path), path
    for path in (ROOT / "app" / "transports").glob("*.py"):
        assert set(imports(path)) <= {"transports"}, path
    for path in (ROOT / "app" / "tables").glob("*.py"):
        assert set(imports(path)) <= {"tables"}, path
    for path in (ROOT / "app" / "report").rglob("*.py"):
        assert set(imports(path)) <= {"report", "tables", "files", "states"}, path


def test_flask_is_imported_by_the_web_side_alone():
    for path in [*(ROOT / "app").rglob("*.py"), ROOT / "worker.py"]:
        if ROOT / "app" / "web" in path.parents:
            continue
        assert not re.search(r"^\s*(from|import) (flask|werkzeug)", path.read_text(), re.M), path


def test_app_json_passes_the_schema_and_asks_nothing_of_the_person():
    manifest = json.loads((ROOT / "app.json").read_text())
    jsonschema.validate(manifest, json.loads((Path(__file__).parent / "app-json.schema.json").read_text()))
    processes = re.findall(r"^([a-z-]+):", (ROOT / "Procfile").read_text(), re.M)
    processes.remove("release")  # it runs once, before the others
    assert {name: entry["quantity"] for name, entry in manifest["formation"].items()} == dict.fromkeys(processes, 1)
    for name, entry in manifest["env"].items():
        assert entry.get("generator") == "secret" or "value" in entry or entry["required"] is False, name
        assert len(entry["description"]) > 40, name
    assert manifest["addons"] == [{"plan": "heroku-redis:mini", "as": "REDIS"}]
    assert manifest["environments"]["test"]["scripts"]["test"]
    assert 3 <= len(manifest["name"]) <= 30
    assert len(manifest["description"]) <= 140


def test_what_the_button_sets_is_enough_to_start():
    manifest = json.loads((ROOT / "app.json").read_text())
    env = {name: secrets.token_hex(32) for name, entry in manifest["env"].items() if entry.get("generator") == "secret"}
    Settings.from_env(env | {"REDIS_URL": "rediss://:p@h:6379"})


def test_the_procfile_has_plain_words_only():
    """Quotes, variables and && do not mean the same to every platform that reads a Procfile."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    assert all(re.fullmatch(r"[a-z][a-z0-9-]*: [\w./:=-]+( [\w./:=-]+)*", line) for line in lines), lines


def test_runtime_txt_names_a_python_by_its_major_version():
    assert re.fullmatch(r"python-3\.1[1-4]\n", (ROOT / "runtime.txt").read_text())


def test_there_is_one_package_manager_and_every_package_is_pinned_with_its_hash():
    assert not [name for name in ("Pipfile", "poetry.lock", "uv.lock", "Pipfile.lock") if (ROOT / name).exists()]
    for name in sorted(path.stem for path in ROOT.glob("requirements*.in")):
        text = (ROOT / f"{name}.txt").read_text()
        pinned = re.findall(r"^([a-z0-9-]+)==[0-9]\S* (?:; [^\\\n]+ )?\\\n    --hash=sha256:[0-9a-f]{64}\b", text, re.M)
        assert pinned == re.findall(r"^(?![#\s])([^\s=;]+)", text, re.M), "each one has its version and its hash"
        assert not re.search("https?:|file:", text)
        assert "--universal --python-version 3.11" in text.partition("==")[0], "Dependabot needs to know"
        wanted = re.findall(r"^([a-z][a-z0-9-]*)", (ROOT / f"{name}.in").read_text(), re.M)
        assert set(wanted) <= set(pinned)
        lines = [line for line in (ROOT / f"{name}.in").read_text().splitlines() if line[:1].isalpha()]
        assert all("  # " in line for line in lines), f"{name}.in: each package has its reason"


def texts(folder):
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path, path.read_text(errors="ignore")


def test_rename_leaves_nothing_behind_and_can_be_done_again(tmp_path):
    project = copy_project(tmp_path / "project")
    old = json.loads((project / "app.json").read_text())
    for name, address in (("Acme Mailer", "acme/mail-er.v2"), ("Celery", "x/y"), ("Foo", "foo/bar")):
        subprocess.run([project / "bin" / "rename", name, address], check=True, capture_output=True)
        for path, text in texts(project):
            assert not re.search(rf"\b{re.escape(old['name'])}\b", text), path
            assert old["repository"].removeprefix("https://github.com/") not in text, path
        manifest = json.loads((project / "app.json").read_text())
        assert (manifest["name"], manifest["repository"]) == (name, f"https://github.com/{address}")
        readme = (project / "README.md").read_text()
        assert readme.startswith(f"# {name}\n")
        assert f"https://www.heroku.com/deploy?template=https://github.com/{address})" in readme
        assert "any Celery task" in readme  # a word that was the name once stays where it is not the name
        answer = subprocess.run([sys.executable, "-c", "import app; print(app.NAME)"], cwd=project, capture_output=True,
                                text=True, check=True)
        assert answer.stdout.strip() == name


def test_the_example_of_the_readme_may_be_taken_letter_for_letter(tmp_path):
    project = copy_project(tmp_path / "project")
    example = re.search(r"`bin/rename (.+?)`", (project / "README.md").read_text())
    if not example:
        pytest.skip("this app has a name of its own, and the README no longer says how to give it one")
    name, address = shlex.split(example[1])
    for arguments in ((name, address), ("Foo", "foo/bar")):
        subprocess.run([project / "bin" / "rename", *arguments], check=True, capture_output=True)
    assert [path for path, text in texts(project) if name in text or address in text] == []


@pytest.mark.parametrize("arguments", [[], ["X"], ["", "a/b"], ['Bad"name', "a/b"], ["Name", "no-slash"],
                                       ["1x", "a/b"]])
def test_rename_refuses_what_would_break_a_file(tmp_path, arguments):
    project = copy_project(tmp_path / "project")
    before = (project / "app.json").read_text()
    answer = subprocess.run([project / "bin" / "rename", *arguments], capture_output=True, text=True)
    assert answer.returncode != 0
    assert answer.stderr
    assert (project / "app.json").read_text() == before


REPORT = ["app/jobs/report.py", "app/report", "app/web/report.py", "app/web/templates/report.html",
          "benchmarks/report.py", "tests/unit/documents.py", "tests/unit/frames.py",
          "tests/unit/test_report_*.py", "tests/live/test_report*.py", "tests/browser/test_report.py"]
DEMO_BUTTONS = ["app/web/demos.py", "app/web/templates/demos.html", "tests/unit/test_demos.py",
                "tests/live/test_demos.py"]
DOCS = ["app/web/docs.py", "app/web/templates/docs.html", "tests/live/test_docs.py"]
AUTOSCALE = ["app/autoscale.py", "app/heroku.py", "app/web/autoscale.py", "benchmarks/scaling.py", "tests/day.py",
             "tests/platform_api.py", "tests/unit/test_autoscale.py", "tests/live/test_autoscale.py"]
HIREFIRE = ["app/web/hirefire.py", "tests/live/test_hirefire.py"]
JUDOSCALE = ["app/web/judoscale.py", "tests/live/test_judoscale.py"]
#: What an owner may throw away: the files of each feature, with its tests.
FEATURES = {
    "demo": ["app/jobs/demo.py", *DEMO_BUTTONS],
    "demo buttons": DEMO_BUTTONS,
    "email": ["app/jobs/email.py", "app/mail.py", "app/allowance.py", "app/outbox.py", "app/web/mailbox.py",
              "app/web/templates/outbox.html", "app/web/templates/mail.html", "tests/unit/test_mail.py",
              "tests/live/test_email*.py", "tests/live/test_mailbox.py", "tests/browser/test_mailbox.py"],
    "outbox page": ["app/web/mailbox.py", "app/web/templates/outbox.html", "app/web/templates/mail.html",
                    "tests/live/test_mailbox.py", "tests/browser/test_mailbox.py"],
    "report": REPORT,
    "report and uploads": [*REPORT, "app/tables", "app/web/uploads.py", "tests/unit/test_tables*.py",
                           "tests/live/test_uploads*.py"],
    "description of the API": ["app/web/answers.py", "app/web/calls.py", "app/web/openapi.py", *DOCS,
                               "tests/described.py", "tests/fuzz.py", "tests/fuzz_hooks.py",
                               "tests/live/test_openapi.py"],
    "docs page": DOCS,
    "bucket": ["app/bucket.py"],
    "sentry": ["app/sentry.py", "app/monitors.py", "tests/unit/test_sentry.py", "tests/live/test_sentry.py"],
    "telemetry": ["app/telemetry.py", "app/web/telemetry.py", "tests/live/test_telemetry.py"],
    "autoscale": AUTOSCALE,
    "hirefire": HIREFIRE,
    "judoscale": JUDOSCALE,
    "all that scales": [*AUTOSCALE, *HIREFIRE, *JUDOSCALE, "app/demand.py", "tests/live/test_demand.py"],
    "metrics": ["app/metrics.py", "app/metrics.lua", "app/traffic.py", "app/log_metrics.py", "app/web/metrics.py",
                "benchmarks/metrics.py", "tests/live/test_metrics.py", "tests/live/test_log_metrics.py", "dashboards",
                "tests/live/test_dashboard.py"],
    "other brokers": ["app/transports/[akpsw]*.py", "app/transports/rabbitmq.py", "benchmarks/brokers.py",
                      "docs/brokers.md", "requirements-brokers.*", "tests/brokers", "tests/unit/test_brokers.py"],
    "other queues": ["benchmarks/faults.py", "benchmarks/peers", "benchmarks/speed", "docs/speed*",
                     "requirements-arq.*", "requirements-benchmarks.*", "tests/unit/test_faults.py",
                     "tests/unit/test_speed.py"],
    "command line": ["app/web/commands", "tests/live/test_commands.py"],
    "bulk": ["app/bulk.py", "app/web/bulk.py", "benchmarks/bulk.py", "tests/live/test_bulk.py"],
    "events": ["app/events.py", "app/web/events.py", "tests/live/test_events.py"],
    "other programs": ["docs/peers.md", "tests/peers.py", "tests/live/test_peers.py",
                       "tests/brokers/test_peers.py"],
    "webhook": ["app/jobs/webhook.py", "app/outgoing.py", "tests/unit/test_outgoing.py",
                "tests/unit/test_webhook.py", "tests/live/test_webhook.py"],
    "push": ["app/jobs/push.py", "app/firebase.py", "tests/firebase_api.py", "tests/unit/test_firebase.py",
             "tests/live/test_push.py"],
    "log": ["app/jobs/log.py", "app/records.py", "benchmarks/records.py", "tests/unit/test_records.py",
            "tests/live/test_records.py"],
    "slow clients": ["app/web/slow.py", "tests/unit/test_slow.py", "tests/live/test_slow.py"],
    "chaos": ["bin/chaos", "chaos", "tests/unit/test_chaos.py", "tests/live/test_chaos.py"],
    "charts": ["app/web/charts.py", "app/web/templates/charts.html", "tests/unit/test_charts.py",
               "tests/live/test_charts.py", "tests/browser/test_charts.py"],
    "schedules page and results": ["app/web/recurring.py", "app/web/results.py", "app/web/templates/schedules.html",
                                   "app/web/templates/schedule_delete.html", "tests/live/test_recurring.py",
                                   *REPORT],
}


START = """
from app.config import Settings
from tests.project import copy_project
from app.web import create_app
import worker
app = create_app(Settings.from_env({"APP_ENV": "development", "API_TOKEN": "t", "RATE_LIMIT": "0",
                                    "REDIS_URL": "redis://127.0.0.1:1/0"}))
print(sorted(app.extensions["kinds"]))
answer = app.test_client().get("/api/kinds", headers={"Authorization": "Bearer t"})
assert answer.status_code == 200
assert app.test_client().get("/sign-in").status_code == 200
assert app.test_client().post("/sign-in", data={"token": "t"}).status_code == 503  # there is no Redis
"""


def without(feature, folder):
    """A copy of the project without the files of a feature."""
    project = copy_project(folder / "project")
    for name in FEATURES[feature]:
        found = list(project.glob(name))
        assert found, name
        for path in found:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return project


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.parametrize("feature", FEATURES)
def test_a_feature_can_be_deleted_and_everything_else_still_works(tmp_path, feature):
    project = without(feature, tmp_path)
    answer = subprocess.run([sys.executable, "-c", START], cwd=project, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    assert repr(feature) not in answer.stdout
    answer = subprocess.run([sys.executable, "-m", "pytest", "-n0", "-q", "--collect-only", "--assert=plain"],
                            cwd=project, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
    # What cannot know of it need not run; the README is for the owner to change.
    tests = [path for path in (project / "tests" / "unit").glob("test_*.py")
             if not path.name.startswith(("test_shape", "test_readme", "test_report_", "test_tables"))]
    live = ("actions", "new", "schedules")[list(FEATURES).index(feature) % 3]  # in turn, as each takes a while
    answer = subprocess.run([sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", *tests,
                             f"tests/live/test_{'files' if feature == 'bucket' else live}.py"],
                            cwd=project, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout
