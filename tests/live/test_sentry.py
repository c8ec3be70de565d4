"""Errors reach Sentry from both processes: here a server that takes what the SDK sends."""

import urllib.error
import urllib.request

import pytest

from tests.dynos import wait_for


def test_an_error_in_a_child_of_the_worker_arrives(redis, make_dynos, sentry):
    dsn, bodies = sentry
    dynos = make_dynos(redis.url, SENTRY_DSN=dsn)
    dynos.worker()
    dynos.wait(dynos.task("boom").delay().id)
    wait_for(lambda: any("a bug in a job" in body for body in bodies), what="Sentry to hear of it")


def test_an_error_in_the_web_process_arrives(redis, make_dynos, sentry):
    """A record that makes no sense is a bug of ours: the browser sees no trace, Sentry does."""
    dsn, bodies = sentry
    dynos = make_dynos(redis.url, SENTRY_DSN=dsn)
    dynos.web()
    dynos.store.redis.hset("jobs:job:broken", mapping={"kind": "sample", "state": "queued", "created": "no number"})
    request = urllib.request.Request(dynos.base + "/api/jobs/broken", headers={"Authorization": "Bearer test-token"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.status == 500
    text = error.value.read().decode()
    error.value.close()
    assert error.value.headers["Content-Type"] == "application/problem+json"
    assert "Traceback" not in text and "no number" not in text
    wait_for(lambda: any("no number" in body for body in bodies), what="Sentry to hear of it")
