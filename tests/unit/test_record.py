import json

import pytest

from app.record import as_json, params


def test_a_task_that_is_no_kind_shows_its_arguments():
    assert params('{"args": [1], "kwargs": {"a": 2}}') == {"args": [1], "kwargs": {"a": 2}}
    assert params('{"args": [], "kwargs": {"params": {"x": 1}}}') == params('{"args": [{"x": 1}]}') == {"x": 1}
    assert params('{"args": [], "kwargs": {"params": [1]}}') == {"args": [], "kwargs": {"params": [1]}}


def test_what_somebody_has_broken_by_hand_can_still_be_shown():
    job = as_json({"id": "a", "state": "failed", "message": "{no json", "history": "{\nnull\n", "progress": "x",
                   "error": "{", "result": "["})
    assert (job["kind"], job["params"], job["attempts"], job["error"]) == ("", {"args": [], "kwargs": {}}, [], None)


def test_a_retried_job_that_waits_has_not_finished():
    record = {"id": "a", "kind": "demo", "state": "scheduled", "message": "{}", "created": "0", "due": "1500",
              "finished": "1000", "max_attempts": ""}
    job = as_json(record)
    assert (job["created_at"], job["due_at"]) == ("1970-01-01T00:00:00.000Z", "1970-01-01T00:00:01.500Z")
    assert job["finished_at"] is None
    assert job["max_attempts"] is None


@pytest.mark.parametrize(("kept", "shown"), [("caf\udce9", "caf?"), ("\ud83d", "?"), ("\U0001f600", "\U0001f600")])
def test_half_of_a_surrogate_pair_is_shown_as_a_question_mark(kept, shown):
    message = json.dumps({"args": [], "kwargs": {"params": {"label": [kept]}}})
    for text in (message, message.replace("\\ud", "\\uD")):
        assert params(text) == {"label": [shown]}
