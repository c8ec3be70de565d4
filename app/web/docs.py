"""The description of the API as a page to read, /docs: what openapi.json says, in tables, with an example of each call.
"""

import json
import re
import shlex
from typing import NamedTuple

from flask import Blueprint, render_template, request

from app.web.calls import ANY, FORM, JSON, NDJSON
from app.web.openapi import describe

blueprint = Blueprint("docs", __name__)

#: How each limit is said.
LIMITS = {"minimum": "at least {}", "exclusiveMinimum": "more than {}", "maximum": "at most {}",
          "minLength": "length at least {}", "maxLength": "length at most {}",
          "minItems": "at least {} of them", "maxItems": "at most {} of them"}
#: What stands in an example for a text of each format, and for one of none.
SAMPLES = {"email": "ada@example.com", "uri": "https://example.com/done", "file": "file-…", None: "…"}


class Field(NamedTuple):
    name: str
    types: list[tuple[str, str]]  # what it may be: words before, and a word or the name of a schema
    required: bool
    default: str
    limits: list[str]
    text: str


@blueprint.get("/docs")
def index():
    description = describe()
    schemas, responses = description["components"]["schemas"], description["components"]["responses"]
    calls = [call(path, method, operation, schemas) for path, methods in description["paths"].items()
             for method, operation in methods.items()]
    each = kinds(description, schemas)
    used = {name for call in calls for _, name in call["answers"]} | {
        name for kind in each for field in kind["fields"] for _, name in field.types}
    return render_template("docs.html", calls=calls, kinds=each, responses=responses, objects=objects(used, schemas))


def call(path: str, method: str, operation: dict, schemas: dict) -> dict:
    type, body = next(iter(operation.get("requestBody", {"content": {"": {}}})["content"].items()))
    schema = plain(body.get("schema", {}), schemas)
    if type == NDJSON:
        schema = plain(schema["items"], schemas)
    good, content = next((status, response.get("content", {})) for status, response in operation["responses"].items())
    return {
        "path": path, "method": method.upper(), "id": operation["operationId"], "type": type,
        "text": operation["description"].split("\n\n"),
        "parameters": [(parameter["in"], field(parameter["name"], parameter["schema"] | {
            "description": parameter.get("description", "")}, parameter.get("required")))
            for parameter in operation["parameters"] if parameter["in"] != "path"],
        "fields": fields(schema), "by_kind": schema.get("properties", {}).keys() >= {"kind", "params"},
        "good": good, "answers": types(content[JSON]["schema"]) if JSON in content else [],
        "file": ANY in content, "refuses": [status for status in operation["responses"] if status != good],
        "curl": curl(path, method, type, schema, schemas, by="" if operation.get("security") == [] else "API_TOKEN")}


def kinds(description: dict, schemas: dict) -> list[dict]:
    """Each with the fields of its params, and how to ask for a job of it."""
    new = description["paths"]["/api/jobs"]["post"]["requestBody"]["content"][JSON]["schema"]
    found = [(name, schemas[ref.rpartition("/")[2]]) for name, ref in new["discriminator"]["mapping"].items()]
    return [{"name": name, "text": schema.get("description", ""),
             "fields": fields(plain(schema["properties"]["params"], schemas)),
             "curl": curl("/api/jobs", "post", JSON, schema, schemas)} for name, schema in found]


def objects(used: set[str], schemas: dict) -> dict[str, tuple[str, list[Field], list]]:
    """The text, and the fields or types, of each schema that answers and params are made of."""
    found, more = set(), used | {"Problem"}
    while more := (more - found) & schemas.keys():
        found |= more
        more = {name for schema in more for name in re.findall(r"#/components/schemas/([\w.-]+)", str(schemas[schema]))}
    return {name: (schemas[name].get("description", ""), fields(schemas[name]), types(schemas[name]))
            for name in sorted(found)}


def fields(schema: dict) -> list[Field]:
    required = schema.get("required", ())
    return [field(name, rule, name in required) for name, rule in schema.get("properties", {}).items()]


def field(name: str, rule: dict, required: bool) -> Field:
    rules = [rule, *rule.get("anyOf", ())]
    limits = [text.format(f"{one[key]:,}".removesuffix(".0"))
              for one in rules for key, text in LIMITS.items() if key in one]
    default = "" if rule.get("default") in (None, "", [], {}) else json.dumps(rule["default"])
    return Field(name, types(rule), required, default, limits, rule.get("description", ""))


def types(rule: dict) -> list[tuple[str, str]]:
    for several in ("anyOf", "oneOf"):
        if several in rule:
            return [type for option in rule[several] for type in types({"format": rule.get("format", "text")} | option)]
    if "$ref" in rule:
        return [("", rule["$ref"].rpartition("/")[2])]
    if values := rule.get("enum", [rule["const"]] if "const" in rule else []):
        return [("", json.dumps(value)) for value in values]
    if rule.get("type") == "array":
        return [(f"list of {before}", name) for before, name in types(rule.get("items", {}))]
    word = rule.get("format", "text").replace("textarea", "text") if rule.get("type") == "string" else rule.get("type")
    return [("", word or "anything")]


def curl(path: str, method: str, type: str, schema: dict, schemas: dict, by="API_TOKEN") -> str:
    """The command, in lines that fit on a page."""
    verb = "" if method == "get" or method == "post" and type else f"-X {method.upper()} "
    parts = [f"curl {verb}{request.host_url.rstrip('/')}{path.replace('{id}', 'ID')}"]
    if by:
        parts.append(f'-H "Authorization: Bearer ${by}"')
    if type == FORM:
        parts.append("-F file=@table.csv")
    elif type == NDJSON:  # -d would drop the ends of the lines
        parts += [f'-H "Content-Type: {type}"', "--data-binary @jobs.ndjson"]
    elif type:
        body = json.dumps(example(schema, schemas), ensure_ascii=False)
        parts += [f'-H "Content-Type: {type}"', f"-d {shlex.quote(body)}"]
    return " \\\n  ".join(parts)


def example(rule: dict, schemas: dict) -> object:
    """A value that fits: of an object what it must have, and what has an example of its own."""
    rule = plain(rule, schemas)
    for known in (rule.get("examples"), [rule["const"]] if "const" in rule else None, rule.get("enum")):
        if known:
            return known[0]
    if rule.get("type") == "object":
        return {name: example(of, schemas) for name, of in rule.get("properties", {}).items()
                if name in rule.get("required", ()) or "examples" in of}
    if rule.get("type") == "array":
        return [example(rule.get("items", {}), schemas)]
    if rule.get("type") in ("integer", "number"):
        return rule.get("minimum", 1)
    return rule.get("type") == "boolean" or SAMPLES.get(rule.get("format"), "…")


def plain(rule: dict, schemas: dict) -> dict:
    """What a reference refers to, and of several the first."""
    if "$ref" in rule:
        return plain(schemas[rule["$ref"].rpartition("/")[2]], schemas)
    for several in ("oneOf", "anyOf"):
        if several in rule and "properties" not in rule:
            return plain(rule[several][0], schemas) | {key: rule[key] for key in ("examples",) if key in rule}
    return rule
