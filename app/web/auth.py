"""Who may do what: the API by bearer token, the page by a session that the same token opens."""

import hmac
import secrets

from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from itsdangerous import BadData, URLSafeSerializer
from markupsafe import Markup
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

from app.web.language import _

blueprint = Blueprint("auth", __name__)
blueprint.app_context_processor(lambda: {"may_change": may_change()})

#: Methods that change nothing.
LOOKING = ("GET", "HEAD", "OPTIONS")


def role(given: str) -> str | None:
    """"owner" by API_TOKEN, "reader" by READ_TOKEN. Compared in constant time; a token that is not set is nobody's."""
    settings = current_app.extensions["settings"]
    for name, tokens in (("owner", settings.api_tokens), ("reader", settings.read_tokens)):
        if any(hmac.compare_digest(given.encode(), token.encode()) for token in tokens):
            return name
    return None


def require_token():
    """For blueprints of the API: `blueprint.before_request(require_token)`."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    who = role(token.strip()) if scheme.lower() == "bearer" else None
    if who is None:
        raise Unauthorized("Send the header Authorization: Bearer <API_TOKEN>.",
                           www_authenticate=WWWAuthenticate("bearer"))
    if who == "reader" and request.method not in LOOKING:
        abort(403, "READ_TOKEN only looks; this needs API_TOKEN.")


def require_session():
    """For blueprints of the page: everybody else is sent to sign in, and a form from elsewhere is refused."""
    if not session.get("signed_in"):
        if request.method == "GET" and request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate":
            session["wanted"] = "/" + request.full_path.lstrip("/\\")  # "//host" would lead elsewhere
        return redirect(url_for("auth.sign_in"))
    if request.method not in LOOKING:
        require_own_form()
        if not may_change():
            abort(403, _("You signed in with READ_TOKEN, which only looks."))


def may_change() -> bool:
    return session.get("signed_in") == "owner"


def require_own_form():
    try:
        _signer().loads(request.form.get("csrf", ""))
    except BadData:
        abort(403, _("This form is out of date. Go back, reload the page and send it again."))


@blueprint.app_template_global()
def csrf() -> Markup:
    """The hidden field that every form of the page carries. It is another one each time: of a page that is
    compressed, a text that always stands in it could be guessed from outside (BREACH)."""
    token = _signer().dumps(secrets.token_hex(8))
    return Markup('<input type="hidden" name="csrf" value="{}">').format(token)


def _signer() -> URLSafeSerializer:
    """Signs for this session alone."""
    return URLSafeSerializer(current_app.secret_key, salt="csrf" + session.get("csrf", secrets.token_hex(16)))


@blueprint.get("/sign-in")
def sign_in():
    return render_template("sign_in.html")


@blueprint.post("/sign-in")
def check():
    who = role(request.form.get("token", ""))
    if who is None:
        return render_template("sign_in.html", error=_("That is not the API_TOKEN of this app.")), 401
    wanted = session.get("wanted", url_for("pages.index"))
    session.clear()
    session.update(signed_in=who, csrf=secrets.token_hex(16))
    return redirect(wanted)


@blueprint.post("/sign-out")
def sign_out():
    require_own_form()
    session.clear()
    return redirect(url_for("auth.sign_in"))
