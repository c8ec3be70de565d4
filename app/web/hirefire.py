"""What HireFire asks for, when HIREFIRE_TOKEN is set: seconds that the oldest due job waits, for its strategy of job
queue latency. Its older form, with the token in the path, is left out: paths are in the log."""

import hmac

from flask import Blueprint, current_app, jsonify, request

from app import demand
from app.web.api import store

blueprint = Blueprint("hirefire", __name__)


@blueprint.record
def set_up(setup):
    if setup.app.extensions["settings"].hirefire_token:
        setup.app.add_url_rule("/hirefire", "hirefire.show", show)
        setup.app.extensions["machines"]["hirefire.show"] = has_token


def has_token() -> bool:
    token = current_app.extensions["settings"].hirefire_token
    return hmac.compare_digest(request.headers.get("HireFire-Token", "").encode(), token.encode())


def show():
    answer = jsonify([{"name": "worker", "value": round(demand.look(store()).wait, 3)}])
    answer.headers |= {"HireFire-Resource": "Python-1.0.3", "Cache-Control": "must-revalidate, private, max-age=0"}
    return answer
