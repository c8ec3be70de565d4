"""Which secrets are found in a text, and in how many spellings."""

import json
import logging
import sys
from urllib.parse import quote

import pytest

from app import logs
from app.config import Settings
from app.scrubber import MASK, Scrubber

SECRETS = {
    "API_TOKEN": ("api-token-one" * 3, "api-token-two" * 3),
    "READ_TOKEN": ("read-token" * 4,),
    "SECRET_KEY": ("secret-key-one" * 3, "secret-key-two" * 3),
    "WEBHOOK_SECRET": ("whsec_" + "V2ViaG9vaw" * 4, "d2ViaG9vay" * 4),
}
PASSWORDS = {"REDIS_URL": "redis-pw", "BROKER_URL": "broker-pw", "SMTP_URL": "smtp-p@w:d/ä", "SENTRY_DSN": "sentrykey"}
SETTINGS = Settings.from_env({name: ",".join(values) for name, values in SECRETS.items()} | {
    "REDIS_URL": "rediss://:redis-pw@h:6379", "BROKER_URL": "amqps://user:broker-pw@h/v", "MAIL_FROM": "a@example.org",
    "SMTP_URL": f"smtp://user%40h:{quote('smtp-p@w:d/ä', safe='')}@h", "SENTRY_DSN": "https://sentrykey@h/1",
    "S3_BUCKET": "b", "AWS_SECRET_ACCESS_KEY": "bucket/secret+1", "HEROKU_API_TOKEN": "HRKU-token",
    "HIREFIRE_TOKEN": "hire-fires", "JUDOSCALE_URL": "https://adapter.example.org/api/judo-secret",
    "OTEL_EXPORTER_OTLP_HEADERS": "api-key=otlp%20secret,team=otlp-team"})
SCRUBBER = Scrubber.of(SETTINGS)
ALL = [*(secret for some in SECRETS.values() for secret in some), *PASSWORDS.values(), "bucket/secret+1",
       "HRKU-token", "hire-fires", "judo-secret", "otlp secret", "otlp-team"]


@pytest.mark.parametrize("secret", ALL)
@pytest.mark.parametrize("written", [str, json.dumps, repr, lambda text: quote(text, safe="")])
def test_each_secret_of_the_settings_is_masked_however_it_is_written(secret, written):
    text = f"before {written(secret)} after, and Bearer {secret}."
    clean = SCRUBBER.text(text)
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), secret.removeprefix("whsec_")):
        assert form not in clean
    assert clean.startswith("before ") and clean.endswith(".") and " after, and Bearer " in clean


def test_the_rest_of_a_text_stays():
    text = "GET /api/jobs 200: 3 of 4, user@h, https://example.com/a?b=c, development, api-token"
    assert SCRUBBER.text(text) == text
    assert SCRUBBER.text("") == ""


def test_the_password_in_a_url_of_somebody_else_is_masked():
    assert SCRUBBER.text("postgres://me:hunter2@db:5432/x is away") == f"postgres://me:{MASK}@db:5432/x is away"


def test_a_secret_that_begins_like_another_is_masked_whole():
    assert Scrubber(["secret", "secret-longer"]).text("secret-longer, secret") == f"{MASK}, {MASK}"


def test_what_every_other_word_would_be_is_no_secret():
    scrubber = Scrubber.of(Settings.from_env({"APP_ENV": "development", "API_TOKEN": "t", "READ_TOKEN": ""}))
    assert scrubber.text("the text of development") == "the text of development"


def test_lists_and_dicts_are_scrubbed_to_their_ends():
    secret = ALL[0]
    event = {"a": [{"b": (f"x {secret}", 5, None)}], secret: {"c": secret}, "d": 1.5}
    assert SCRUBBER.deep(event) == {"a": [{"b": (f"x {MASK}", 5, None)}], MASK: {"c": MASK}, "d": 1.5}
    assert event["a"][0]["b"][0] == f"x {secret}"


@pytest.fixture
def log():
    """A logger, and the lines that a handler with a format of its own, such as Celery's, writes of it."""
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(self.format(record))

    handler, logger, level = Handler(), logging.getLogger(), logging.getLogger().level
    factory, hook = logging.getLogRecordFactory(), sys.excepthook
    logs.start(Settings.from_env({"APP_ENV": "development", "API_TOKEN": ALL[0]}))
    logger.addHandler(handler)
    yield logger, lines
    logger.removeHandler(handler)
    logging.setLogRecordFactory(factory)
    logger.setLevel(level)
    sys.excepthook = hook


def test_no_line_of_any_logger_has_a_secret(log):
    logger, lines = log
    secret = ALL[0]
    logger.warning(f"in the text: {secret}")
    logger.warning("as a value: %s", secret)
    logger.warning("by name: %(token)s", {"token": secret})
    logger.warning("in a value's own words: %s", {"token": [secret]})
    try:
        raise ValueError(f"no: {secret}")
    except ValueError:
        logger.exception("with its trace")
    sys.excepthook(ValueError, ValueError(f"uncaught: {secret}"), None)
    assert len(lines) == 6
    assert secret not in "".join(lines)
    assert f"ValueError: no: {MASK}" in lines[-2]
    assert all(MASK in line for line in lines)


@pytest.mark.parametrize(("text", "values", "kept"), [
    # Sentry tells errors apart by the text before its values stand in it.
    ("job %s", ("a",), ("a",)),
    # The handler will fail of it, and say on stderr which values it had.
    ("%d is no number", (ALL[0],), (MASK,)), ("%(x)s is missing", ({"y": ALL[0]},), {"y": MASK})])
def test_the_arguments_of_a_line_stay_apart_where_they_can(log, text, values, kept):
    record = logging.getLogRecordFactory()("n", logging.ERROR, "file", 1, text, values, None)
    assert (record.msg, record.args) == (text, kept)
