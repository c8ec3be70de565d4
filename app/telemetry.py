"""OpenTelemetry, when OTEL_EXPORTER_OTLP_ENDPOINT is set and its packages are installed: a span of each request
(web/telemetry.py) and of each attempt of its jobs, in one trace however long a job waits. Its own variables say the
rest. What a job does in between may add to it in the ways that OpenTelemetry documents.
"""

import logging
import os
from collections.abc import Mapping
from functools import partial

from celery import Task, signals
from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from app.config import Settings
from app.scrubber import Scrubber
from app.trace import carriers

logger = logging.getLogger(__name__)
tracer = trace.get_tracer("app")


def start(settings: Settings) -> None:
    carriers.append(carry)
    signals.worker_process_init.connect(partial(export, settings), weak=False)
    signals.worker_process_shutdown.connect(flush)
    signals.task_prerun.connect(began)
    signals.task_failure.connect(partial(failed, Scrubber.of(settings)), weak=False)
    signals.task_postrun.connect(ended)


def export(settings: Settings, **_) -> None:
    """Call in each process that works, after the fork: it has a thread of its own."""
    provider = TracerProvider(resource=Resource.create({
        "service.version": settings.release, "host.name": settings.dyno, "process.pid": os.getpid()}))
    try:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    except ValueError as error:  # of a variable of its own
        logger.error("no spans are sent: %s", error)
    trace.set_tracer_provider(provider)


def flush(**_) -> None:
    trace.get_tracer_provider().shutdown()


def carry() -> dict:
    """The span of the request or job that makes a message, if there is one: as for a schedule, there need not be."""
    headers = {}
    propagate.inject(headers)
    return headers


def begin(name: str, headers: Mapping[str, str], kind: SpanKind, **attributes) -> tuple:
    """A span in the trace that the headers tell of, or in one of its own. Give what it returns to `end`."""
    span = tracer.start_span(name, propagate.extract(headers), kind, attributes)
    return span, context.attach(trace.set_span_in_context(span))


def end(begun: tuple, **attributes) -> None:
    span, token = begun
    span.set_attributes(attributes)
    context.detach(token)
    span.end()


def began(task: Task, task_id: str, **_) -> None:
    task.request.span = begin(f"run {task.name}", task.request.headers or {}, SpanKind.CONSUMER, **{
        "messaging.system": "celery", "messaging.operation.type": "process", "messaging.message.id": task_id})


def failed(scrubber: Scrubber, sender: Task, exception: BaseException, **_) -> None:
    """What a kind `throws` may name addresses: it is in the record alone, as the log has it."""
    span = trace.get_current_span()
    span.set_attribute("error.type", type(exception).__name__)
    foreseen = isinstance(exception, getattr(sender, "throws", ()))
    span.set_status(StatusCode.ERROR, None if foreseen else scrubber.text(str(exception)))


def ended(task: Task, state: str, **_) -> None:
    start = getattr(task.request, "start", None)  # without it, another run has the job
    told = {"job.attempt": start.attempt, "job.request_id": start.request_id} if start else {}
    end(task.request.span, **{"job.outcome": state.lower(), **told})
