"""Firebase Cloud Messaging, HTTP v1: one message to one device or topic, and what the answers mean. Knows nothing of
jobs.

What Google gives a token for is signed by `cryptography` itself: google-auth would add a third to its weight, and
another HTTP client, for the dozen lines of RFC 7523.
"""

import json
import re
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from urllib.parse import quote, urlencode

from app.addons import ServiceAccount
from app.asking import Answer, ask, connect
from app.config import Settings

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
#: A token is of use for an hour; one that ends within so many seconds is not used any more.
SPARE_SECONDS = 300
#: Where an answer does not say for how long Google wants to be left alone: after 429, and after any other.
QUOTA_SECONDS, PAUSE_SECONDS = 60, 10
#: Nothing puts us off for longer.
MOST_PAUSE_SECONDS = 3600
MEND = ("make a new key in the Firebase console (Project settings, Service accounts) and: heroku config:set "
        'FIREBASE_SERVICE_ACCOUNT="$(cat key.json)"')

#: Access tokens of this process, each with when it ends, on the monotonic clock.
_tokens: dict[ServiceAccount, tuple[str, float]] = {}


class Refused(Exception):
    """Final, whoever the message is for. The text says what to mend."""


class Rejected(Exception):
    """Final, for this device or topic: `code` is Firebase's, `invalid` whether the token is of no use any more."""

    def __init__(self, code: str, invalid: bool):
        super().__init__(code)
        self.code, self.invalid = code, invalid


class Undelivered(Exception):
    """Not now: worth another attempt in `wait` seconds or more. `all`: others would fare the same."""

    def __init__(self, why: str, wait: float = PAUSE_SECONDS, *, all: bool = False):
        super().__init__(why)
        self.wait, self.all = wait, all


class Firebase:
    """One connection, for any number of messages. Any call may raise Refused or Undelivered."""

    def __init__(self, settings: Settings, http: HTTPConnection):
        self.account, self.http = settings.firebase, http
        self.url = f"{settings.firebase_api_url.rstrip('/')}/v1/projects/{quote(self.account.project_id)}/messages:send"

    def send(self, message: dict) -> None:
        """Raises Rejected."""
        answer = self._post(message, access_token(self.account))
        if answer.status == 401 and code(answer) != "THIRD_PARTY_AUTH_ERROR":  # it may have been withdrawn early
            _tokens.pop(self.account, None)
            answer = self._post(message, access_token(self.account))
        if answer.status != 200 or "name" not in answer.body:
            raise error(answer, message)

    def _post(self, message: dict, token: str) -> Answer:
        return _ask(self.url, {"Authorization": f"Bearer {token}"}, {"message": message}, self.http)


@contextmanager
def session(settings: Settings) -> Iterator[Firebase]:
    """Raises Refused: this app has no service account."""
    if not settings.firebase:
        raise Refused(f"FIREBASE_SERVICE_ACCOUNT is not set: {MEND}")
    with closing(connect(settings.firebase_api_url)) as http:
        yield Firebase(settings, http)


def access_token(account: ServiceAccount) -> str:
    """A token that opens the API to this account: the last one, until shortly before it ends.

    Raises:
        Refused, Undelivered
    """
    token, end = _tokens.get(account, ("", 0.0))
    if time.monotonic() < end:
        return token
    form = urlencode({"grant_type": GRANT, "assertion": assertion(account, int(time.time()))}).encode()
    answer = _ask(account.token_uri, {"Content-Type": "application/x-www-form-urlencoded"}, form)
    token, seconds = answer.body.get("access_token"), answer.body.get("expires_in")
    if answer.status in (400, 401, 403):
        raise Refused(f"Google gives this service account no token ({answer.status} {words(answer)}): {MEND}")
    if answer.status != 200 or not isinstance(token, str) or not re.fullmatch("[!-~]+", token):
        raise Undelivered(f"Google gave no token, but {answer.status} {words(answer)}".strip(), wait(answer), all=True)
    seconds = seconds if isinstance(seconds, int) else 0
    _tokens[account] = token, time.monotonic() + seconds - SPARE_SECONDS
    return token


def assertion(account: ServiceAccount, now: int) -> str:
    """What the token is given for: a JWT, signed by the account's key. Raises Refused."""
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # 11 MB, only where something is sent
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(account.private_key.encode(), None)
    except ValueError:
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise Refused(f"The private key of FIREBASE_SERVICE_ACCOUNT is damaged: {MEND}")
    claims = {"iss": account.client_email, "scope": SCOPE, "aud": account.token_uri, "iat": now, "exp": now + 3600}
    head = {"alg": "RS256", "typ": "JWT", "kid": account.private_key_id}
    signed = b".".join(_base64(json.dumps(part).encode()) for part in (head, claims))
    return b".".join((signed, _base64(key.sign(signed, padding.PKCS1v15(), SHA256())))).decode()


def _base64(part: bytes) -> bytes:
    return urlsafe_b64encode(part).rstrip(b"=")


def _ask(url: str, headers: dict[str, str], body: dict | bytes, http: HTTPConnection | None = None) -> Answer:
    try:
        return ask("POST", url, headers, body, http)
    except OSError as error:
        raise Undelivered(f"Google is out of reach: {error}", all=True) from None


def error(answer: Answer, message: dict) -> Exception:
    """What an answer that is no yes comes to."""
    told, status = words(answer, hide=message.get("token")), answer.status
    rejected = partial(Rejected, code(answer) or "INVALID_ARGUMENT")
    if code(answer) == "UNREGISTERED" or status == 400 and of_token(answer):
        return rejected(invalid=True)
    if code(answer) in ("SENDER_ID_MISMATCH", "THIRD_PARTY_AUTH_ERROR"):  # 403, 401: of the app that the device has
        return rejected(invalid=False)
    if status in (401, 403):
        return Refused(f"Firebase does not let this service account send ({status} {told}). Turn the Firebase Cloud "
                       f"Messaging API on for the project, or {MEND}")
    if 400 <= status < 500 and status not in (408, 429):
        return Refused(f"Firebase refuses the message ({status} {told})")
    return Undelivered(f"Firebase said {status} {told}".strip(), wait(answer), all=status == 429)


def code(answer: Answer) -> str:
    """Firebase's own, beside that of HTTP; "" where there is none."""
    for detail in _details(answer):
        if str(detail.get("@type")).endswith("google.firebase.fcm.v1.FcmError"):
            return str(detail.get("errorCode") or "")[:50]
    return ""


def of_token(answer: Answer) -> bool:
    """Whether the token is what an INVALID_ARGUMENT is about: Firebase says so in a field or in words."""
    named = [field.get("field") for detail in _details(answer) for field in _dicts(detail.get("fieldViolations"))]
    return "message.token" in named or "registration token" in words(answer)


def words(answer: Answer, hide: str | None = None) -> str:
    """What an answer says, without the device that it is about."""
    told = answer.body.get("error_description") or answer.body.get("error") or ""
    told = told.get("message") if isinstance(told, dict) else told
    told = str(told or "")
    return (told.replace(hide, "…") if hide else told)[:300]


def _details(answer: Answer) -> list[dict]:
    error = answer.body.get("error")
    return _dicts(error.get("details") if isinstance(error, dict) else None)


def _dicts(value: object) -> list[dict]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def wait(answer: Answer) -> float:
    """Seconds that Google wants to be left alone."""
    given = answer.headers.get("Retry-After", "")
    if re.fullmatch("[0-9]{1,9}", given):
        return min(float(given), MOST_PAUSE_SECONDS)
    return QUOTA_SECONDS if answer.status == 429 else PAUSE_SECONDS
