"""The outermost layer: what proxies in front tell us, HTTPS, the names that this app has, headers of every answer."""

import hashlib
import re
import uuid
from pathlib import Path

from flask import Flask, abort, current_app, redirect, request
from werkzeug.exceptions import SecurityError
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.sansio.utils import host_is_trusted
from werkzeug.wsgi import ClosingIterator

from app import lines
from app.web.audit import API, PAGE
from app.web.auth import LOOKING, by_token

#: What a page may load: its own style and script, and nothing that is written into it or comes from elsewhere.
OURS_ONLY = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
             "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
#: Of every answer that says nothing else.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": OURS_ONLY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # a job's page wants to know which list one comes from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
YEAR = 365 * 86400
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def stand_behind(flask: Flask, hops: int) -> None:
    """Believe so many proxies the client's address, and the last of them whether it came by HTTPS; nothing else."""
    flask.wsgi_app = ProxyFix(named(flask.wsgi_app), x_for=hops, x_proto=min(hops, 1))


def named(wsgi_app):
    """Each request has an id: the router's, if it looks like one, else our own. It is in the answer, and in every line
    that is logged until that is sent, with who asks and from where."""
    def serve(environ, start_response):
        given = environ.get("HTTP_X_REQUEST_ID", "")
        id = environ["HTTP_X_REQUEST_ID"] = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        by = API if environ["PATH_INFO"].startswith("/api/") else PAGE
        lines.in_request(request_id=id, by=by, **{"from": environ.get("REMOTE_ADDR")})

        def start(status, headers, *error):
            return start_response(status, [*headers, ("X-Request-ID", id)], *error)

        return ClosingIterator(wsgi_app(environ, start), lines.in_request)

    return serve


def admit():
    """Before every request. Health is for the platform, which asks by plain HTTP and by address."""
    settings = current_app.extensions["settings"]
    if request.blueprint == "health":
        return None
    if not request.host or not host_is_trusted(request.host.lower(), settings.allowed_hosts):
        raise SecurityError("This app does not answer to that host name (ALLOWED_HOSTS).")
    if request.method not in LOOKING and request.headers.get("Content-Encoding", "identity") != "identity":
        abort(415, "Send the body as it is, without Content-Encoding.")  # nothing here inflates what may be a bomb
    if request.is_secure or settings.development or not settings.proxy_hops:
        return None
    if request.method in LOOKING and not by_token():  # to where the client meant: it chose the host name itself
        return redirect(request.url.replace("http:", "https:", 1), 308)
    abort(403, "Use https. What was sent has travelled in the clear: if a token was in it, change that.")


def headers(response):
    """Jobs and mail are nobody's cache to keep; what is the same for all is kept for good, by its version."""
    if request.endpoint == "static":
        this = response.status_code == 200 and request.args.get("v") == version(request.view_args["filename"])
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if this else "no-cache"
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure and not current_app.extensions["settings"].development:
        response.headers["Strict-Transport-Security"] = f"max-age={YEAR}"
    return response


def version(name: str) -> str:
    """Changes with the content of a static file."""
    return hashlib.sha256((Path(__file__).parent / "static" / name).read_bytes()).hexdigest()[:8]
