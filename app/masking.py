"""What of a job's params and result is not shown: secrets to nobody, and to readers what its kind declares private.

A field is a secret by its name, by `format: password` or by `writeOnly`; it is private by
`json_schema_extra={"private": True}`.
"""

import re
from collections.abc import Iterator

from app.scrubber import IN_URL

SECRET = re.compile(r"password|passwd|secret|token|api_?key|authorization|credential", re.I)
HIDDEN = "••••••"


def secret(name: str, rule: dict) -> bool:
    """Whether nobody may see what is in a field: by its name, unless it is a number; or its rule says so."""
    rules = [rule, *rule.get("anyOf", ())]
    if any(rule.get("writeOnly") or rule.get("format") == "password" for rule in rules):
        return True
    return bool(SECRET.search(name)) and rule.get("type") not in ("number", "integer", "boolean")


def masked(value: object, schema: dict | None = None, *, private: bool = False) -> object:
    """A value to show, with HIDDEN in place of each secret, however deep, and of the password in a URL; with `private`
    also of what is. Without a schema names alone decide."""
    schema = schema or {}
    return _masked("", value, [schema], schema.get("$defs", {}), private)


def _masked(name: str, value: object, rules: list[dict], definitions: dict, private: bool) -> object:
    rules = [rule for some in rules for rule in _all(some, definitions)] or [{}]
    if value not in (None, "", [], {}) and any(secret(name, rule) or private and rule.get("private") for rule in rules):
        return HIDDEN
    if isinstance(value, dict):
        return {key: _masked(key, item, [inner for rule in rules for inner in _of_key(rule, key)], definitions, private)
                for key, item in value.items()}
    if isinstance(value, list):
        inner = [item for rule in rules for item in (rule.get("items"), *rule.get("prefixItems", ())) if item]
        return [_masked("", item, inner, definitions, private) for item in value]
    return IN_URL.sub(rf"\1{HIDDEN}", value) if isinstance(value, str) else value


def _all(rule: dict, definitions: dict) -> Iterator[dict]:
    """A rule, and those that it refers to or offers: one may hide what another does not know of."""
    yield rule
    if "$ref" in rule:
        yield from _all(definitions[rule["$ref"].rpartition("/")[2]], definitions)
    for name in ("anyOf", "oneOf", "allOf"):
        for option in rule.get(name, ()):
            yield from _all(option, definitions)


def _of_key(rule: dict, key: str) -> Iterator[dict]:
    others = rule.get("additionalProperties")
    if key in rule.get("properties", {}):
        yield rule["properties"][key]
    elif isinstance(others, dict):
        yield others
