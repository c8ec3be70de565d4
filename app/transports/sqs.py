"""kombu on Amazon SQS, which asks again after an error, and as soon as there is room."""

from botocore.exceptions import ClientError
from kombu.exceptions import OperationalError
from kombu.transport import SQS
from vine import promise

#: How often it looks whether a job has ended while all slots are taken; kombu does once a second, or without a pause.
ROOM_SECONDS = 0.05
#: After an answer that is an error kombu would not ask again.
ERROR_SECONDS = 1


class Channel(SQS.Channel):
    def _put(self, queue, message, **options):
        try:
            super()._put(queue, message, **options)
        except ClientError as error:  # which kombu lets pass: there is no such queue, or no right to it
            raise OperationalError(f"SQS did not take a message: {error}") from error

    def _schedule_queue(self, queue):
        if queue not in self._active_queues:
            return
        if self.qos.can_consume():
            self._get_bulk_async(queue, callback=promise(self._loop1, (queue,), on_error=lambda *_: self._later(queue)))
        else:
            self._later(queue, ROOM_SECONDS)

    def _later(self, queue, seconds=ERROR_SECONDS):
        self.hub.call_later(seconds, self._schedule_queue, queue)


class Transport(SQS.Transport):
    Channel = Channel
