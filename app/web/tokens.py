"""The tokens that open this app, and the role of each: API_TOKEN's is "owner", READ_TOKEN's "reader"."""

import hmac

from flask import current_app


def digest(token: str) -> str:
    """Names a token without telling it: in a session's cookie, in a key of Redis."""
    return hmac.new(current_app.secret_key.encode(), b"token " + token.encode(), "sha256").hexdigest()[:32]


def role(given: str) -> str | None:
    """Of the token with this digest, compared in constant time. A token that is not set is nobody's."""
    settings = current_app.extensions["settings"]
    for name, tokens in (("owner", settings.api_tokens), ("reader", settings.read_tokens)):
        if any(hmac.compare_digest(given, digest(token)) for token in tokens):
            return name
    return None
