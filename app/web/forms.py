"""A kind's JSON Schema as form fields, and what a browser sent back as params.

What a schema cannot say, a model adds: `json_schema_extra={"format": "textarea"}` or "file" (an id of app.files), and
`{"more": True}` for a field that is seldom used.
"""

import json
from collections.abc import Iterable
from typing import NamedTuple

from werkzeug.exceptions import BadRequest

from app.masking import masked, secret
from app.web.given import parsed
from app.web.problems import BadInput

#: Names that the controls around the fields have; a field that is called so gets another.
TAKEN = ("csrf", "key", "minutes", "at", "offset", "notify", "queue", "priority", "lane")
#: Formats of a text that have a control of their own.
FORMATS = ("email", "textarea", "password", "file", "date")


class Field(NamedTuple):
    name: str
    control: str  # its name in the form
    label: str
    type: str  # "text", "number", "checkbox", "select", "list", "emails", "files", "json" or one of FORMATS
    required: bool
    more: bool  # it is folded away until somebody wants more
    default: object
    help: str
    choices: list
    step: str
    minimum: float | None
    maximum: float | None


def fields(schema: dict, taken: Iterable[str] = TAKEN) -> list[Field]:
    """One field for each property of the schema, those that are folded away last."""
    found = [_field(name, rule, name in schema.get("required", ()), schema.get("$defs", {}), name in taken)
             for name, rule in schema.get("properties", {}).items()]
    return sorted(found, key=lambda field: field.more)


def params(fields: Iterable[Field], form) -> dict:
    """The params that a submitted form means; what was left empty is left out.

    A text that is not what its field wants stays a text, so that validation names the field.
    """
    values = {}
    for field in fields:
        text = form.get(field.control, "")
        if field.type == "checkbox":
            values[field.name] = field.control in form
        elif field.type == "files" and text:
            values[field.name] = form.getlist(field.control)
        elif text.strip():
            values[field.name] = _value(field, text)
    return values


def texts(fields: Iterable[Field], params: dict) -> dict[str, object]:
    """What stands in each control for these params, or for the defaults: `params` the other way round. What holds a
    secret is left empty, to be typed again."""
    return {field.control: "" if field.type == "password" or _has_secret(field.name, params.get(field.name))
            else _text(field, params.get(field.name, field.default)) for field in fields}


def _has_secret(name: str, value: object) -> bool:
    return secret(name, {}) if isinstance(value, str) else masked({name: value}) != {name: value}


def beside(errors: Iterable[dict], controls: dict[str, str], order: Iterable[str]) -> dict[str, str]:
    """The first message for each control, in the form's order; of what belongs to none of them, under "".

    Args:
        errors: BadInput's.
        controls: the control that shows the errors of a field, such as {"params.to": "to", "delay": "minutes"}.
    """
    found = {}
    for error in errors:
        field = ".".join(error["field"].split(".")[:2])  # params.to.0 is an address of params.to
        found.setdefault(controls.get(field, ""), error["message"])
    return {control: found[control] for control in (*order, "") if control in found}


def _field(name: str, rule: dict, required: bool, definitions: dict, taken: bool) -> Field:
    label = _label(name, rule)
    rule = _plain(rule, definitions)
    return Field(
        name, f"params.{name}" if taken else name, label, _type(name, rule, definitions), required,
        bool(rule.get("more")), rule.get("default"), rule.get("description", ""), rule.get("enum", []),
        str(rule.get("multipleOf") or ("1" if rule.get("type") == "integer" else "any")),
        rule.get("minimum", rule.get("exclusiveMinimum")), rule.get("maximum", rule.get("exclusiveMaximum")))


def _label(name: str, rule: dict) -> str:
    """The model's own title, where it is not the one that pydantic makes up, In Such Letters."""
    title = rule.get("title", "")
    return title if title.replace(" ", "_") not in ("", name.title()) else name.replace("_", " ").capitalize()


def _type(name: str, rule: dict, definitions: dict) -> str:
    type, format = rule.get("type", "object"), rule.get("format")
    if "enum" in rule:
        return "select"
    if type == "array":
        items = _plain(rule.get("items") or {}, definitions)
        lists = {"email": "emails", "file": "files"}
        return "json" if items.get("type") != "string" else lists.get(items.get("format"), "list")
    if type == "string":
        return "password" if secret(name, rule) else format if format in FORMATS else "text"
    return {"number": "number", "integer": "number", "boolean": "checkbox"}.get(type, "json")


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
            return parsed(text)
    except (ValueError, BadRequest, BadInput):
        return text
    if field.type == "list":
        return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()]
    if field.type == "emails":
        return text.replace(",", " ").split()
    return text.replace("\r\n", "\n") if field.type == "textarea" else text.strip()


def _text(field: Field, value: object) -> object:
    if field.type == "checkbox":
        return value is True
    if field.type in ("file", "files"):
        return value if isinstance(value, list) else [value] if value else []
    if value is None or value == [] and field.type != "json":
        return ""
    if field.type in ("list", "emails") and isinstance(value, list):
        return ", ".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
