"""What a job logs is sent soon, and never in the job's way, whatever Redis does."""

import json
import logging
import threading

import pytest
from redis.exceptions import ConnectionError, TimeoutError

from app import logs
from app.connections import connect, in_a_hurry
from tests.dynos import wait_for

log = logging.getLogger("a.library")


@pytest.fixture(autouse=True)
def level():
    before = logging.getLogger().level
    logging.getLogger().setLevel(logging.INFO)
    yield
    logging.getLogger().setLevel(before)


def test_the_last_words_of_a_job_that_then_is_silent_are_sent(monkeypatch):
    monkeypatch.setattr(logs, "SEND_SECONDS", 0.2)
    sent = []
    with logs.JobLog(sent.append, 1):
        log.info("first")
        assert len(sent) == 1  # at once
        for _ in range(2):
            for _ in range(3):
                log.info("more")
            wait_for(lambda: sum(map(len, sent)) % 3 == 1 and len(sent) > 1, 5)
    assert [len(lines) for lines in sent] == [1, 3, 3]
    wait_for(lambda: not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)], 5)


def test_a_redis_that_is_away_delays_a_chatty_job_once_not_with_each_line(monkeypatch):
    now, tries = [1000.0], []

    def send(lines):
        tries.append([json.loads(line)["message"] for line in lines])
        raise TimeoutError

    monkeypatch.setattr(logs, "monotonic", lambda: now[0])
    with logs.JobLog(send, 1) as job_log:
        for n in range(10):
            log.warning("line %s", n)
            job_log.flush()
            now[0] += 2
        assert tries == [["line 0"]]
        now[0] += 30
        log.info("later")
        assert len(tries) == 2
    assert len(tries) == 2


def test_what_is_logged_while_lines_are_sent_does_not_send_lines():
    sent = []

    def send(lines):
        sent.append(lines)
        log.warning("from within")

    with logs.JobLog(send, 1):
        log.warning("one")
        assert len(sent) == 1
    assert len(sent) == 1


def test_a_job_waits_for_its_connection_longer_than_its_log_does(redis):
    """The thread of a log must not make the job fail, nor wait out an outage with the job."""
    client = connect(redis.url, patient=True)
    connection = client.connection_pool.get_connection()
    with in_a_hurry(), pytest.raises(ConnectionError):
        client.ping()
    threading.Timer(6, client.connection_pool.release, [connection]).start()
    assert client.ping()
    client.close()
