"""Celery, set up: every delivery setting with its reason."""

import mmap

from celery import Celery
from celery.signals import task_postrun, worker_process_init
from kombu import Queue

from app import kinds, lines
from app.brokers import broker_of
from app.config import ConfigError, Settings
from app.connections import HEALTH_CHECK_SECONDS, connect, with_tls
from app.files import Files
from app.job import Job
from app.scrubber import Scrubber
from app.store import Store
from app.transports import held

QUEUE = "default"


def make_celery(settings: Settings, worker: str = "") -> Celery:
    """The Celery app with every kind registered. Nothing is connected until it is used.

    Args:
        worker: the name of this worker process, unlike that of any other; "" in the web process.

    Raises:
        ConfigError: WORKER_QUEUES names a queue that there is not.
    """
    celery = Celery("app", task_cls=Job, set_as_current=True)
    celery.set_default()
    celery.settings = settings
    celery.worker = worker
    celery.scrubber = Scrubber.of(settings)
    open_store(celery, patient=False)
    celery.stopping = mmap.mmap(-1, 1)  # one byte that the children share: not 0 when the worker is asked to stop
    celery.kept_messages = held.producer() if settings.broker_url == settings.redis_url else None
    celery.conf.update(configuration(settings))
    kinds.load(celery)
    celery.conf.task_queues = [Queue(name, routing_key=name) for name in queues(celery)]

    def own_connections(**_):
        # A child of the pool opens its own, as a forked socket or lock is its parent's; and its jobs wait
        # for Redis to come back rather than lose what they have done.
        open_store(celery, patient=True)

    worker_process_init.connect(own_connections, weak=False)
    task_postrun.connect(job_ended, weak=False)
    return celery


def job_ended(task, **_) -> None:
    if not task.request.is_eager:  # else it was a call within a job, or a request
        lines.in_job()


def queues(celery: Celery) -> list[str]:
    """Their names: the default one, those that kinds name, and those of QUEUES. Raises ConfigError."""
    named = {queue for task in celery.tasks.values() if (queue := getattr(task, "queue", None))}
    found = [QUEUE, *sorted({*named, *celery.settings.queues} - {QUEUE})]
    if unknown := [name for name in celery.settings.worker_queues if name not in found]:
        raise ConfigError(f"WORKER_QUEUES has {unknown[0]!r}, but the queues are {', '.join(found)}; put what you add "
                          "into QUEUES, for web and workers alike: heroku config:set QUEUES=mail,reports")
    return found


def open_store(celery: Celery, *, patient: bool) -> None:
    settings, bucket = celery.settings, None
    if settings.bucket:
        from app.bucket import Bucket

        bucket = Bucket(settings.bucket)
    celery.store = Store(connect(settings.redis_url, patient=patient))
    celery.files = Files(celery.store, settings.retention_days * 86400, bucket)


def configuration(settings: Settings) -> dict:
    return {
        "broker_url": with_tls(settings.broker_url),
        # Only for tasks that ask for their result with ignore_result=False, and for chords.
        "result_backend": with_tls(settings.redis_url),
        "task_ignore_result": True,  # six Redis commands and a connection a job less; the record has the result
        "result_expires": 3600,
        # --- a job is done when it is done
        "task_acks_late": True,  # a worker that is stopped gives back what it had begun
        "task_reject_on_worker_lost": True,  # a child that dies alone too; app.job counts the attempt
        "worker_prefetch_multiplier": 1,
        "worker_cancel_long_running_tasks_on_connection_loss": False,  # the lease keeps a second run away
        "worker_consumer": "app.arrivals:Arrivals",  # looks at what others send before Celery does
        "worker_soft_shutdown_timeout": 0,  # app.steps stops the worker, and sooner
        # --- outages
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,  # a worker outlives any outage
        "broker_channel_error_retry": True,  # also that of a Redis that answers, but takes no changes
        "broker_connection_timeout": 2,
        "broker_pool_limit": 1,  # one connection to publish with, for each process
        "broker_pool_acquire_timeout": 2,
        "task_publish_retry_policy": {"max_retries": 1, "interval_start": 0, "interval_max": 0.2},
        "redis_socket_timeout": 5,
        "redis_socket_connect_timeout": 2,
        "redis_socket_keepalive": True,
        "redis_backend_health_check_interval": HEALTH_CHECK_SECONDS,
        "redis_max_connections": 4,
        "result_backend_transport_options": {"retry_policy": {"timeout": 2.0}},
        # --- what a small dyno can bear
        "worker_concurrency": settings.worker_concurrency,
        "worker_max_memory_per_child": int(0.75 * settings.memory_mb / settings.worker_concurrency * 1024),  # KiB
        "worker_proc_alive_timeout": 30,  # 4 s by default: on a slow dyno a child would be killed as it starts
        # Off: five connections less, and celery 5.7.0 exits when Redis goes away while it is on.
        "worker_enable_remote_control": settings.remote_control,
        "worker_send_task_events": settings.remote_control,  # Flower wants both
        # --- only what we mean
        "task_default_queue": QUEUE,
        "task_create_missing_queues": False,  # a misspelt queue is refused, not filled
        "accept_content": ["json"],
        "task_serializer": "json",
        "result_serializer": "json",
        "timezone": "UTC",
        "worker_redirect_stdouts": False,
        **broker_of(settings.broker_url).settings,
    }
