"""Dates as people write them, with or without a time of day."""

import re
from datetime import UTC, datetime, timedelta

_DATES = (
    r"(?P<year>[0-9]{4})(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})",
    r"(?P<day>[0-9]{1,2})(?P<mark>[-/.])(?P<month>[0-9]{1,2})(?P=mark)(?P<year>[0-9]{4}|[0-9]{2})",
    r"(?P<day>[0-9]{1,2})\.?(?P<mark>[- /])(?P<month>[A-Za-z]{3,9})\.?(?P=mark)(?P<year>[0-9]{4}|[0-9]{2})",
    r"(?P<month>[A-Za-z]{3,9})\.?(?P<mark> )(?P<day>[0-9]{1,2}),? (?P<year>[0-9]{4})",
)
_TIME = (r"(?:(?:T|,? +)(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})"
         r"(?::(?P<second>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?(?: ?(?P<half>[AaPp])[Mm])?"
         r"(?: ?(?P<zone>Z|UTC|GMT|[-+][0-9]{2}(?::?[0-9]{2})?))?)?")
_PATTERNS = [re.compile(pattern + _TIME) for pattern in _DATES]
_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october",
           "november", "december")
_WHOLE_MONTHS = [re.compile(r"(?P<year>(?:19|20)[0-9]{2})-(?P<month>[0-9]{2})"),
                 re.compile(r"(?P<month>[A-Za-z]{3,9})\.? (?P<year>[0-9]{4})")]
#: What Python reads by itself, and fast. Left alone it would take 20260403 and 2026-W14 for dates too.
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
                  r"(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?(?:Z|[-+][0-9]{2}:[0-9]{2})?)?")


def moment(text: str, day_first: bool) -> datetime | None:
    """None when it is no date, or one that does not exist. A date alone is its midnight.

    A time stays as written, but one that names its zone becomes UTC. `day_first` matters for 03/04/2026 alone.
    """
    try:
        found = datetime.fromisoformat(text) if _ISO.fullmatch(text) else _spelled(text, day_first)
        return found.astimezone(UTC).replace(tzinfo=None) if found and found.tzinfo else found
    except (ValueError, OverflowError):
        return None


def month(text: str) -> datetime | None:
    """The first day of 2026-01 or of Jan 2026; None when it is no month."""
    found = _WHOLE_MONTHS[0].fullmatch(text) or _WHOLE_MONTHS[1].fullmatch(text)
    try:
        return datetime(_year(found["year"]), _month(found["month"]), 1) if found else None
    except ValueError:
        return None


def is_undecided(text: str) -> bool:
    """Whether it is a date both with the day first and with the month first, and not the same."""
    if text[:4].isdigit():  # of what begins with a year, there is nothing to try
        return False
    day_first, month_first = moment(text, day_first=True), moment(text, day_first=False)
    return bool(day_first and month_first) and day_first != month_first


def _spelled(text: str, day_first: bool) -> datetime | None:
    for pattern in _PATTERNS:
        if found := pattern.fullmatch(text):
            day, month = found["day"], found["month"]
            if pattern is _PATTERNS[1] and not day_first:
                day, month = month, day
            return datetime(_year(found["year"]), _month(month), int(day)) + _time(found)
    return None


def _year(digits: str) -> int:
    """Two digits are 1969 to 2068, as POSIX has it."""
    year = int(digits)
    return year if len(digits) == 4 else year + (2000 if year < 69 else 1900)


def _month(written: str) -> int:
    if written.isdigit():
        return int(written)
    return 1 + [name.startswith(written.lower()) for name in _MONTHS].index(True)


def _time(found: re.Match) -> timedelta:
    """Since midnight UTC where a zone is given, else since midnight."""
    if not found["hour"]:
        return timedelta()
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    if found["half"]:
        if not 1 <= hour <= 12:
            raise ValueError("no such hour")
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("no such time")
    part = int((found["part"] or "0").ljust(6, "0")[:6])
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=part) - _east(found["zone"] or "Z")


def _east(zone: str) -> timedelta:
    """How far ahead of UTC."""
    if zone[0] not in "+-":
        return timedelta()
    ahead = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:].lstrip(":") or 0))
    return ahead if zone[0] == "+" else -ahead
