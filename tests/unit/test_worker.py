import os

import pytest

import worker


class Started(Exception):
    """In place of the new process image."""


def test_celery_is_started_again_after_waits_that_grow_and_have_an_end(monkeypatch, caplog):
    pauses = []

    def execv(*_):
        raise Started

    monkeypatch.setattr(worker.time, "sleep", pauses.append)
    monkeypatch.setattr(worker.os, "execv", execv)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    monkeypatch.setenv(worker.RESTARTS, "0")
    for _ in range(7):
        with pytest.raises(Started):
            worker.start_again(int(os.environ[worker.RESTARTS]))
    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert "starting it again in 30 s" in caplog.text
