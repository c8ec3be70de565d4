"""Spans reach a collector from every process, a request and its jobs in one trace: here one that takes what comes."""

import gzip
import json
import signal
import urllib.error
import urllib.request

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.dynos import wait_for
from tests.receiver import Receiver

SECRET = "collector-key-1234"


@pytest.fixture
def app(redis, make_dynos):
    """Its processes, and the collector."""
    collector = Receiver()
    yield make_dynos(redis.url, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.port}", OTEL_SERVICE_NAME="x",
                     OTEL_EXPORTER_OTLP_HEADERS=f"api-key={SECRET}", OTEL_BSP_SCHEDULE_DELAY="200", DYNO="web.1",
                     RELEASE="v7"), collector
    collector.end()


def spans(collector, name, **attributes):
    """Those that came, of this name, whose attributes have these values: (span, its attributes, its process's)."""
    found = []
    for got in list(collector.got):
        body = gzip.decompress(got.body) if got.headers.get("content-encoding") == "gzip" else got.body
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                found += [(span, values(span), values(resource.resource)) for span in scope.spans]
    return [row for row in found if row[0].name == name and attributes.items() <= row[1].items()]


def values(of):
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in of.attributes}


def ask(dynos, path, body, content="application/json", token="test-token", **headers):
    request = urllib.request.Request(dynos.base + path, body, headers | {
        "Authorization": f"Bearer {token}", "Content-Type": content})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def job(**options):
    params = {"seconds": 0, "label": "x"} | options.pop("params", {})
    return json.dumps({"kind": "sample", "params": params} | options).encode()


@pytest.mark.parametrize("beside", ["", pytest.param("Sentry", marks=pytest.mark.thorough)])
def test_a_request_and_the_attempts_of_its_delayed_job_are_one_trace(app, sentry, beside):
    dynos, collector = app
    if beside:
        dynos.env |= {"SENTRY_DSN": sentry[0], "SENTRY_TRACES_SAMPLE_RATE": "1"}
    dynos.web()
    dynos.worker()
    trace = "0123456789abcdef" * 2
    id = ask(dynos, "/api/jobs?q=hush", job(delay=1.5, params={"fail": "once", "label": "hush"}),
             traceparent=f"00-{trace}-{'1' * 16}-01", **{"X-Request-ID": "router-1"})["id"]
    dynos.wait(id)
    runs = wait_for(lambda: (found := spans(collector, "run sample"))[1:] and found)
    ((request, asked, process),) = wait_for(lambda: spans(collector, "POST /api/jobs"))
    assert asked == {"http.request.method": "POST", "http.route": "/api/jobs", "url.scheme": "http",
                     "http.response.status_code": 202}
    assert (process["service.name"], process["service.version"], process["host.name"]) == ("x", "v7", "web.1")
    for (run, said, _), attempt, outcome in zip(runs, (1, 2), ("retry", "success")):
        assert run.trace_id.hex() == request.trace_id.hex() == trace
        assert run.parent_span_id == request.span_id
        assert {"messaging.message.id": id, "job.attempt": attempt, "job.outcome": outcome,
                "job.request_id": "router-1"}.items() <= said.items()
    assert not any(b"hush" in got.body for got in collector.got)
    assert {got.headers["api-key"] for got in collector.got} == {SECRET}
    assert all(SECRET not in process.text() for process in dynos.processes)


def test_each_job_of_a_bulk_is_in_its_trace_whichever_process_runs_it(app):
    dynos, collector = app
    dynos.web()
    dynos.worker()
    lines = b"\n".join(job(params={"seconds": 0.3}) for _ in range(6))
    ids = ask(dynos, "/api/jobs/bulk", lines, "application/x-ndjson")["ids"]
    runs = wait_for(lambda: (found := spans(collector, "run sample"))[5:] and found)
    ((request, *_),) = wait_for(lambda: spans(collector, "POST /api/jobs/bulk"))
    assert {run.trace_id for run, *_ in runs} == {request.trace_id}
    assert {said["messaging.message.id"] for _, said, _ in runs} == set(ids)
    assert len({run.span_id for run, *_ in runs}) == 6
    assert len({process["process.pid"] for *_, process in runs}) == 2


def test_what_follows_a_job_is_in_its_trace_and_says_why_it_failed_without_secrets(app):
    dynos, collector = app
    dynos.worker()
    add, boom = dynos.task("add"), dynos.task("boom")
    (add.si(1, 2).set(countdown=1.2) | boom.si(f"no: {SECRET}")).apply_async()
    dynos.wait(dynos.task("boom").delay("another").id)
    ((first, *_),) = wait_for(lambda: spans(collector, "run tests.ledger.add"))
    other, second = wait_for(lambda: (found := spans(collector, "run tests.ledger.boom"))[1:] and found)
    assert second[0].trace_id == first.trace_id != other[0].trace_id
    assert second[0].parent_span_id == first.span_id
    assert (second[1]["error.type"], second[0].status.message) == ("RuntimeError", "no: •••")
    assert second[1]["job.outcome"] == "failure"


def test_what_a_kind_throws_on_purpose_is_told_by_its_type_alone_as_it_may_name_addresses(app):
    dynos, collector = app
    dynos.worker()
    dynos.wait(dynos.task("foreseen").delay("no such user: ada@example.com").id)
    ((span, said, _),) = wait_for(lambda: spans(collector, "run tests.ledger.foreseen"))
    assert (said["error.type"], span.status.code, span.status.message) == ("LookupError", 2, "")
    assert not any(b"ada@" in got.body for got in collector.got)


def test_a_request_that_is_refused_has_a_span_too(app):
    dynos, collector = app
    dynos.web()
    with pytest.raises(urllib.error.HTTPError) as error:
        ask(dynos, "/api/jobs", job(), token="wrong")
    error.value.close()
    wait_for(lambda: spans(collector, "POST /api/jobs", **{"http.response.status_code": 401}))


def test_processes_that_stop_send_their_last_spans(app):
    dynos, collector = app
    dynos.env["OTEL_BSP_SCHEDULE_DELAY"] = "600000"
    dynos.web()
    dynos.worker()
    dynos.wait(ask(dynos, "/api/jobs", job())["id"])
    assert collector.got == []
    for process in dynos.processes:
        process.signal_all(signal.SIGTERM)
        process.wait()
    assert spans(collector, "POST /api/jobs") and spans(collector, "run sample")


@pytest.mark.parametrize("off", [
    {"OTEL_SDK_DISABLED": "true"}, pytest.param({"OTEL_TRACES_SAMPLER": "always_off"}, marks=pytest.mark.thorough)])
def test_its_own_variables_turn_it_off(app, off):
    dynos, collector = app
    dynos.env |= off
    dynos.web()
    dynos.worker()
    assert dynos.wait(ask(dynos, "/api/jobs", job())["id"])["state"] == "succeeded"
    for process in dynos.processes:
        process.signal_all(signal.SIGTERM)
        process.wait()
    assert collector.got == []


@pytest.mark.thorough
def test_a_collector_that_is_away_is_in_nobodys_way(app):
    dynos, collector = app
    collector.end()
    dynos.web()
    dynos.worker()
    assert dynos.wait(ask(dynos, "/api/jobs", job(params={"seconds": 2}))["id"], seconds=5)["state"] == "succeeded"


@pytest.mark.parametrize("name, value, says", [
    ("OTEL_PROPAGATORS", "nonsense", "no telemetry"),
    pytest.param("OTEL_BSP_MAX_QUEUE_SIZE", "0", "no spans are sent", marks=pytest.mark.thorough)])
def test_a_malformed_variable_of_its_own_keeps_nobody_from_working(app, name, value, says):
    dynos, _ = app
    dynos.env[name] = value
    web, worker = dynos.web(), dynos.worker()
    assert dynos.wait(ask(dynos, "/api/jobs", job())["id"])["state"] == "succeeded"
    for process in (web, worker):
        wait_for(lambda text=process.text: says in text(), what=says)


@pytest.mark.thorough
def test_without_its_packages_the_app_says_so_and_works(app, tmp_path):
    dynos, _ = app
    (tmp_path / "opentelemetry.py").write_text("raise ModuleNotFoundError('no such package')\n")
    dynos.env["PYTHONPATH"] = f"{tmp_path}:{dynos.env['PYTHONPATH']}"
    web, worker = dynos.web(), dynos.worker()
    assert dynos.wait(ask(dynos, "/api/jobs", job())["id"])["state"] == "succeeded"
    assert all("no telemetry, though its variable is set" in process.text() for process in (web, worker))
