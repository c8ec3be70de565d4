"""Secrets that must not be in a log or reach Sentry: those of our own settings, and the password in any URL."""

import json
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus, unquote, urlsplit

from app import brokers
from app.config import Settings

MASK = "•••"
#: A secret of fewer characters would be found in every other word.
LEAST = 6
#: The password in a URL, after what stands before it.
IN_URL = re.compile(r"(://[^\s/:@]*:)[^\s/]+(?=@)")


class Scrubber:
    """Masks secrets in texts, however they are written there: as they are, quoted as in a URL, in JSON, by repr."""

    def __init__(self, secrets: Iterable[str]):
        written = {form for secret in secrets if len(secret) >= LEAST for form in (
            secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], repr(secret)[1:-1])}
        longest_first = sorted(written, key=len, reverse=True)
        self.known = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")

    @classmethod
    def of(cls, settings: Settings) -> "Scrubber":
        keys = [] if settings.secret_key == "development" else settings.secret_key.split(",")
        hooks = [secret.removeprefix("whsec_") for secret in settings.webhook_secrets]
        urls = map(urlsplit, (settings.redis_url, settings.broker_url, settings.smtp_url, settings.sentry_dsn))
        passwords = [url.password for url in urls if url.password] + brokers.secrets(settings.broker_url)
        passwords += [unquote(password) for password in passwords]
        if settings.sentry_dsn:  # its key stands where others have the user
            passwords.append(urlsplit(settings.sentry_dsn).username or "")
        if settings.bucket:
            passwords.append(settings.bucket.secret)
        if settings.firebase:  # its key is of many lines, and a line may be all that is shown of it
            passwords += [settings.firebase.private_key, *settings.firebase.private_key.strip().split("\n")[1:-1]]
        others = [settings.heroku_api_token, settings.hirefire_token,
                  urlsplit(settings.judoscale_url).path.rpartition("/")[2],
                  *(unquote(header.partition("=")[2].strip()) for header in settings.otlp_headers.split(","))]
        tokens = [*settings.api_tokens, *settings.read_tokens, *settings.metrics_tokens]
        return cls([*tokens, *keys, *hooks, *passwords, *others])

    def text(self, text: str) -> str:
        text = self.known.sub(MASK, text)
        return IN_URL.sub(rf"\1{MASK}", text) if "://" in text else text

    def deep(self, value: object):
        """A copy of lists, tuples and dicts in which every text is scrubbed."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.deep(name): self.deep(item) for name, item in value.items()}
        if isinstance(value, (list, tuple)):
            return (list if isinstance(value, list) else tuple)(map(self.deep, value))
        return value
