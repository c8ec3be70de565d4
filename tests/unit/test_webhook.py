import base64
import json
import time

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from app import outgoing, states
from app.config import Settings
from app.jobs import webhook
from app.queue import make_celery

OLD, NEW = "whsec_" + base64.b64encode(b"o" * 32).decode(), "0123456789abcdef" * 4
ENDED = {"id": "a", "kind": "sample", "state": "failed", "attempt": "1", "worker": "inside@host",
         "message": '{"args":[],"kwargs":{"params":{"token":"hidden"}}}',
         "created": 1_800_000_000_000, "due": "1800000000000", "finished": "1800000001500",
         "result": None, "error": '{"type":"ValueError","message":"no ä \\ud83d"}',
         "history": '{"attempt":1,"started_at":1,"ended_at":2,"worker":"inside@host","outcome":"failed","error":null}'}


@pytest.mark.parametrize("secrets, finds", [((NEW,), {NEW}), ((NEW, OLD), {NEW, OLD}), ((OLD,), {OLD})])
def test_each_secret_has_its_signature(secrets, finds):
    body = webhook._payload(ENDED, {})
    headers = webhook._headers(secrets, "id-1", int(time.time()), body)
    for secret in (OLD, NEW):
        if secret in finds:
            assert Webhook(secret).verify(body, headers)["type"] == "job.failed"
        else:
            with pytest.raises(WebhookVerificationError, match="No matching signature"):
                Webhook(secret).verify(body, headers)


def test_nothing_goes_out_unsigned():
    with pytest.raises(outgoing.Refused, match="WEBHOOK_SECRET"):
        webhook._headers((), "id-1", 0, b"{}")


def test_it_tells_how_the_job_ended_and_nothing_that_is_only_ours():
    payload = json.loads(webhook._payload(ENDED, {}))
    assert list(payload) == ["type", "timestamp", "data"]
    assert (payload["type"], payload["timestamp"]) == ("job.failed", "2027-01-15T08:00:01.500Z")
    assert (payload["data"]["id"], payload["data"]["state"]) == ("a", "failed")
    assert payload["data"]["error"] == {"type": "ValueError", "message": "no ä ?"}
    assert payload["data"]["params"] == {"token": "••••••"}
    assert "hidden" not in str(payload) and "inside" not in str(payload)


@pytest.mark.parametrize("state", states.ALL)
def test_only_an_end_is_told(state):
    ended = ENDED | {"state": state}
    if state in states.FINISHED:
        assert json.loads(webhook._payload(ended, {}))["type"] == f"job.{state}"
    else:
        with pytest.raises(outgoing.Refused, match=f"is {state}"):
            webhook._payload(ended, {})


def test_of_a_job_that_is_gone_nothing_is_told():
    with pytest.raises(outgoing.Refused, match="deleted"):
        webhook._payload(None, {})


def test_it_is_tried_for_more_than_a_day_and_the_waits_grow():
    assert sum(webhook.DELAYS) > 24 * 3600
    assert list(webhook.DELAYS) == sorted(webhook.DELAYS)
    celery = make_celery(Settings.from_env({"APP_ENV": "development"}))
    assert celery.tasks["webhook"].max_attempts == len(webhook.DELAYS) + 1
