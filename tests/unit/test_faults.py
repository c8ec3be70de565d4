"""The benchmark of faults: what it counts, and that its list of queues is whole. Needs none of them, runs nothing."""

import ast
import re

import pytest

from benchmarks.faults import DOCS, TRIALS, Outcome, judge, row, span
from benchmarks.peers import ARQ, PEERS, ROOT, THEIRS, ledger
from benchmarks.peers.install import VENVS
from benchmarks.tables import put, table

FOLDER = ROOT / "benchmarks" / "peers"
NOT_PEERS = {"__init__", "__main__", "dyno", "install", "ledger"}


def test_every_file_of_a_queue_is_on_the_list_and_every_name_once():
    assert {path.stem for path in FOLDER.glob("*.py")} - NOT_PEERS == {peer.module for peer in PEERS}
    assert len({peer.name for peer in PEERS}) == len(PEERS)


@pytest.mark.parametrize("module", sorted({peer.module for peer in PEERS}))
def test_a_queue_has_both_jobs_and_a_delay_if_it_says_so(module):
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    names |= {target.id for node in tree.body if isinstance(node, ast.Assign) for target in node.targets}
    assert {"enqueue"} <= names
    assert all(peer.delays == ("schedule" in names) for peer in PEERS if peer.module == module)
    text = (FOLDER / f"{module}.py").read_text()
    assert "noop" in text and "sleep" in text


def test_what_a_queue_needs_is_pinned_in_its_own_venv_and_not_in_the_app():
    app = (ROOT / "requirements.txt").read_text()
    for peer in PEERS:
        wanted = ROOT / VENVS.get(peer.venv, "requirements.txt")
        assert all(re.search(rf"^{package}==", wanted.read_text(), re.M) for package in peer.packages), peer.name
        if peer.venv in (THEIRS, ARQ) and peer.module != "celery":
            assert not re.search(rf"^{peer.packages[0]}==", app, re.M)


def test_a_queue_that_is_not_as_it_comes_says_how():
    assert all(bool(peer.differs) == (peer.settings != "default") for peer in PEERS)
    assert all(peer.docs for peer in PEERS)


def test_the_ledger_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setenv("LEDGER", str(tmp_path / "ledger"))
    monkeypatch.setattr(ledger, "_file", ledger._file.__wrapped__)
    ledger.sleep(3, 0)
    ledger.noop(4)
    lines = ledger.read(tmp_path / "ledger")
    assert [(line.n, line.what) for line in lines] == [(3, "start"), (3, "done"), (4, "done")]
    assert len({line.pid for line in lines}) == 1


def test_what_is_done_and_begun_twice_is_counted_apart():
    lines = [ledger.Line(*line, 1) for line in (
        (0, "start", 10.0), (0, "done", 13.0),
        (1, "start", 13.0), (1, "start", 20.0), (1, "done", 23.0),
        (2, "start", 23.0), (2, "done", 26.0), (2, "start", 90.0), (2, "done", 93.0))]
    assert judge(lines, 3, at=14.0, gone=0.5) == Outcome(done=3, done_twice=1, begun_twice=2, gone=0.5, last=12.0)
    assert judge(lines, 4, at=14.0, gone=0.5).last is None


def test_a_row_shows_from_to_and_is_bold_where_the_promise_held():
    trial, held, lost = TRIALS[0], Outcome(10, 0, 2, 0.4, 63.6), Outcome(8, 0, 0, 0.4, None)
    assert row("x", trial, [held, held]) == ["x", "**10**", "**0**", "2", "0 s", "64 s"]
    assert row("x", trial, [held, lost]) == ["x", "8–10", "0", "0–2", "0 s", "–"]
    assert row("x", trial, [held._replace(done_twice=1)])[1:3] == ["10", "1"]
    assert row("x", TRIALS[2], [Outcome(4, 0, 0, None, 90)]) == ["x", "**4**", "**0**", "0", "–", "90 s"]
    assert span((2, 9, 5)) == "2–9"


def test_a_table_is_put_between_its_marks_and_nowhere_else(tmp_path):
    document = tmp_path / "x.md"
    document.write_text("a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n<!-- end -->\nc\n")
    lines = table(["", "x"], ["y", "1"])
    for _ in range(2):  # again, over what it wrote
        put(document, two=lines)
    assert document.read_text() == (
        "a\n<!-- one -->\nold\n<!-- end -->\nb\n<!-- two -->\n|  | x |\n| --- | --- |\n| y | 1 |\n<!-- end -->\nc\n")
    with pytest.raises(ValueError, match="three"):
        put(document, three=lines)


def test_the_document_has_the_outcome_of_each_queue_in_each_trial():
    text = DOCS.read_text().partition("<!-- faults -->")[2].partition("<!-- end -->")[0]
    for peer in PEERS:
        assert len(re.findall(rf"^\| {re.escape(peer.name)} \|", text, re.M)) == len(TRIALS) + 1, peer.name
