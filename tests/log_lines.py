"""Reads log lines back: logfmt, by its own rules, which know nothing of how the app writes it."""

import re

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", '"': '"', "\\": "\\"}
FIELD = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s"=]*))(?: |$)')


def parse(line: str) -> dict[str, str]:
    """Raises ValueError: it is no line of logfmt, or has a field twice."""
    fields, at = {}, 0
    while at < len(line):
        match = FIELD.match(line, at)
        if not match or match[1] in fields:
            raise ValueError(f"at {at}: {line!r}")
        fields[match[1]] = match[3] if match[2] is None else unescaped(match[2])
        at = match.end()
    return fields


def unescaped(text: str) -> str:
    plain = re.sub(r"\\(?:u([0-9a-f]{4})|(.))", lambda m: chr(int(m[1], 16)) if m[1] else ESCAPES[m[2]], text)
    return joined(plain)


def joined(text: str) -> str:
    """Both halves of a surrogate pair are one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def parse_all(text: str) -> list[dict[str, str]]:
    return [parse(line) for line in text.split("\n") if line]


def events(found: list[dict[str, str]], job: str) -> list[str]:
    """What happened to a job, in this order."""
    return [line["event"] for line in found if line.get("job") == job and "event" in line]
