"""The one that checks is checked: a ledger in which something is wrong is found out, and nothing else is."""

import json
import re
import shutil
import subprocess
import sys

import pytest

import chaos.__main__ as command
from chaos.document import DOCS, document
from chaos.fault import FAULTS, Skipped, draw
from chaos.reconcile import reconcile
from tests.dynos import ROOT

KILLED = {"at": 4, "what": "fault", "name": "kill_worker", "began": 3.9, "on": ["worker.1"]}
STEPPED = {"at": 3, "what": "fault", "name": "step_redis_clock", "began": 1.2, "on": ["redis"]}
FULL = {"at": 8, "what": "fault", "name": "fill_redis", "began": 6, "on": ["redis"]}
FROZEN = {"at": 22, "what": "fault", "name": "freeze_long", "began": 3, "on": ["worker.1"]}


def accepted(job="a", at=1.0, kind="chaos", **fields):
    return {"at": at, "what": "accepted", "job": job, "kind": kind, "sent": at, "delay": 0, "fails": "never",
            "lane": None, "place": at} | fields


def ran(job="a", start=2.0, end: float | None = 3.0, dyno="worker.1", run=None):
    run = {"job": job, "run": run or f"{job} {start}", "dyno": dyno}
    return [{"at": start, "what": "start", **run}] + ([{"at": end, "what": "end", **run}] if end else [])


def record(job="a", state="succeeded", *attempts, kind="chaos", error=None, **fields):
    return {"at": 99, "what": "record", "job": job, "kind": kind, "state": state, "error": error,
            "attempts": attempts or [state], "most": 3, "took": None, "schedule": None, "due": 0} | fields


def mail(at, job="a", *to):
    return {"at": at, "what": "mail", "job": job, "to": to or ["ada"]}


def broke(error, start, at, job="a", dyno="worker.1"):
    begun = ran(job, start, None, dyno)
    return [*begun, begun[0] | {"at": at, "what": "broke", "error": error}]


def occurrence(job, minute):
    return [ran(job, 60.0 * minute, 60.0 * minute + 1), record(job, schedule="s", due=60_000 * minute)]


def forged(folder, *lines):
    ledger = folder / "ledger"
    flat = [{"at": 0, "what": "setting", "lease": 10, "follows": True, "seed": 5, "minutes": 2.0, "jobs": 1200,
             "machine": "2 cores."}]
    for line in lines:
        flat += flatten(line) if isinstance(line, list) else [line]
    ledger.write_text("".join(json.dumps(line) + "\n" for line in flat))
    return ledger


def flatten(lines):
    for line in lines:
        yield from flatten(line) if isinstance(line, list) else [line]


def follows(job, start, leader="a"):
    line, *rest = ran(job, start, start + 1)
    return [line | {"after": leader}, *rest]


RIGHT = {
    "done": [accepted(), ran(), record()],
    "failed as it was to": [accepted(fails="always"), broke("ValueError", 2, 3),
                            record("a", "failed", "retried", "failed", error={"type": "ValueError"})],
    "its worker died on the last attempt": [accepted(), ran(end=None), record(
        "a", "failed", "retried", "lost", "lost", error={"type": "WorkerLost"})],
    "forgotten by a full Redis": [accepted(), ran(), FULL],
    "early by a clock that jumped": [accepted(delay=5), ran(), STEPPED, record()],
    "settled after a clock was set back": [accepted(), ran(), STEPPED | {"began": 3.1}, record(took=-13.8)],
    "overtaken as a clock was set back": [accepted(lane="x"), STEPPED, accepted("b", 1.1, lane="x"), ran("b", 2, 3),
                                          ran(start=3.5, end=4), record(), record("b")],
    "mailed, and later to who asked for it": [accepted(kind="email", to=["ada", "bob"]), mail(2), mail(17, "a", "bob"),
                                              record("a", "succeeded", "retried", "succeeded", kind="email")],
    "each minute": [occurrence("s-60000", 1), occurrence("s-120000", 2)],
    "each minute, but some are forgotten": [occurrence("s-60000", 1), ran("s-120000"), ran("s-180000"),
                                            occurrence("s-240000", 4)],
    "told that it has lost its lease": [accepted(), broke("LeaseLost", 2, 22.5), FROZEN,
                                        ran(start=14, end=25, dyno="worker.2"),
                                        record("a", "succeeded", "lost", "succeeded", took=11.2)],
    "killed, and run again": [accepted(), ran(end=None), KILLED, ran(start=15, end=16, dyno="worker.2"),
                              record("a", "succeeded", "lost", "succeeded")],
    "killed before it could say that it was done": [
        accepted(), ran(), KILLED, ran(start=15, end=16, dyno="worker.2"),
        record("a", "succeeded", "lost", "succeeded")],
    "frozen for longer than its lease": [accepted(), ran(end=23.0), FROZEN, ran(start=14, end=25, dyno="worker.2"),
                                         record("a", "succeeded", "lost", "succeeded")],
    "killed while it mailed": [accepted(kind="email"), mail(2), KILLED, mail(15),
                               record("a", "succeeded", "lost", "succeeded", kind="email")],
    "cancelled": [accepted(), {"at": 1.5, "what": "cancel", "job": "a", "state": "cancelled"},
                  record("a", "cancelled")],
    "followed by one": [accepted(kind="chaos_leads"), ran(), record(kind="chaos_leads"), follows("b", 5),
                        record("b", kind="chaos_follows")],
    "in turn": [accepted(lane="x"), accepted("b", 1.1, lane="x"), ran(), ran("b", 3.1, 4), record(), record("b")],
}
WRONG = {
    "lost: no record": [accepted()],
    "lost: scheduled": [accepted(), ran(end=None), record("a", "scheduled", "retried")],
    "lost: an email that Redis forgot": [accepted(kind="email"), FULL],
    "lost: forgotten, though it was not full since": [accepted(), ran(start=9, end=10), FULL],
    "lost: a chain that Redis forgot": [accepted(kind="chaos_chain"),
                                        [line | {"step": 0} for line in ran()], FULL],
    "failed for no reason: an attempt is left": [accepted(), ran(end=None), record(
        "a", "failed", "interrupted", "lost", "lost", error={"type": "WorkerLost"})],
    "failed for no reason: of another error": [accepted(fails="always"), ran(end=None),
                                               record("a", "failed", error={"type": "TypeError"})],
    "failed for no reason": [accepted(), ran(end=None), record("a", "failed", error={"type": "TypeError"})],
    "not run": [accepted(), record()],
    "completed twice: settled twice": [accepted(), ran(), KILLED, ran(start=15, end=16, dyno="worker.2"),
                                       record("a", "succeeded", "succeeded", "succeeded")],
    "completed twice: for no reason": [accepted(), ran(), ran(start=15, end=16, dyno="worker.2"), record()],
    "completed twice: another was killed": [accepted(), ran(dyno="worker.3"), KILLED,
                                            ran(start=15, end=16, dyno="worker.2"), record()],
    "completed twice: Redis was full": [accepted(), ran(), FULL, ran(start=15, end=16, dyno="worker.2"),
                                        record("a", "succeeded", "lost", "succeeded")],
    "lease taken away": [accepted(), broke("LeaseLost", 2, 4), ran(start=6, end=7, dyno="worker.2"), record()],
    "settled by another": [accepted(), ran(end=23.0), FROZEN, ran(start=14, end=25, dyno="worker.2"),
                           record("a", "succeeded", "lost", "succeeded", took=9.0)],
    "fired twice": [occurrence("s-60000", 1), occurrence("s-60000-b", 1)],
    "not fired": [occurrence("s-60000", 1), occurrence("s-240000", 4)],
    "two runs at once: for no reason": [accepted(), ran(end=9), ran(start=5, end=8, dyno="worker.2"), record()],
    "two runs at once: frozen, but not for so long": [
        accepted(), ran(end=9), FROZEN | {"at": 6}, ran(start=7, end=8, dyno="worker.2"),
        record("a", "succeeded", "lost", "succeeded")],
    "mailed 2 times": [accepted(kind="email"), mail(2), mail(15), record(kind="email")],
    "mailed 2 times: no mark": [accepted(kind="email", to=["ada", "bob"]), mail(2), mail(17, "a", "bob", "ada"),
                                record("a", "succeeded", "retried", "succeeded", kind="email")],
    "not run: one of two got no mail": [accepted(kind="email", to=["ada", "bob"]), mail(2), record(kind="email")],
    "cancelled, yet mailed": [accepted(kind="email"), {"at": 1.5, "what": "cancel", "job": "a", "state": "cancelled"},
                              mail(2), record("a", "cancelled", kind="email")],
    "out of turn": [accepted(lane="x"), accepted("b", 1.1, lane="x"), ran("b", 2, 3), ran(start=3.5, end=4), record(),
                    record("b")],
    "out of turn: at once": [accepted(lane="x"), accepted("b", 1.1, lane="x"), ran(end=5), ran("b", 4, 6), record(),
                             record("b")],
    "cancelled, yet started": [accepted(), {"at": 1.5, "what": "cancel", "job": "a", "state": "cancelled"}, ran(),
                               record("a", "cancelled")],
    "cancelled by nobody": [accepted(), record("a", "cancelled")],
    "early": [accepted(delay=5), ran(), record()],
    "early: a clock jumped, but later": [accepted(delay=5), ran(), STEPPED | {"began": 2.5}, record()],
    "early: a mail": [accepted(kind="email", delay=5), mail(2), record(kind="email")],
    "lost: job after": [accepted(), ran(), record(), record("after", "queued", "lost", kind="chaos_follows")],
    "accepted twice": [accepted(), ran(), record(), ran("b"), record("b")],
    "followed by 0": [accepted(kind="chaos_leads"), ran(), record(kind="chaos_leads")],
    "followed by 2": [accepted(kind="chaos_leads"), ran(), record(kind="chaos_leads"), follows("b", 5), follows("c", 5),
                      record("b", kind="chaos_follows"), record("c", kind="chaos_follows")],
    "refused": [accepted(), ran(), record(), {"at": 5, "what": "refused", "path": "/", "status": 409, "text": ""}],
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_may_happen_breaks_no_promise(tmp_path, name):
    assert reconcile(forged(tmp_path, *RIGHT[name])).breaches == []


@pytest.mark.parametrize("name", WRONG)
def test_what_must_not_happen_is_named(tmp_path, name):
    breaches = reconcile(forged(tmp_path, *WRONG[name])).breaches
    assert breaches
    assert any(breach.startswith(name.partition(":")[0]) for breach in breaches), breaches


def test_what_is_run_again_and_mailed_twice_is_counted_with_its_cause(tmp_path):
    full = FULL | {"began": 4.5, "at": 5}  # felt, but not what did it
    rows = dict(reconcile(forged(tmp_path, accepted(), ran(), KILLED, full, ran(start=15, end=16, dyno="worker.2"),
                                 record("a", "succeeded", "lost", "succeeded"),
                                 accepted("b", kind="email"), mail(2, "b"), mail(15, "b"),
                                 record("b", "succeeded", "interrupted", "succeeded", kind="email"))).rows)
    assert rows["  ran to its end before, unnoted: kill_worker"] == 1
    assert rows["  handed over twice"] == rows["    its worker was stopped"] == 1
    assert (rows["accepted"], rows["  finished"], rows["  lost"], rows["completed twice"]) == (2, 2, 0, 0)


def test_the_longest_delay_is_told_with_the_fault_that_was_felt_meanwhile(tmp_path):
    rows = reconcile(forged(tmp_path, accepted(delay=1), ran(start=14, end=15), FROZEN, record(),
                            accepted("b", at=50), ran("b", 50.5, 51), record("b"),
                            STEPPED | {"began": 59, "at": 60, "felt": 29}, KILLED | {"began": 72, "at": 73},
                            accepted("c", at=61), ran("c", 90, 91), record("c"))).rows
    assert {("  freeze_long", "12.0 s, of 1"), ("  nothing", "0.5 s, of 1"),
            ("  step_redis_clock", "29.0 s, of 1")} <= set(rows)


@pytest.mark.parametrize("lines, code", [(RIGHT["done"], 0), (WRONG["lost: no record"], 1),
                                         (WRONG["completed twice: for no reason"], 1),
                                         (WRONG["two runs at once: for no reason"], 1)])
def test_the_exit_code_says_whether_a_promise_is_broken(tmp_path, lines, code):
    answer = subprocess.run([sys.executable, "-m", "chaos", "--check", forged(tmp_path, *lines)], cwd=ROOT,
                            capture_output=True, text=True)
    assert answer.returncode == code, answer.stdout + answer.stderr
    assert ("BROKEN" in answer.stdout) == bool(code)


def test_the_table_of_a_run_is_put_into_the_document_when_asked(tmp_path, monkeypatch):
    docs, ledger = tmp_path / "proof.md", forged(tmp_path, *RIGHT["killed, and run again"])
    docs.write_text("Before\n<!-- chaos -->\nold\n<!-- end -->\nafter\n")
    monkeypatch.setattr(command, "DOCS", docs)
    for options, old in ((), True), (("--document",), False), (("--document",), False):
        monkeypatch.setattr(sys, "argv", ["chaos", "--check", str(ledger), *options])
        assert command.main() == 0
        assert ("old" in docs.read_text()) == old
    before, _, text = docs.read_text().partition("<!-- chaos -->\n")
    assert before == "Before\n"
    assert text.startswith("`bin/chaos --seed 5 --minutes 2 --jobs 1200`: Every promise was kept.\n")
    assert "| &emsp;finished | 1 |\n" in text
    assert "| &emsp;kill_worker | 1 |\n" in text
    assert text.endswith("2 cores.\n<!-- end -->\nafter\n")


def test_the_document_explains_lines_that_there_are(tmp_path):
    section = DOCS.read_text().partition("## Chaos")[2].partition("<!-- chaos -->")[0]
    rows = [name.strip() for lines in ("done", "killed before it could say that it was done", "killed while it mailed")
            for name, _ in reconcile(forged(tmp_path, *RIGHT[lines])).rows]
    named = re.findall(r"^\| ([a-z].+?) \|", section, re.M)
    assert len(named) > 12
    assert [name for name in named if not any(row.startswith(name) for row in rows)] == []


def test_the_document_says_what_is_broken_and_the_one_of_the_project_has_a_place_for_it(tmp_path):
    docs, ledger = tmp_path / "proof.md", forged(tmp_path, *WRONG["lost: no record"])
    shutil.copy(DOCS, docs)
    document(docs, ledger, reconcile(ledger))
    assert "A promise is broken.\n- lost: job a" in docs.read_text()


class NoFleet:
    """What a run breaks, which has nothing to break."""

    def __init__(self, folder, lease):
        self.ledger, self.began = folder / "ledger", 0

    def end(self):
        self.ended = True


def run_without(monkeypatch, tmp_path, run):
    monkeypatch.setattr(command, "new_folder", lambda: tmp_path)
    monkeypatch.setattr(command, "Fleet", NoFleet)
    monkeypatch.setattr(command, "run", run)
    monkeypatch.setattr(sys, "argv", ["chaos", "--keep"])
    return command.main()


def test_a_run_that_fails_itself_ends_with_another_code(monkeypatch, tmp_path, capsys):
    def does_not_start(*_):
        raise OSError("no port")

    assert run_without(monkeypatch, tmp_path, lambda *_: None) == 0
    assert run_without(monkeypatch, tmp_path, does_not_start) == 2
    assert run_without(monkeypatch, tmp_path, lambda fleet, options, failed: failed.append("the client: …")) == 2
    assert "no port" in capsys.readouterr().err


def test_a_fault_that_cannot_be_done_is_an_error_and_one_that_has_nobody_to_hit_is_not(monkeypatch, tmp_path, capsys):
    def nobody(*_):
        raise Skipped

    failed = []
    monkeypatch.setitem(FAULTS, "nobody", nobody)
    monkeypatch.setitem(FAULTS, "nonsense", None)
    command.break_things(NoFleet(tmp_path, 8), list(draw(1, 0.3, 0.1, ["nobody", "nonsense"])), failed)
    assert "nobody: skipped" in capsys.readouterr().out
    assert failed and all(words.startswith("nonsense: ") for words in failed)


def test_the_same_seed_draws_the_same_faults_and_each_before_any_comes_again():
    names = sorted(FAULTS)
    drawn = list(draw(7, 300, 2, names))
    assert drawn == list(draw(7, 300, 2, names)) != list(draw(8, 300, 2, names))
    assert sorted(fault.name for fault in drawn[:len(names)]) == names
