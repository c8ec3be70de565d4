"""The environment, read once and strictly into one frozen object. Every problem is reported, one line each."""

import os
import re
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from dotenv import dotenv_values

from app import addons, brokers
from app.address import domain, normalized

REDIS_SCHEMES = ("redis", "rediss")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
LOG_FORMATS = ("LOGFMT", "JSON")
#: Memory for one worker process that runs jobs, and for one web process, in MB. Heroku divides the same way:
#: 512 MB make WEB_CONCURRENCY 2.
PROCESS_MB = 256
#: A secret has as many characters at least: 128 bits, written in hexadecimal.
SECRET_CHARS = 32
#: What stands in place of a secret in an example.
EXAMPLE = re.compile(r"change.?me|example|replace.?(me|this)|your.?(token|secret|key)|…|"
                     "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", re.I)  # of the specification of Standard Webhooks
#: A host as a browser names it, or all below it; as the URL of a webhook has it, of IPv6 without its brackets.
OUR_HOST = re.compile(r"\.?[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*(:[0-9]{1,5})?")
THEIR_HOST = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*|[0-9a-f]*(:[0-9a-f.]*){2,7}")
QUEUE_NAME = re.compile(r"[A-Za-z0-9_.-]{1,80}")
#: No more than this by itself: a machine that names no limit is not one for a hundred processes.
MOST_PROCESSES = 16


class ConfigError(Exception):
    """The environment is not right. One line of its text for each problem: the variable, what is wrong, the way out."""


@dataclass(frozen=True)
class Settings:
    """Settings of both processes. What each means: docs/settings.md."""

    development: bool
    redis_url: str
    broker_url: str
    api_tokens: tuple[str, ...]
    read_tokens: tuple[str, ...]
    secret_key: str
    proxy_hops: int
    allowed_hosts: tuple[str, ...]
    rate_limit: int
    waiting_max: int
    memory_mb: int
    web_concurrency: int
    worker_concurrency: int
    queues: tuple[str, ...]
    worker_queues: tuple[str, ...]
    lease_seconds: float
    shutdown_seconds: float
    retention_days: float
    smtp_url: str
    mail_from: str
    mail_daily_limit: int
    mail_allowed_domains: tuple[str, ...]
    mails_nobody: bool
    webhook_secrets: tuple[str, ...]
    webhook_private_hosts: tuple[str, ...]
    upload_max_mb: float
    result_max_mb: float
    bucket: addons.BucketSettings | None
    sentry_dsn: str
    sentry_traces_sample_rate: float
    otlp_endpoint: str
    otlp_headers: str
    log_level: str
    log_json: bool
    port: int
    remote_control: bool
    dyno: str
    release: str
    heroku_api_token: str
    heroku_api_url: str
    heroku_app: str
    autoscale_min: int
    autoscale_max: int
    hirefire_token: str
    judoscale_url: str
    metrics_tokens: tuple[str, ...]
    log_metrics: bool
    firebase: addons.ServiceAccount | None
    firebase_api_url: str
    log_records_to: str
    log_records_max: int

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> "Settings":
        """Read `environ`, or the process's own and, in development, the file `.env` under it.

        Raises:
            ConfigError
        """
        if environ is None:
            environ = os.environ
            if environ.get("APP_ENV") == "development":
                environ = {k: v for k, v in dotenv_values(".env").items() if v is not None} | dict(environ)
        read = _Reader(environ)
        development = environ.get("APP_ENV") == "development"
        redis_url = read.url("REDIS_URL", REDIS_SCHEMES, "redis://127.0.0.1:6379/0" if development else None,
                             "add the Redis add-on: heroku addons:create heroku-redis:mini")
        memory_mb = read.number("DYNO_RAM", memory(), 64, 1 << 20)
        processes = min(max(1, memory_mb // PROCESS_MB), MOST_PROCESSES)
        smtp_url = read.url("SMTP_URL", ("smtp", "smtps"), addons.smtp_url(environ))
        mail_allowed_domains = read.domains("MAIL_ALLOWED_DOMAINS")
        mails_nobody = addons.review(environ) and not mail_allowed_domains
        if mails_nobody:
            smtp_url = ""  # a copy of the app that anybody's branch makes: it has the outbox
        api_tokens = read.secrets("API_TOKEN", needed=not development)
        read_tokens = read.secrets("READ_TOKEN", unlike=api_tokens)
        tokens = api_tokens + read_tokens
        # A review app that has got its parent's variables must not scale its parent.
        autoscale_max = 0 if addons.review(environ) else read.whole("AUTOSCALE_MAX", 0, 0, 100)
        settings = cls(
            development=development,
            redis_url=redis_url,
            broker_url=read.broker("BROKER_URL") or read.broker("CLOUDAMQP_URL") or redis_url,
            api_tokens=api_tokens,
            read_tokens=read_tokens,
            secret_key=",".join(read.secrets("SECRET_KEY", needed=not development, unlike=tokens)) or "development",
            # Heroku has its router in front; a CDN before that is one more.
            proxy_hops=read.whole("PROXY_HOPS", 0 if development else 1, 0, 10),
            allowed_hosts=read.hosts("ALLOWED_HOSTS", OUR_HOST, "example.com, or .example.com for all below it too"),
            rate_limit=read.whole("RATE_LIMIT", 6000, 0, 1_000_000_000),
            waiting_max=read.whole("WAITING_MAX", 50_000, 1, 1_000_000_000),
            memory_mb=int(memory_mb),
            web_concurrency=read.whole("WEB_CONCURRENCY", processes, 1, 512),
            worker_concurrency=read.whole("WORKER_CONCURRENCY", processes, 1, 512),
            queues=read.queues("QUEUES"),
            worker_queues=read.queues("WORKER_QUEUES"),
            lease_seconds=read.number("LEASE_SECONDS", 60, 5, 86400),
            # The platform kills 30 s after its first SIGTERM; what is left is for handing back and closing.
            shutdown_seconds=read.number("SHUTDOWN_SECONDS", 20, 0, 25),
            retention_days=read.number("RETENTION_DAYS", 7, 1, 3650),
            smtp_url=smtp_url,
            mail_from=read.address("MAIL_FROM", None if smtp_url else "app@localhost",
                                   "set the address that mail comes from: heroku config:set MAIL_FROM=you@example.com"),
            mail_daily_limit=read.whole("MAIL_DAILY_LIMIT", 1000, 0, 1_000_000_000),
            mail_allowed_domains=mail_allowed_domains,
            mails_nobody=mails_nobody,
            webhook_secrets=read.webhook_secrets(unlike=tokens),
            webhook_private_hosts=read.hosts("WEBHOOK_PRIVATE_HOSTS", THEIR_HOST, "intranet.example.com or 10.0.0.1"),
            # Redis has 25 MB on the smallest plan; most tables deflate to a fifth, documents hardly.
            upload_max_mb=read.number("UPLOAD_MAX_MB", 5, 0.001, 1000),
            result_max_mb=read.number("RESULT_MAX_MB", 10, 0.001, 1000),
            bucket=read.bucket(),
            sentry_dsn=read.dsn("SENTRY_DSN"),
            sentry_traces_sample_rate=read.number("SENTRY_TRACES_SAMPLE_RATE", 0, 0, 1),
            # OpenTelemetry reads its variables itself; what is secret we need to know.
            otlp_endpoint=read.url("OTEL_EXPORTER_OTLP_ENDPOINT", ("http", "https"), ""),
            otlp_headers=read.text("OTEL_EXPORTER_OTLP_HEADERS", "", ""),
            log_level=read.choice("LOG_LEVEL", LOG_LEVELS, "INFO"),
            log_json=read.choice("LOG_FORMAT", LOG_FORMATS, "LOGFMT") == "JSON",
            port=read.whole("PORT", 8000, 1, 65535),
            remote_control=read.choice("REMOTE_CONTROL", ("0", "1"), "0") == "1",
            dyno=environ.get("DYNO", ""),
            release=addons.release(environ),
            # Others made these tokens, so their length is not ours to judge.
            heroku_api_token=read.header("HEROKU_API_TOKEN", "heroku authorizations:create --scope write --short"),
            heroku_api_url=read.url("HEROKU_API_URL", ("https", "http") if development else ("https",),
                                    "https://api.heroku.com"),
            heroku_app=read.text("HEROKU_APP", "", ""),
            autoscale_min=read.whole("AUTOSCALE_MIN", 0, 0, autoscale_max or 100),
            autoscale_max=autoscale_max,
            hirefire_token=read.text("HIREFIRE_TOKEN", "", ""),
            judoscale_url=read.url("JUDOSCALE_URL", ("https", "http") if development else ("https",), ""),
            metrics_tokens=read.secrets("METRICS_TOKEN", unlike=tokens),
            log_metrics=read.choice("LOG_METRICS", ("0", "1"), "0") == "1",
            firebase=read.service_account("FIREBASE_SERVICE_ACCOUNT", ("https", "http") if development else ("https",)),
            firebase_api_url=read.url("FIREBASE_API_URL", ("https", "http") if development else ("https",),
                                      "https://fcm.googleapis.com"),
            log_records_to=read.destination("LOG_RECORDS_TO"),
            log_records_max=read.whole("LOG_RECORDS_MAX", 50_000, 1000, 1_000_000_000),
        )
        if read.problems:
            raise ConfigError("\n".join(read.problems))
        return settings


class _Reader:
    def __init__(self, environ: Mapping[str, str]):
        self.environ = environ
        self.problems: list[str] = []

    def text(self, name: str, default: str | None, remedy: str) -> str:
        value = self.environ.get(name, "").strip() or default
        if value is None:
            self.problems.append(f"{name} is missing; {remedy}")
        return value or ""

    def header(self, name: str, command: str) -> str:
        """What a header can carry: a line of ASCII. The value is not repeated in the error."""
        value = self.text(name, "", "")
        if not re.fullmatch("[!-~]*", value):
            self.problems.append(f"{name} has a letter or a space that none has; set it to the output of: {command}")
        return value

    def names(self, name: str) -> tuple[str, ...]:
        """Of hosts or domains, with commas between."""
        return tuple(part.strip().lower() for part in self.environ.get(name, "").split(",") if part.strip())

    def hosts(self, name: str, form: re.Pattern, such_as: str) -> tuple[str, ...]:
        """Each of which can match: with a scheme, a path or a * it would be none of anybody's."""
        self.problems += [f"{name} has {given!r}, which is no host; set it to ones such as {such_as}"
                          for given in self.names(name) if not form.fullmatch(given)]
        return self.names(name)

    def queues(self, name: str) -> tuple[str, ...]:
        """Names, which are what they are in any case, with commas between."""
        found = tuple(part.strip() for part in self.environ.get(name, "").split(",") if part.strip())
        self.problems += [f"{name} has {given!r}, which is no name of a queue; set it to ones such as mail,reports"
                          for given in found if not QUEUE_NAME.fullmatch(given)]
        return found

    def domains(self, name: str) -> tuple[str, ...]:
        """As app.address.check_domains wants them."""
        found = []
        for given in self.names(name):
            try:
                found.append("." * given.startswith(".") + domain("x@" + given.strip(".")))
            except ValueError:
                self.problems.append(f"{name} has {given!r}, which is no domain; set it to ones such as example.com, "
                                     "or .example.com for all below it too")
        return tuple(found)

    def secrets(self, name: str, *, needed: bool = False, unlike: tuple[str, ...] = ()) -> tuple[str, ...]:
        """One, or several with commas between, of which each is right. The values are not repeated in the error.

        Args:
            needed: in production it must be there.
            unlike: the tokens that none of them may be.
        """
        values = tuple(part.strip() for part in self.environ.get(name, "").split(",") if part.strip())
        wrong = "is missing" if needed and not values else ""
        if any(value in unlike for value in values):
            wrong = "has the value of a token, which may do more"
        elif self.environ.get("APP_ENV") != "development":
            if any(EXAMPLE.search(value) for value in values):
                wrong = "is an example's value, which everybody knows"
            elif any(len(value) < SECRET_CHARS for value in values):
                wrong = f"is shorter than {SECRET_CHARS} characters, so it could be guessed"
        if wrong:
            self.problems.append(f"{name} {wrong}; set it to the output of: "
                                 "python -c 'import secrets; print(secrets.token_hex(32))'")
        return values

    def webhook_secrets(self, unlike: tuple[str, ...]) -> tuple[str, ...]:
        found, values = len(self.problems), self.secrets("WEBHOOK_SECRET", unlike=unlike)
        if len(self.problems) > found:
            return ()
        try:
            if all(24 <= len(b64decode(value.removeprefix("whsec_"), validate=True)) <= 64 for value in values):
                return values
        except ValueError:
            pass
        self.problems.append("WEBHOOK_SECRET is none of Standard Webhooks; set it to the output of: "
                             "python -c 'import secrets; print(secrets.token_hex(32))'")
        return ()

    def url(self, name: str, schemes: tuple[str, ...], default: str | None, remedy: str = "") -> str:
        value = self.text(name, default, remedy)
        if value:
            try:
                parts = urlsplit(value)
                right = parts.scheme in schemes and parts.hostname and (parts.port or 1)
                if schemes == REDIS_SCHEMES:  # the path is the number of a database
                    right = right and (parts.path.strip("/") or "0").isdecimal()
            except ValueError:
                right = False
            if not right:  # the value itself may hold a password, so it is not repeated
                forms = " or ".join(f"{scheme}://host:port" for scheme in schemes)
                self.problems.append(f"{name} is no such URL; set it to {forms}")
        return value

    def dsn(self, name: str) -> str:
        """Without its key or its project's number Sentry's client would not start, and we not with it."""
        found = len(self.problems)
        value = self.url(name, ("http", "https"), "")
        if value and len(self.problems) == found:
            parts = urlsplit(value)
            if not parts.username or not re.search("/[0-9]+$", parts.path):
                self.problems.append(f"{name} is no DSN; set it to what Sentry shows of the project under Client Keys: "
                                     "https://key@host/number")
        return value

    def broker(self, name: str) -> str:
        """Some have no host."""
        value = self.environ.get(name, "").strip()
        if value and (wrong := brokers.problem(value)):
            self.problems.append(f"{name} {wrong}")
        return value

    def address(self, name: str, default: str | None, remedy: str) -> str:
        value = self.text(name, default, remedy)
        if value and value != default:
            try:
                return normalized(value)
            except ValueError as error:
                self.problems.append(f"{name} is no address; set it to one such as you@example.com: {error}")
        return value

    def bucket(self) -> addons.BucketSettings | None:
        bucket = addons.bucket(self.environ)
        if bucket and not find_spec("boto3"):
            self.problems.append("S3_BUCKET, or a storage add-on, names a bucket, but its client is not installed; "
                                 "add boto3 to requirements.in and run bin/lock")
        return bucket

    def destination(self, name: str) -> str:
        """Of records: stdout, redis:NAME or s3."""
        value = self.environ.get(name, "").strip() or "stdout"
        if not re.fullmatch(r"stdout|s3|redis:(?!jobs:)[A-Za-z0-9_.:-]{1,100}", value):
            self.problems.append(f"{name} is {value!r}; set it to stdout, s3, or redis: and the name of a stream that "
                                 "does not begin with jobs:")
        elif value == "s3" and not addons.bucket(self.environ):
            self.problems.append(f"{name} is s3, but there is no bucket; set S3_BUCKET")
        return value

    def service_account(self, name: str, schemes: tuple[str, ...]) -> addons.ServiceAccount | None:
        value = self.environ.get(name, "").strip()
        try:
            return addons.service_account(value, schemes) if value else None
        except ValueError:
            self.problems.append(f"{name} is no key of a service account; set it to the file that the Firebase console "
                                 f"makes (Project settings, Service accounts): heroku config:set "
                                 f'{name}="$(cat key.json)"')
            return None

    def number(self, name: str, default: float, least: float, most: float) -> float:
        value = self.environ.get(name, "").strip()
        try:
            number = float(value) if value else float(default)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            self.problems.append(f"{name} is {value!r}; set it to a number from {least:g} to {most:g}, "
                                 f"or leave it out for {default:g}")
            return default
        return number

    def whole(self, name: str, default: float, least: int, most: int) -> int:
        number = self.number(name, default, least, most)
        if number != int(number):
            self.problems.append(f"{name} is {number:g}; set it to a whole number")
        return int(number)

    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str:
        value = self.environ.get(name, "").strip() or default
        if value.upper() not in choices:
            self.problems.append(f"{name} is {value!r}; set it to one of {', '.join(choices)}")
        return value.upper()


def memory() -> float:
    """MB that this machine or container gives us: its cgroup's limit, else what is built in."""
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = int(Path(path).read_text())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if limit < 1 << 50:
            return limit / (1 << 20)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 20)
