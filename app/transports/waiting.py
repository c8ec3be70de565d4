"""For transports that block Celery's loop while they wait for messages."""

#: Only between two waits does Celery acknowledge what has ended, and so have room for more, or see that it is to stop.
WAIT_SECONDS = 0.05


class ShortWaits:
    polling_interval = WAIT_SECONDS

    def drain_events(self, connection, timeout=None):
        return super().drain_events(connection, timeout=min(timeout or WAIT_SECONDS, WAIT_SECONDS))
