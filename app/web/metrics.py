"""GET /metrics, for Prometheus: to API_TOKEN, READ_TOKEN, or a METRICS_TOKEN that opens nothing else. And with
LOG_METRICS=1 the same in the log."""

import hmac
from time import perf_counter

from flask import Blueprint, Response, current_app, g, request, request_finished, request_started
from prometheus_client import CollectorRegistry, exposition
from prometheus_client.openmetrics import exposition as openmetrics

from app.log_metrics import LogMetrics
from app.loop import Loop
from app.metrics import JobsCollector, Meter
from app.traffic import Traffic
from app.web import tokens

blueprint = Blueprint("metrics", __name__)


@blueprint.record
def set_up(setup):
    app, extensions = setup.app, setup.app.extensions
    traffic, registry = Traffic(extensions["store"]), CollectorRegistry()
    meter = Meter(extensions["store"], extensions["kinds"])
    registry.register(JobsCollector(meter))
    extensions |= {"metrics": registry, "traffic": traffic}
    extensions["machines"]["metrics.show"] = may_look
    steps = [traffic.flush, *([LogMetrics(meter).step] if extensions["settings"].log_metrics else [])]
    extensions["on_start"] += [traffic.start, lambda: Loop("metrics", *steps).start()]
    request_started.connect(begin, app)
    request_finished.connect(end, app)


def begin(_app, **_) -> None:
    g.began = perf_counter()


def end(app, response, **_) -> None:
    app.extensions["traffic"].add(request.url_rule.rule if request.url_rule else "none", request.method,
                                  response.status_code, perf_counter() - g.began)


def may_look() -> bool:
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    given, own = tokens.digest(token.strip()), current_app.extensions["settings"].metrics_tokens
    known = tokens.role(given) or any(hmac.compare_digest(given, tokens.digest(token)) for token in own)
    return scheme.lower() == "bearer" and bool(known)


@blueprint.get("/metrics")
def show():
    registry = current_app.extensions["metrics"]
    # Not by choose_encoder of prometheus_client 0.26, which fails of a version that is no number.
    if "application/openmetrics-text" in request.headers.get("Accept", ""):
        return Response(openmetrics.generate_latest(registry), content_type=openmetrics.CONTENT_TYPE_LATEST)
    return Response(exposition.generate_latest(registry), content_type=exposition.CONTENT_TYPE_PLAIN_0_0_4)
