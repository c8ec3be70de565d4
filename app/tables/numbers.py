"""Numbers as people and programs write them: 1,234.56 and 1.234,56, € 5 and 5 EUR, 12 %, (200.00) and 200.00-."""

import re
from typing import Literal

Mark = Literal[".", ","]

_PLAIN = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
#: As they may stand around a number, and between its thousands: all kinds of spaces and, in Switzerland, apostrophes.
_CURRENCY = ("[€$£¥]|AED|AUD|BRL|CAD|CHF|CNY|CZK|DKK|EUR|GBP|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RON|SAR|SEK|SGD|"
             "THB|TRY|USD|ZAR")
_SPACES = " \u00a0\u2009\u202f"
_APOSTROPHES = "'\u2019"


def _pattern(mark: Mark) -> re.Pattern:
    between = f"[{_SPACES}{_APOSTROPHES}{'.,'.replace(mark, '')}]"
    return re.compile(
        rf"(?P<sign>[-+(\u2212]?)(?:[{_SPACES}]?(?:{_CURRENCY})[{_SPACES}]?(?P<inner>[-(\u2212]?))?"
        rf"(?P<whole>0|[1-9][0-9]{{0,14}}|[1-9][0-9]{{0,2}}(?P<between>{between})[0-9]{{3}}"
        rf"(?:(?P=between)[0-9]{{3}}){{0,3}}|(?=[{mark}]))"
        rf"(?:[{mark}](?P<fraction>[0-9]+))?(?P<power>[eE](?:\+?[0-9]{{1,2}}|-[0-9]{{1,3}}))?"
        rf"(?P<after>[-)\u2212]?)[{_SPACES}]?(?P<unit>%|{_CURRENCY}|)(?P<end>[-)\u2212]?)")


_PATTERNS: dict[Mark, re.Pattern] = {".": _pattern("."), ",": _pattern(",")}
#: What may stand around a number in all, and what it makes of it.
_SIGNS = {"": "", "+": "", "-": "-", "\u2212": "-", "()": "-"}
_DIGITS_ONLY = str.maketrans("", "", _SPACES + _APOSTROPHES + ".,")


def number(text: str, mark: Mark) -> int | float | None:
    """None when it is no number. 12 % is 12, so that the column reads as it was written.

    No number either, but an identifier: leading zeros, more than 15 digits before the decimal mark (a spreadsheet
    would round them), a plus before a whole number (+49).
    """
    if _PLAIN.fullmatch(text):
        return int(text)
    found = _PATTERNS[mark].fullmatch(text)
    signs = "".join(filter(None, found.group("sign", "inner", "after", "end"))) if found else ""
    if not found or signs not in _SIGNS:
        return None
    sign = _SIGNS[signs]
    whole, fraction, power = found["whole"].translate(_DIGITS_ONLY), found["fraction"], found["power"]
    if fraction or power:
        return float(f"{sign}{whole}.{fraction or 0}{power or ''}")
    if found["sign"] == "+" and found["unit"] != "%":
        return None
    return int(sign + whole)
