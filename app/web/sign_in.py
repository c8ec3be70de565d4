"""Signing in to the page, with the token of the API, and out."""

from flask import Blueprint, g, redirect, render_template, request, session, url_for

from app.web import csrf, limits, sessions, tokens
from app.web.audit import audit
from app.web.auth import is_owner
from app.web.language import _

#: The largest form of a sign-in, in bytes: it comes from anybody.
LARGEST_FORM = 4096

blueprint = Blueprint("auth", __name__)
blueprint.app_context_processor(lambda: {"may_change": is_owner(), "signed_in": bool(g.get("role"))})
blueprint.add_app_template_global(csrf.field, "csrf")


@blueprint.get("/sign-in")
def sign_in():
    return render_template("sign_in.html")


@blueprint.post("/sign-in")
def check():
    request.max_content_length = LARGEST_FORM
    limits.may_guess()
    token = request.form.get("token", "")
    role = tokens.role(tokens.digest(token))
    limits.guess(role is not None)
    if role is None:
        return render_template("sign_in.html", error=_("That is no token of this app.")), 401
    wanted = session.get("wanted", url_for("pages.index"))
    sessions.begin(token)
    audit("sign_in", role=role)
    return redirect(wanted)


@blueprint.post("/sign-out")
def sign_out():
    sessions.end()
    audit("sign_out", role=g.role)
    return redirect(url_for("auth.sign_in"))
