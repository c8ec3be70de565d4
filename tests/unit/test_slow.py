"""How long a client that is slow to send is waited for. That others are served meanwhile: tests/live/test_slow.py."""

import socket

import pytest

from app.web import slow


@pytest.mark.parametrize("seconds, bytes, late", [
    (19, 0, False), (21, 0, True), (21, 20_000, False), (300, 5_000_000, False), (300, 1_000_000, True)])
def test_a_body_has_twenty_seconds_and_more_as_long_as_it_keeps_coming(seconds, bytes, late):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wait = slow.Wait(ours, slow.BODY_SECONDS)
        wait.spent, wait.bytes = seconds, bytes
        assert wait.late() is late


def test_who_is_no_longer_waited_for_may_still_be_answered():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        wait = slow.Wait(ours, slow.BODY_SECONDS)
        wait.end()
        assert (wait.cut, ours.recv(1)) == (True, b"")
        ours.sendall(b"408")
        assert theirs.recv(3) == b"408"
