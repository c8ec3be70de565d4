"""What keeps other sites from acting in the name of who is signed in here."""

import secrets

from flask import abort, current_app, request, session
from itsdangerous import BadData, URLSafeSerializer
from markupsafe import Markup

from app.web.language import _


def require_same_origin() -> None:
    """For every form, also that of signing in. Browsers say where it comes from; who says nothing is none."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        ours = site in ("same-origin", "none")
    else:  # of an older browser, or without HTTPS
        ours = origin is None or origin.partition("://")[2] == request.host
    if not ours:
        abort(403, _("This form was sent by another site."))


def require_own_form() -> None:
    try:
        _signer().loads(request.form.get("csrf", ""))
    except BadData:
        abort(403, _("This form is out of date. Go back, reload the page and send it again."))


def field() -> Markup:
    """The hidden field that every form of the page carries. It is another one each time: of a page that is
    compressed, a text that always stands in it could be guessed from outside (BREACH)."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(_signer().dumps(secrets.token_hex(8)))


def _signer() -> URLSafeSerializer:
    """Signs for this session alone."""
    return URLSafeSerializer(current_app.secret_key, salt="csrf" + session.get("id", secrets.token_hex(16)))
