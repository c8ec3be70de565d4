"""A kind's JSON Schema as form fields, and what a browser sent back as params."""

import json
from typing import NamedTuple


class Field(NamedTuple):
    name: str
    label: str
    type: str  # "text", "email", "textarea", "number", "checkbox", "select", "list" or "json"
    required: bool
    default: object
    help: str
    choices: list
    step: str
    minimum: float | None
    maximum: float | None


def fields(schema: dict) -> list[Field]:
    """One field for each property of the schema."""
    return [_field(name, rule, name in schema.get("required", ()), schema.get("$defs", {}))
            for name, rule in schema["properties"].items()]


def params(schema: dict, form) -> dict:
    """The params that a submitted form means; what was left empty is left out.

    A text that is not what its field wants stays a text, so that validation names the field.
    """
    values = {}
    for field in fields(schema):
        text = form.get(field.name, "")
        if field.type == "checkbox":
            values[field.name] = field.name in form
        elif text.strip():
            values[field.name] = _value(field, text)
    return values


def _field(name: str, rule: dict, required: bool, definitions: dict) -> Field:
    rule = _plain(rule, definitions)
    type = rule.get("type", "object")
    if "enum" in rule:
        kind = "select"
    elif type == "array":
        kind = "list"
    elif type in ("number", "integer"):
        kind = "number"
    elif type == "boolean":
        kind = "checkbox"
    elif type == "string":
        kind = rule.get("format") if rule.get("format") in ("email", "textarea") else "text"
    else:
        kind = "json"
    return Field(name, name.replace("_", " ").capitalize(), kind, required, rule.get("default"),
                 rule.get("description", ""), rule.get("enum", []), "1" if type == "integer" else "any",
                 rule.get("minimum"), rule.get("maximum"))


def _plain(rule: dict, definitions: dict) -> dict:
    """An optional field's rule without its null, a reference's without its detour."""
    for option in rule.get("anyOf", ()):
        if option.get("type") != "null":
            rule = {**option, **{key: value for key, value in rule.items() if key != "anyOf"}}
            break
    if "$ref" in rule:
        rule = {**definitions[rule["$ref"].rpartition("/")[2]], **rule}
    return rule


def _value(field: Field, text: str) -> object:
    try:
        if field.type == "number":
            return int(text) if field.step == "1" else float(text)
        if field.type == "json":
            return json.loads(text)
    except ValueError:
        return text
    if field.type == "list":
        return [part for part in text.replace(",", " ").split() if part]
    return text.replace("\r\n", "\n") if field.type == "textarea" else text.strip()
