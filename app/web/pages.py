"""The page: is it working, what is scheduled, queued, running and done; and a page of each job."""

import hmac
import json
import secrets
import unicodedata
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, current_app, make_response, render_template, request, url_for
from werkzeug.exceptions import HTTPException

from app import states
from app.files import is_file
from app.masking import masked
from app.record import iso
from app.web import forms, health, status
from app.web.actions import actions, bulk, filters, looked_for
from app.web.api import files, find, kinds, store
from app.web.auth import is_owner
from app.web.language import language
from app.web.shown import as_json, result_file
from app.web.timeline import timeline

blueprint = Blueprint("pages", __name__)
blueprint.add_app_template_filter(iso, "iso")

PAGE = 50
#: A search looks through so many jobs at a time, which takes Redis some 150 ms, then offers to look further.
SCAN = 20_000
#: A job is called late from so many seconds on.
LATE_SECONDS = 10


@blueprint.get("/")
def index():
    return render_template("index.html", **overview(store().pulse()), kinds=kinds())


@blueprint.get("/live")
def live():
    """The part of the page that changes, for the script that keeps it up to date.

    The store counts its changes, so nothing is read or rendered when nothing has changed.
    """
    pulse = store().pulse()
    facts = render_template("health.html", **condition(pulse))
    late = int(pulse.now / 15000) if (pulse.oldest or 0) > LATE_SECONDS else 0
    return unless_known((pulse.version, facts, late, sorted(request.args.items())),
                        lambda: render_template("live.html", **overview(pulse)))


@blueprint.get("/jobs/<id>")
def show(id):
    record, log = find(id), store().logs(id)
    job = row(record, store().now())
    file = result_file(record)
    expired = bool(file) and not files().get(file["id"])
    return unless_known((record, log, expired, int((job["late"] or 0) / 15)),
                        lambda: job_page(job, record, log, expired))


def job_page(job: dict, record: dict, log: list[dict], expired: bool) -> str:
    kind, file = kinds().get(job["kind"]), result_file(record)
    schema = kind.params.model_json_schema() if kind else {}
    params = masked(job["params"], schema)
    return render_template(
        "job.html", job=job, file=file, expired=expired, kinds=kinds(), log=log, actions=actions(job),
        timeline=timeline(job), dumps=dumps, params=params, names=file_names(params), list=came_from(),
        labels={field.name: field.label for field in forms.fields(schema)}, traceback=record.get("traceback"),
        key=secrets.token_hex(16))


def came_from() -> str:
    """The list as it was filtered, when the reader comes from there."""
    index = url_for("pages.index")
    there, _mark, query = (request.referrer or "").partition("://")[2].partition("?")  # it may be no URL at all
    return f"{index}?{query}" if query and there == request.host + index else index


def file_names(params: dict) -> dict[str, str]:
    """The name of each file that params name by its id, while it is there."""
    ids = {id for value in params.values() for id in (value if isinstance(value, list) else [value]) if is_file(id)}
    return {id: file.name for id in ids if (file := files().get(id))}


def error(problem: HTTPException):
    """Any error outside the API."""
    return render_template("error.html", problem=problem), problem.code, [
        (name, value) for name, value in problem.get_headers() if name != "Content-Type"]


def overview(pulse) -> dict:
    wanted = filters(request.args)
    try:
        page = store().page(wanted.get("state"), limit=PAGE, cursor=request.args.get("cursor"), scan=SCAN,
                            params=is_owner(), **looked_for(wanted))
    except ValueError:
        abort(404)
    failed = wanted.get("state") == states.FAILED
    return condition(pulse) | {
        "jobs": [row(record, pulse.now / 1000) for record in page.records], "next": page.next, "counts": pulse.counts,
        "filters": wanted, "search": {name: wanted[name] for name in ("kind", "lane", "q") if name in wanted},
        "here": urlencode({**wanted, "cursor": request.args.get("cursor", "")}),
        "meaning": states.MEANING, "bulk": bulk(wanted.get("state")),
        "groups": store().groups().groups if failed and wanted.keys() == {"state"} else [],
        "matching": matching(wanted, page, pulse)}


def matching(wanted: dict, page, pulse) -> int | None:
    """How many jobs match, where that is known without looking at each."""
    if not wanted.keys() - {"state"}:
        return pulse.counts[wanted["state"]] if wanted else sum(pulse.counts.values())
    return None if page.next or "cursor" in request.args else len(page.records)


def condition(pulse) -> dict:
    settings = current_app.extensions["settings"]
    more = [problem for part in current_app.extensions["problems"] if (problem := part())]
    alive = status.alive(pulse)
    why = "" if alive else health.rests()
    return {"pulse": pulse, "alive": alive, "problems": status.problems(pulse, settings, why) + more,
            "rests": why, "release": settings.release}


def row(record: dict, now: float) -> dict:
    """A job, and what a reader wants to know of it at `now` (seconds since 1970 on the clock of Redis)."""
    job = as_json(record)
    params, result = (value if isinstance(value, dict) else {} for value in (job["params"], job["result"]))
    file = result.get("file") if isinstance(result.get("file"), dict) else {}
    name = params.get("label") or params.get("subject") or params.get("title") or file.get("name") or ""
    return job | {"name": seen(str(name)[:100]) or job["kind"], "now": now, "late": late(record, now)}


def late(record: dict, now: float) -> float | None:
    """Seconds that a job has waited beyond its time, when that is worth a word."""
    overdue = now - float(record.get("since") or record.get("due") or 0) / 1000
    waits = record["state"] in (states.SCHEDULED, states.QUEUED)
    return overdue if waits and overdue > LATE_SECONDS else None


def seen(text: str) -> str:
    """It, or "" when nothing of it can be seen, and so clicked."""
    return text if any(unicodedata.category(letter)[0] in "LNPS" for letter in text) else ""


def unless_known(facts: object, render) -> Response:
    """304 to who has seen these facts already, else the page with an ETag of them."""
    facts = repr((facts, language(), is_owner())).encode()  # private ones too: no digest that others could compute
    tag = hmac.new(current_app.secret_key.encode(), facts, "sha256").hexdigest()[:20]
    known = request.if_none_match.contains_weak(tag)  # weak: a proxy that compresses says so
    response = Response(status=304) if known else make_response(render())
    response.set_etag(tag)
    return response


def dumps(value) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
