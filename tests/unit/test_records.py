"""Records as they are checked, and as they are written; live/test_records.py has the rest."""

import gzip
import json
import select

import pytest

from app.config import ConfigError, Settings
from app.files import Away
from app.jobs.log import Log
from app.records import LARGEST, Batch, _line, pieces, text, to_bucket

ENV = {"APP_ENV": "development"}
HOSTILE = {"a": "\x1b[31m\r\n\u2028\u202e\0é\ud800", "\n": ["</script>", None, 1e300, True]}


def test_a_record_is_one_line_of_ascii_whatever_it_holds():
    line = _line("1800000000000-7", text(HOSTILE))
    assert line.count(b"\n") == 1 and line.isascii() and line.strip().decode().isprintable()
    assert json.loads(line) == {"id": "1800000000000-7", "at": "2027-01-15T08:00:00.000Z", "record": HOSTILE}


@pytest.mark.parametrize("params", [
    {}, {"record": {}, "records": [{}]}, {"record": "x"}, {"record": []}, {"records": []}, {"records": ["x"]},
    {"records": [{}] * 1001}, {"record": {"x": "é" * (LARGEST // 6)}}, {"record": {"x": float("nan")}},
    {"record": {"x": object}}, {"other": 1}], ids=str)
def test_what_is_no_record_or_too_large_is_refused(params):
    with pytest.raises(ValueError):
        Log.model_validate(params)


def test_one_or_many_are_taken():
    assert Log.model_validate({"record": HOSTILE}).all() == [HOSTILE]
    assert Log.model_validate({"records": [{}, HOSTILE]}).all() == [{}, HOSTILE]


def test_a_line_is_never_in_two_writes_that_a_pipe_may_part():
    lines = [b"x" * size + b"\n" for size in (10, select.PIPE_BUF, 3000, 1500, 9000, 5)]
    found = list(pieces(lines))
    assert b"".join(found) == b"".join(lines)
    assert all(piece.endswith(b"\n") for piece in found)
    assert all(len(piece) <= select.PIPE_BUF or piece.count(b"\n") == 1 for piece in found)


class Kept:
    def __init__(self, error=None):
        self.objects, self.error = {}, error

    def put(self, name, content):
        if self.error:
            raise self.error
        self.objects[name] = gzip.decompress(content.read())


def test_an_object_is_named_by_what_is_in_it():
    bucket, batch = Kept(), Batch("1800000000000-0", "1800000000001-3", [b"{}\n", b"{}\n"])
    to_bucket(bucket, batch), to_bucket(bucket, batch)
    assert bucket.objects == {"records/2027/01/15/080000-1800000000000-0-1800000000001-3.jsonl.gz": b"{}\n{}\n"}


def test_a_bucket_that_is_away_is_an_outage_that_a_loop_waits_out():
    with pytest.raises(OSError, match="away"):
        to_bucket(Kept(Away("away")), Batch("1-0", "1-0", [b"{}\n"]))


@pytest.mark.parametrize("to", ["file", "redis", "redis:", "redis:jobs:all", "redis:a b", "s3", "stdout:x"])
def test_a_place_that_there_is_not_stops_the_start(to):
    with pytest.raises(ConfigError, match="LOG_RECORDS_TO"):
        Settings.from_env(ENV | {"LOG_RECORDS_TO": to})


@pytest.mark.parametrize("to", ["stdout", "redis:clicks", "redis:app:clicks.v2"])
def test_the_places_that_there_are(to):
    assert Settings.from_env(ENV | {"LOG_RECORDS_TO": to}).log_records_to == to
    assert Settings.from_env(ENV).log_records_to == "stdout"
    with pytest.raises(ConfigError, match="LOG_RECORDS_MAX"):
        Settings.from_env(ENV | {"LOG_RECORDS_MAX": "10"})  # not one full call would be taken
