import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from hypothesis import settings
from jinja2 import FileSystemBytecodeCache

from app import lines
from app.scrubber import Scrubber
from tests import log_lines
from tests.dynos import ROOT, Dynos, Server

settings.register_profile("patient", deadline=None)  # a machine that is busy makes no example wrong
settings.load_profile("patient")

# The apps of all tests have the same templates.
COMPILED = ROOT / ".data" / "templates"
COMPILED.mkdir(parents=True, exist_ok=True)
Flask.jinja_options = {"bytecode_cache": FileSystemBytecodeCache(COMPILED)}


@pytest.fixture
def redis():
    """A Redis server of the test's own."""
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def make_dynos(tmp_path):
    """Make apps on a URL; their processes end with the test, and a failure shows what they printed."""
    made = []

    def make(url: str, **env: str) -> Dynos:
        made.append(Dynos(url, tmp_path, **env))
        return made[-1]

    yield make
    for dynos in made:
        dynos.end()
        for process in dynos.processes:
            print(f"--- {process.log.name}\n{process.text()[-6000:]}")


@pytest.fixture
def dynos(redis, make_dynos):
    return make_dynos(redis.url)


@pytest.fixture
def sentry():
    """Returns (DSN, list of the bodies that came)."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append((gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body).decode())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://key@127.0.0.1:{server.server_port}/1", bodies
    server.shutdown()
    server.server_close()


@pytest.fixture
def logged(caplog):
    """Returns what was logged since it was called last: the fields of each line."""
    def logged():
        text = caplog.text
        caplog.clear()
        return log_lines.parse_all(text)

    plain = caplog.handler.formatter
    caplog.handler.setFormatter(lines.Formatter(Scrubber([]), as_json=False))
    caplog.set_level("INFO")
    yield logged
    caplog.handler.setFormatter(plain)


@pytest.fixture(autouse=True)
def nobody_asks():
    """Flask's test client leaves a request open, which gunicorn does not."""
    lines.in_request()
    lines.in_job()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch):
    """The shell that runs the tests must not decide how they end."""
    for name in ("REDIS_URL", "BROKER_URL", "CLOUDAMQP_URL", "API_TOKEN", "SECRET_KEY", "SMTP_URL", "MAIL_FROM",
                 "SENTRY_DSN", "SENTRY_TRACES_SAMPLE_RATE", "SENTRY_ENVIRONMENT", "APP_ENV", "PORT", "DYNO", "RELEASE",
                 "WEB_CONCURRENCY", "WORKER_CONCURRENCY", "READ_TOKEN", "PROXY_HOPS", "ALLOWED_HOSTS", "RATE_LIMIT",
                 "WAITING_MAX", "MAIL_DAILY_LIMIT", "MAIL_ALLOWED_DOMAINS", "WEBHOOK_SECRET", "WEBHOOK_PRIVATE_HOSTS",
                 "HEROKU_PR_NUMBER", "HEROKU_API_TOKEN", "HEROKU_API_URL", "HEROKU_APP", "AUTOSCALE_MIN",
                 "AUTOSCALE_MAX", "HIREFIRE_TOKEN", "JUDOSCALE_URL", "METRICS_TOKEN", "LOG_METRICS",
                 "LOG_LEVEL", "LOG_FORMAT", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS",
                 "OTEL_SERVICE_NAME", "FIREBASE_SERVICE_ACCOUNT", "FIREBASE_API_URL", "QUEUES", "WORKER_QUEUES",
                 "LOG_RECORDS_TO", "LOG_RECORDS_MAX"):
        monkeypatch.delenv(name, raising=False)
