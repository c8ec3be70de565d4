"""What Sentry gets, and who else hears of it: nobody."""

import subprocess
import sys

from app.config import Settings
from app.scrubber import Scrubber
from app.sentry import event
from tests.dynos import ROOT
from tests.receiver import Receiver

SETTINGS = Settings.from_env({"APP_ENV": "development", "API_TOKEN": "token-" * 6})


def test_nothing_of_a_request_that_somebody_sent_or_is_known_by_is_told():
    request = {"url": "https://h/api/jobs", "method": "POST", "data": "dear diary", "cookies": {"session": "x"},
               "query_string": "q=ada", "headers": {"Authorization": "x", "Cookie": "x", "Referer": "x", "Accept": "*"}}
    told = event(Scrubber.of(SETTINGS), {"request": request, "message": "token-" * 6}, {})
    assert told == {"request": {"url": "https://h/api/jobs", "method": "POST", "headers": {"Accept": "*"}},
                    "message": "•••"}


def test_whom_we_call_learns_nothing_of_the_trace_and_sentry_nothing_of_the_address(sentry):
    """A webhook's address may be a secret, and its receiver is a stranger."""
    dsn, bodies = sentry
    stranger = Receiver()
    code = f"""
import urllib.request
import sentry_sdk
from app.config import Settings
from app.sentry import start
start(Settings.from_env({{"APP_ENV": "development", "SENTRY_DSN": {dsn!r}, "SENTRY_TRACES_SAMPLE_RATE": "1"}}))
with sentry_sdk.start_transaction(name="a job"):
    urllib.request.urlopen("http://127.0.0.1:{stranger.port}/hush?key=hush", b"").close()
    sentry_sdk.capture_message("said")
"""
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
    stranger.end()
    (call,) = stranger.got
    assert not {"sentry-trace", "baggage", "traceparent"} & set(call.headers)
    text = "".join(bodies)
    assert '"op":"http.client"' in text and "said" in text
    assert "hush" not in text


def test_without_its_variable_it_is_not_even_imported():
    code = """
import sys
from app.config import Settings
from app.web import create_app
import worker
create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": "redis://127.0.0.1:1/0"}))
print({"sentry_sdk", "app.monitors", "opentelemetry.exporter", "app.telemetry"} & set(sys.modules))
"""
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "set()"
