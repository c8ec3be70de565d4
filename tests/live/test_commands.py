"""The command line: flask --app web jobs …, flask --app web send …; on a real Redis, and as it is typed."""

import json
import re
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

from app.config import Settings
from app.web import create_app
from tests.dynos import ROOT, wait_for
from tests.stores import fail


@pytest.fixture
def app(redis):
    return create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url}))


@pytest.fixture
def store(app):
    return app.extensions["store"]


@pytest.fixture
def run(app):
    """Runs a command. Returns (exit code, what it printed)."""
    def run(*words, input=None, **env):
        result = app.test_cli_runner().invoke(args=words, input=input, env=env)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        return result.exit_code, result.output

    return run


@pytest.fixture
def jobs(app, store):
    """Of some kinds and states: {name: id}."""
    kinds = app.extensions["kinds"]

    def made(kind, params, **options):
        return kinds[kind].task.apply_async((params,), **options).id

    ids = {"later": made("sample", {"label": "later"}, countdown=3600),
           "queued": made("sample", {"label": "queued"}, lane="a"),
           "secret": made("papers", {"to": ["ada@example.com"], "password": "hunter2-hunter2"}, countdown=3600),
           "failed": made("sample", {"label": "failed"}), "cancelled": made("sample", {"label": "x"}, countdown=9)}
    fail(store, ids["failed"])
    store.cancel(ids["cancelled"])
    return ids


def test_a_list_is_a_table_as_wide_as_the_terminal(run, jobs):
    code, text = run("jobs", "list", COLUMNS="76")
    assert code == 0
    first, *lines, last = text.splitlines()
    assert first.split() == ["ID", "KIND", "STATE", "TIME", "TRY"]
    assert {line.split()[0] for line in lines} == set(jobs.values())
    assert max(map(len, text.splitlines()[:-1])) <= 76
    assert last == "5 shown. All jobs: 2 scheduled, 1 queued, 1 failed, 1 cancelled"
    assert "1 shown, there are more." in run("jobs", "list", "--limit", "1")[1]


@pytest.mark.parametrize(("options", "names"), [
    (["--state", "failed"], {"failed"}), (["--kind", "papers"], {"secret"}), (["--q", "QUEUED"], {"queued"}),
    (["--state", "scheduled", "--kind", "sample"], {"later"}), (["--lane", "a"], {"queued"}),
    (["--q", "nowhere"], set())])
def test_a_list_has_the_filters_of_the_page(run, jobs, store, options, names):
    def listed(*options):
        return {job["id"] for job in json.loads(run("jobs", "list", "--json", *options)[1])["jobs"]}

    assert listed(*options) == {jobs[name] for name in names}
    assert listed("--error", store.groups().groups[0].key) == {jobs["failed"]}


def test_what_somebody_wrote_gives_no_command_to_the_terminal_and_no_secret_is_shown(run, app, jobs, store):
    params = {"label": "\x1b]0;pwned\x07\x1b[2J\x9b2J\n漢字" + "x" * 60}
    id = app.extensions["kinds"]["sample"].task.apply_async((params,), countdown=60).id
    for words in (["jobs", "show", id], ["jobs", "list"], ["jobs", "show", id, "--json"]):
        code, text = run(*words)
        assert code == 0
        assert not set("\x1b\x07\x9b") & set(text)
    for words in (["jobs", "show", jobs["secret"]], ["jobs", "show", jobs["secret"], "--json"],
                  ["jobs", "list", "--json"]):
        code, text = run(*words)
        assert "hunter2" not in text and "ada@example.com" in text


def test_one_job_is_shown_with_its_attempts_and_as_json(run, jobs):
    code, text = run("jobs", "show", jobs["failed"])
    assert code == 0
    assert re.search(r"^state: +failed$", text, re.M)
    assert re.search(r"^attempt 1: \S+ \S+ failed by w", text, re.M)
    job = json.loads(run("jobs", "show", jobs["failed"], "--json")[1])
    assert (job["state"], job["log"]) == ("failed", [])


@pytest.mark.parametrize("command", ["show", "run", "cancel", "retry"])
def test_a_job_that_there_is_not_is_said_so(run, command):
    code, text = run("jobs", command, "nobody")
    assert code == 1
    assert "nobody: There is no job with this id" in text


@pytest.mark.parametrize("words", [["jobs", "list"], ["jobs", "retry", "--all"], ["send", "sample", "--label", "x"]])
def test_redis_away_is_exit_code_3_and_a_sentence(run, redis, words):
    redis.stop()
    code, text = run(*words)
    assert code == 3
    assert "Error: Redis cannot be reached, or is full: " in text and "Traceback" not in text


def test_one_is_cancelled_retried_and_run_by_its_id(run, jobs, store):
    assert run("jobs", "cancel", jobs["queued"])[0] == 0
    assert run("jobs", "retry", jobs["queued"], jobs["failed"])[0] == 0
    assert run("jobs", "run", jobs["later"]) == (0, f"{jobs['later']}: queued\n")
    assert [store.get(jobs[name])["state"] for name in ("queued", "failed", "later")] == [
        "scheduled", "scheduled", "queued"]
    assert json.loads(run("jobs", "show", jobs["later"], "--json")[1])["acts"][0]["by"] == "command line"
    for command in ("cancel", "run"):
        code, text = run("jobs", command, jobs["cancelled"])
        assert code == 1
        assert "could not be" in text or "jobs retry" in text


def test_all_that_match_are_asked_about_first(run, jobs, store):
    assert run("jobs", "retry")[0] == 2
    assert run("jobs", "retry", "--all", jobs["failed"])[0] == 2
    code, text = run("jobs", "retry", "--all", input="n\n")
    assert (code, store.counts()["failed"]) == (1, 1)
    assert "Retry 1 jobs?" in text
    assert run("jobs", "retry", "--all", input="")[0] == 1  # nobody there to answer
    code, text = run("jobs", "retry", "--all", "--yes")
    assert (code, store.counts()["failed"], store.counts()["cancelled"]) == (0, 0, 1)
    assert "1 tried again." in text
    assert "No job matches." in run("jobs", "cancel", "--all", "--kind", "nobody")[1]
    assert run("jobs", "cancel", "--all", "--yes")[0] == 0
    assert store.counts()["cancelled"] == 5


def test_what_has_ended_is_purged(run, jobs, store):
    assert "No job matches." in run("jobs", "purge", "--days", "1", "--yes")[1]
    assert "1 deleted." in run("jobs", "purge", "--state", "failed", "--yes")[1]
    assert run("jobs", "purge", input="n\n")[0] == 1
    assert store.counts()["cancelled"] == 1
    assert "1 deleted." in run("jobs", "purge", "--yes")[1]
    assert sum(store.counts().values()) == 3
    assert run("jobs", "purge", "--state", "running")[0] == 2


def test_each_kind_is_sent_with_its_params_as_options(run, app, store):
    for name in app.extensions["kinds"]:
        code, text = run("send", name, "--help")
        assert code == 0
        for field in app.extensions["kinds"][name].params.model_fields:
            assert field.replace("_", "-") in text
    code, text = run("send", "sample", "--label", "x", "--steps", "2", "--fail", "once", "--delay", "60")
    assert code == 0
    id = text.partition(":")[0]
    job = json.loads(run("jobs", "show", id, "--json")[1])
    assert (job["params"], job["state"]) == ({"label": "x", "steps": 2, "fail": "once"}, "scheduled")
    job = json.loads(run("send", "papers", "--to", "a@example.com, b@example.com", "--at", "here", "--json")[1])
    assert job["params"] == {"to": ["a@example.com", "b@example.com"], "at": "here"}


def test_params_may_be_json_and_its_time_is_as_in_the_api(run, store):
    at = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    job = json.loads(run("send", "sample", "--params", "-", "--seconds", "2", "--run-at", at, "--json",
                         input='{"label": "x", "seconds": 9}')[1])
    assert (job["params"], job["state"]) == ({"label": "x", "seconds": 2}, "scheduled")


@pytest.mark.parametrize(("words", "said"), [
    (["sample"], "params.label"), (["sample", "--label", "x", "--steps", "many"], "params.steps"),
    (["sample", "--label", "x", "--fail", "maybe"], "--fail"), (["sample", "--params", "[1]"], "JSON object"),
    (["sample", "--params", "{"], "JSON object"), (["sample", "--label", "x", "--delay", "-1"], "delay"),
    (["sample", "--label", "x", "--run-at", "tomorrow"], "run_at"), (["nobody"], "nobody")])
def test_what_cannot_be_sent_is_exit_code_2_and_names_what_is_wrong(run, store, words, said):
    code, text = run("send", *words)
    assert code == 2
    assert said in text
    assert not sum(store.counts().values())


@pytest.mark.thorough
def test_it_is_typed_as_the_readme_says_and_waits_to_the_end(dynos):
    dynos.worker()

    def typed(*words, app="web"):
        return subprocess.run(["flask", "--app", app, *words], cwd=ROOT, env=dynos.env, capture_output=True,
                              text=True, timeout=60)

    id = dynos.task("sample").apply_async(({"label": "x", "seconds": 1},), countdown=3600).id
    answer = typed("jobs", "run", id, "--wait")
    assert (answer.returncode, answer.stdout) == (0, f"{id}: succeeded\n")
    answer = typed("send", "sample", "--label", "x", "--delay", "3600", app="tests.ledger_web")
    assert answer.returncode == 0
    assert not re.search("level=|INFO|accepted", answer.stdout + answer.stderr), "it is for people, not a log"
    id = dynos.task("sample").apply_async(({"label": "x", "seconds": 0, "fail": "always"},), countdown=3600).id
    wait_for(lambda: dynos.store.get(id))
    answer = typed("jobs", "run", id, "--wait")
    assert answer.returncode == 1
    assert f"{id}: failed ValueError asked to fail" in answer.stderr
    assert json.loads(typed("jobs", "list", "--json").stdout)["counts"]["succeeded"] == 1
