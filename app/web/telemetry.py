"""OpenTelemetry's span of each request: see app/telemetry.py. Of what somebody sent or searched for it says nothing."""

from functools import partial

from flask import Blueprint, g, request

from app import trace

blueprint = Blueprint("telemetry", __name__)


@blueprint.record
def set_up(setup):
    settings = setup.app.extensions["settings"]
    if not settings.otlp_endpoint or "telemetry" not in trace.started:
        return
    from app import telemetry

    setup.app.extensions["on_start"].append(lambda: telemetry.export(settings))
    # Before those who may refuse it.
    setup.app.before_request_funcs.setdefault(None, []).insert(0, partial(began, telemetry))
    setup.app.after_request(answered)
    setup.app.teardown_request(partial(ended, telemetry))


def began(telemetry):
    route = request.url_rule.rule if request.url_rule else "none"
    g.span, g.told = telemetry.begin(f"{request.method} {route}", request.headers, telemetry.SpanKind.SERVER, **{
        "http.request.method": request.method, "http.route": route, "url.scheme": request.scheme}), {}


def answered(response):
    g.told["http.response.status_code"] = response.status_code
    return response


def ended(telemetry, _error):
    if "span" in g:
        telemetry.end(g.pop("span"), **g.pop("told"))
