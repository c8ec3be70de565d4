"""Who may do what: the API by bearer token, the page by a session that the same token opens."""

import hmac
import secrets

from flask import Blueprint, abort, current_app, redirect, render_template, request, session, url_for
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized

blueprint = Blueprint("auth", __name__)


def is_token(given: str) -> bool:
    """Compared in constant time. Without a token set, nothing is right."""
    expected = current_app.extensions["settings"].api_token
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def require_token():
    """For blueprints of the API: `blueprint.before_request(require_token)`."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not is_token(token.strip()):
        raise Unauthorized("Send the header Authorization: Bearer <API_TOKEN>.",
                           www_authenticate=WWWAuthenticate("bearer"))


def require_session():
    """For blueprints of the page: everybody else is sent to sign in, and a form from elsewhere is refused."""
    if not session.get("signed_in"):
        return redirect(url_for("auth.sign_in"))
    if request.method == "POST":
        require_own_form()


def require_own_form():
    given = request.form.get("csrf", "")
    if not hmac.compare_digest(given.encode(), session.get("csrf", "").encode()):
        abort(403, "This form is out of date. Go back, reload the page and send it again.")


@blueprint.get("/sign-in")
def sign_in():
    return render_template("sign_in.html")


@blueprint.post("/sign-in")
def check():
    if not is_token(request.form.get("token", "")):
        return render_template("sign_in.html", error="That is not the API_TOKEN of this app."), 401
    session.clear()
    session.update(signed_in=True, csrf=secrets.token_hex(16))
    return redirect(url_for("pages.index"))


@blueprint.post("/sign-out")
def sign_out():
    require_own_form()
    session.clear()
    return redirect(url_for("auth.sign_in"))
