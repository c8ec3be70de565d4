"""Who may do what. Every route is closed but those of OPEN: the API wants a bearer token, the page a session, and only
an owner changes anything. A new blueprint needs no line for that."""

from flask import abort, current_app, g, redirect, request, session, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from app.web import csrf, limits, sessions, tokens
from app.web.language import _

#: What the platform asks for, and files that are in everybody's copy of this app: not even counted.
FREE = ("static", "health.live", "health.ready")
OPEN = (*FREE, "auth.sign_in", "auth.check")
#: For a program with a token as well as for a person with a session.
EITHER = ("openapi.openapi",)
#: Forms that readers may send, too.
READERS = ("auth.sign_out",)
#: Methods that change nothing.
LOOKING = ("GET", "HEAD", "OPTIONS")


def guard():
    """Before every request, and before its body is read: count it, and refuse it to who may not."""
    if request.endpoint in FREE:
        return None
    if has_token := current_app.extensions["machines"].get(request.endpoint):
        return machine_guard(has_token)
    g.role, caller = bearer() if by_token() else sessions.current()
    limits.count(caller or limits.address())
    if request.endpoint is None:  # there is no such path, or not with this method: Flask says so
        return None
    return api_guard() if by_token() else page_guard()


def is_owner() -> bool:
    """Whether this request came with API_TOKEN, or by a session that it opened."""
    return g.get("role") == "owner"


def by_token() -> bool:
    """Whether this request must show a token. To the API a cookie is nothing."""
    return is_api() or request.endpoint in EITHER and "Authorization" in request.headers


def is_api() -> bool:
    return request.path.startswith("/api/")


def bearer() -> tuple[str | None, str | None]:
    """The role of who sends this request, and the digest of their token; None without one of ours."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None, None
    digest = tokens.digest(token.strip())
    if role := tokens.role(digest):
        return role, digest
    limits.count_wrong()
    return None, None


def machine_guard(has_token):
    if not has_token():
        limits.count_wrong()
        raise Unauthorized("This needs a token of its own.")
    limits.count(request.endpoint)


def api_guard():
    if g.role is None:
        given = request.authorization
        wrong = given and given.type == "bearer" and given.token
        detail = "That is no token of this app." if wrong else "Send the header Authorization: Bearer <API_TOKEN>."
        raise Unauthorized(detail, www_authenticate=WWWAuthenticate("bearer"))
    if request.method not in LOOKING and not is_owner():
        abort(403, "READ_TOKEN only looks; this needs API_TOKEN.")


def page_guard():
    """Who is not signed in is sent to do so. A form from elsewhere is refused, whoever sends it."""
    changes = request.method not in LOOKING
    if changes:
        csrf.require_same_origin()
    if request.endpoint in OPEN:
        return None
    if g.role is None:
        return sign_in_first()
    if changes and not is_owner() and request.endpoint not in READERS:
        abort(403, _("You signed in with READ_TOKEN, which only looks."))
    if changes:
        csrf.require_own_form()
    return None


def sign_in_first():
    if "id" in session:  # it has ended
        session.clear()
    if request.method == "GET" and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
        session["wanted"] = "/" + request.full_path.lstrip("/\\")  # "//host" would lead elsewhere
    return redirect(url_for("auth.sign_in"))
