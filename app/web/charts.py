"""Charts on the page: how jobs ended, how long they waited, how busy the workers were. SVG, drawn by the server.

Each is of stacked bars, one for each span of time. The values of one kind, over all bars, are a series: one path.
"""

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, make_response, render_template, request
from markupsafe import Markup

from app.record import iso
from app.web.api import store
from app.web.language import _, duration, number

blueprint = Blueprint("charts", __name__, url_prefix="/charts")

#: What can be looked at: the seconds of a bar, and the number of bars.
SPANS = {"hour": (60, 60), "day": (900, 96)}
#: In units of the drawing: from bar to bar, the highest stack, and the least that a value gets, or one failure among
#: thousands of jobs would not be seen.
STEP, HEIGHT, LEAST = 10, 100, 2
ENDS = ("succeeded", "failed", "cancelled")


class Chart(NamedTuple):
    title: str
    top: str  # the value that is HEIGHT high
    series: list[tuple[str, str, str]]  # its name in style.css, its path, what it comes to in words
    tips: list[tuple[int, str]]  # of each bar that is not empty: where it begins, and its values in words


@blueprint.get("")
def index():
    """The section alone, for the script that keeps it up to date."""
    response = make_response(charts())
    response.add_etag()
    return response.make_conditional(request)


@blueprint.app_template_global()
def charts() -> Markup:
    """The section, for a page. The rest of the page's address stays: what its list is filtered by."""
    span, other = ("day", "hour") if request.args.get("span") == "day" else ("hour", "day")
    stats = store().stats(*SPANS[span])
    here, there = ("?" + urlencode({**request.args, "span": name}) for name in (span, other))
    return Markup(render_template("charts.html", charts=drawn(stats), span=span, here=here, there=f"{there}#charts",
                                  width=STEP * len(stats), start=iso(stats[0]["at"]), end=stats[-1]["at"] / 1000))


def drawn(stats: list[dict]) -> list[Chart]:
    """What `store().stats` returns, in charts; none when nothing has happened."""
    if not any(s[name] for s in stats for name in ("started", "busy", *ENDS)):
        return []
    most, worst = max(sum(s[name] for name in ENDS) for s in stats), max(s["waited_most"] for s in stats)
    total = {name: sum(s[name] for s in stats) for name in stats[0]} | {"waited_most": worst}
    return [chart(_("Finished"), ENDS, ended, stats, total, most, short(most)),
            chart(_("Waited to start"), ("mean", "worst"), waited, stats, total, worst, seconds(worst)),
            chart(_("Workers"), ("busy",), busy, stats, total, 100, "100%")]


def ended(s: dict) -> list[tuple[int, str]]:
    """What a bar is made of, from the ground up: each value, and how to say it. So do the next two."""
    done, failed, cancelled = (s[name] for name in ENDS)
    return [(done, _("%(n)s done", n=short(done))), (failed, _("%(n)s failed", n=short(failed))),
            (cancelled, _("%(n)s cancelled", n=short(cancelled)))]


def waited(s: dict) -> list[tuple[float, str]]:
    """Milliseconds: the mean, and how much more the worst had to wait."""
    mean = s["waited"] / s["started"] if s["started"] else 0
    return [(mean, _("%(time)s on average", time=seconds(mean))),
            (s["waited_most"] - mean, _("%(time)s at worst", time=seconds(s["waited_most"])))]


def busy(s: dict) -> list[tuple[float, str]]:
    percent = 100 * s["busy"] / s["slots"] if s["slots"] else 0
    return [(percent, _("%(n)s%% busy", n=round(percent)))]


def chart(title: str, names: tuple, parts: Callable, stats: list[dict], total: dict, most: float, top: str) -> Chart:
    bars = [parts(s) for s in stats]
    lines = paths([[value for value, _words in bar] for bar in bars], most)
    tips = [(n * STEP, f"{ago(stats, n)}: " + ", ".join(words for value, words in bar if value))
            for n, bar in enumerate(bars) if any(value for value, _words in bar)]
    return Chart(title, top, [(*of, words) for *of, (_value, words) in zip(names, lines, parts(total))], tips)


def paths(bars: list[list[float]], most: float) -> list[str]:
    """Of each series one path of upright strokes, which style.css makes as wide as a bar."""
    found = [""] * len(bars[0])
    for n, bar in enumerate(bars):
        ground = HEIGHT
        for series, value in enumerate(bar):
            if value:
                height = max(LEAST, round(HEIGHT * value / most))
                found[series] += f"M{n * STEP + STEP // 2} {ground}v-{height}"
                ground -= height
    return found


def short(n: int) -> str:
    """1234 as "1.2k"."""
    for unit, size in (("M", 10**6), ("k", 1000)):
        if n >= size:
            return number(n // size if n >= 10 * size else n * 10 // size / 10) + unit
    return number(n)


def seconds(milliseconds: float) -> str:
    return duration(milliseconds / 1000) if milliseconds >= 10_000 else f"{number(round(milliseconds / 1000, 1))} s"


def ago(stats: list[dict], n: int) -> str:
    """When the n-th bar began, seen from the last: "2 h 15 min ago"."""
    hours, minutes = divmod(round((stats[-1]["at"] - stats[n]["at"]) / 60_000), 60)
    words = " ".join(f"{value} {unit}" for value, unit in ((hours, "h"), (minutes, "min")) if value)
    return _("%(time)s ago", time=words) if words else _("now")
