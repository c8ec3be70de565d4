"""Is the process alive, and is the app ready to run jobs? Open to anybody; says nothing secret."""

from flask import Blueprint, current_app

from app.connections import UNAVAILABLE
from app.pulse import SILENT_SECONDS

blueprint = Blueprint("health", __name__)


@blueprint.get("/health/live")
def live():
    """Is the process up?"""
    return {"status": "live"}


@blueprint.get("/health/ready")
def ready():
    """Are there Redis and a worker?"""
    try:
        workers = current_app.extensions["store"].workers(within=SILENT_SECONDS)
        reason = "" if workers else rests()
    except UNAVAILABLE:
        return {"status": "not ready", "reason": "Redis cannot be reached."}, 503
    if reason:
        return {"status": "ready", "workers": 0, "reason": reason}
    if not workers:
        return {"status": "not ready", "reason": f"No worker for {SILENT_SECONDS} s. Start one: "
                "heroku ps:scale worker=1"}, 503
    return {"status": "ready", "workers": len(workers)}


def rests() -> str:
    """Why no worker runs, and none need; "" when one should."""
    return next(filter(None, (why() for why in current_app.extensions["rests"])), "")
