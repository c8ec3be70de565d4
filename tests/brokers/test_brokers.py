"""The promise, on every broker. One that is not here is skipped, but where all have to be: there it fails."""

import os

import pytest

from tests.brokers.azurite import Azurite
from tests.brokers.checks import CHECKS
from tests.brokers.servers import BROKERS


@pytest.fixture(params=BROKERS)
def broker(request, tmp_path):
    make, missing = BROKERS[request.param]
    # Azurite whatever that says: not everywhere that there are Debian's brokers is there npm.
    if missing() and (make is Azurite or not os.environ.get("EVERY_BROKER")):
        pytest.skip(f"{request.param} is not here: {missing()}")
    (tmp_path / "broker").mkdir()
    broker = make(tmp_path / "broker")
    yield broker
    broker.end()


@pytest.mark.brokers
@pytest.mark.timeout(600)
def test_everything_holds_on_it(redis, broker, make_dynos, subtests):
    app = make_dynos(redis.url, BROKER_URL=broker.url, QUEUES="mail", **broker.env)
    app.worker()
    for name, check in CHECKS.items():
        with subtests.test(name):
            if name in broker.gaps:
                pytest.skip(broker.gaps[name])
            check(app, broker)
