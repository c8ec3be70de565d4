from functools import partial

from redis.exceptions import ConnectionError as RedisAway

from app.loop import Loop


def test_an_outage_is_told_of_once_by_each_step_and_so_is_its_end(caplog):
    answers = {"store": [RedisAway(), RedisAway(), 5, 5], "broker": [OSError(), 5, OSError(), OSError()]}
    outages = []

    def step(name):
        def take():
            answer = answers[name].pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        take.__name__ = name
        return take

    steps = [step("store"), step("broker")]
    loop = Loop("test", *steps, on_outage=lambda: outages.append(1))
    pauses = [loop.take(step) for _ in range(4) for step in steps]
    assert pauses == [1, 1, 1, 5, 5, 1, 5, 1]
    assert len(outages) == 5
    told = [record.getMessage().split(",")[0] for record in caplog.records]
    assert told == ["test: store: out of reach", "test: broker: out of reach", "test: broker: in touch again",
                    "test: store: in touch again", "test: broker: out of reach"]


def test_an_error_of_one_step_does_not_end_the_loop(caplog):
    def broken():
        raise KeyError("a bug")

    assert Loop("test", broken).take(broken) == 5
    assert "a bug" in caplog.text


def test_a_step_that_is_a_partial_ends_no_loop_either(caplog):
    def away(seconds):
        raise OSError

    step = partial(away, 1)
    assert Loop("test", step).take(step) == 1
    assert "test: away: out of reach" in caplog.text
    assert Loop("test", partial(abs, 5)).take(partial(abs, 5)) == 5
