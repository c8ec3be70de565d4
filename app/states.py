"""The states of a job: one line each, and where it may go from there."""

SCHEDULED = "scheduled"
QUEUED = "queued"
RUNNING = "running"
SUCCEEDED = "succeeded"
FAILED = "failed"
CANCELLED = "cancelled"

MEANING = {
    SCHEDULED: "waits for its time, or for its next attempt",
    QUEUED: "waits for a worker",
    RUNNING: "a worker holds it under a lease",
    SUCCEEDED: "done",
    FAILED: "gave up: a final error, or no attempt left",
    CANCELLED: "stopped by a person, or expired",
}

NEXT = {
    SCHEDULED: {QUEUED, CANCELLED},
    QUEUED: {RUNNING, CANCELLED, SCHEDULED, FAILED},  # the last two: no worker has its code
    RUNNING: {SUCCEEDED, FAILED, CANCELLED, SCHEDULED, QUEUED},  # the last two: retry, worker lost
    SUCCEEDED: set(),
    FAILED: {QUEUED, SCHEDULED},  # tried again by hand: one, or many
    CANCELLED: {QUEUED, SCHEDULED},
}

ALL = tuple(MEANING)
FINISHED = (SUCCEEDED, FAILED, CANCELLED)
