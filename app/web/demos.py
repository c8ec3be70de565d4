"""Buttons that make demo jobs: a few clicks after the deploy there is something to see."""

import secrets

from flask import Blueprint, flash, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.exceptions import NotFound, UnprocessableEntity

from app.accept import NewJob, accept
from app.web.api import kinds
from app.web.audit import request_id
from app.web.language import _, ngettext, words

blueprint = Blueprint("demos", __name__, url_prefix="/demos")

COUNTS = (1, 10, 50)
#: What becomes of each ten, in turn. `later` is short, but not now; `fails` has no attempt that succeeds.
TURNS = ("short", "short", "fails", "later", "recovers", "slow", "short", "fails", "later", "slow")


@blueprint.app_template_global()
def demos() -> Markup:
    """The buttons, for a page; nothing where an owner has deleted the kind."""
    if "demo" not in kinds():
        return Markup()
    return Markup(render_template("demos.html", counts=COUNTS, key=secrets.token_hex(16)))


@blueprint.post("")
def create():
    if "demo" not in kinds():
        raise NotFound("This app has no jobs of the kind demo.")
    count = request.form.get("count", type=int)
    if count not in COUNTS:
        raise UnprocessableEntity(f"count must be one of {COUNTS}.")
    for n, job in enumerate(mix(count)):
        accept(kinds(), job, request_id=request_id(), idempotency_key=f"{request.form['key']}-{count}-{n}")
    flash(ngettext("One demo job is on its way.", "%(num)s demo jobs are on their way.", count) % {"num": count})
    return redirect(url_for("pages.index"), 303)


def mix(count: int) -> list[NewJob]:
    if count == 1:
        return [NewJob(kind="demo", params={"seconds": 8, "label": "demo"})]
    return [demo(n, count, TURNS[(n - 1) % len(TURNS)]) for n in range(1, count + 1)]


def demo(n: int, count: int, turn: str) -> NewJob:
    """The n-th of them. Its times are spread, but the same each time."""
    return NewJob(kind="demo", delay=10 + n * 7 % 51 if turn == "later" else None, params={
        "seconds": 10 + n * 7 % 16 if turn == "slow" else 1 + n % 5,
        "fail": {"fails": "always", "recovers": "once"}.get(turn, "never"),
        "label": _("demo %(n)s of %(count)s: %(turn)s", n=n, count=count, turn=words(turn))})
