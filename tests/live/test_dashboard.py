"""The dashboard asks for what /metrics has."""

import json
import re
from pathlib import Path

import pytest
from prometheus_client import parser

from app.config import Settings
from app.traffic import Traffic
from app.web import create_app
from tests.stores import fail

DASHBOARD = json.loads((Path(__file__).parent.parent.parent / "dashboards" / "grafana.json").read_text())
OURS = {"type": "prometheus", "uid": "${datasource}"}
PANELS = DASHBOARD["panels"]
#: By Prometheus itself, of each target.
ITS_OWN = {"job"}


@pytest.fixture
def labels(redis, store) -> dict[str, set[str]]:
    """Of each sample that a real answer has."""
    app = create_app(Settings.from_env({"APP_ENV": "development", "REDIS_URL": redis.url, "API_TOKEN": "t"}))
    fail(store)
    traffic = Traffic(store)
    traffic.add("/x", "GET", 200, 0.1)
    traffic.flush()
    text = app.test_client().get("/metrics", headers={"Authorization": "Bearer t"}).text
    return {sample.name: set(sample.labels) for family in parser.text_string_to_metric_families(text)
            for sample in family.samples}


def queries():
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])
    for variable in DASHBOARD["templating"]["list"][1:]:
        query, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"]).groups()
        yield f"sum by ({label}) ({query if '{' in query else query + '{}'})"


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_each_metric_and_label_that_it_names_there_is(labels, query):
    selectors = re.findall(r"\b([a-z_]+)\{(.*?)\}", query)
    known = {label for name, _ in selectors for label in labels[name] | ITS_OWN}
    for name, conditions in selectors:
        assert set(re.findall(r"(\w+)(?:=~|!=|!~|=)", conditions)) <= labels[name] | ITS_OWN, name
    for grouping in re.findall(r"by \((.+?)\)", query):
        assert set(grouping.split(", ")) <= known
    words = set(re.findall(r"[a-z_]+", re.sub(r"\{.*?\}|\(\w+(, \w+)*\)|\[.*?\]", "", query))) - labels.keys()
    assert words <= {"sum", "rate", "increase", "histogram_quantile", "by", "or", "vector"}, "a metric without braces"


def test_what_an_operator_asks_first_is_there():
    asked = " ".join(queries())
    for name in ("job_oldest_wait_seconds", 'state="queued"', 'outcome="failed"', "job_wait_seconds_bucket",
                 "job_run_seconds_bucket", "workers{", "worker_slots_busy", "redis_memory_max_bytes",
                 "redis_config_maxclients", "http_requests_total", 'status=~"5.."', "http_request_duration_seconds"):
        assert name in asked, name


def test_it_can_be_imported_anywhere():
    """The source of data is chosen there; no panel lies on another."""
    assert DASHBOARD["templating"]["list"][0]["type"] == "datasource"
    assert all(part["datasource"] == OURS for panel in PANELS for part in (panel, *panel["targets"]))
    assert all(variable["datasource"] == OURS for variable in DASHBOARD["templating"]["list"][1:])
    cells = [(x, y) for panel in PANELS for where in [panel["gridPos"]]
             for x in range(where["x"], where["x"] + where["w"]) for y in range(where["y"], where["y"] + where["h"])]
    assert len(cells) == len(set(cells)) and max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)


def test_what_its_legends_show_its_queries_keep():
    for panel in PANELS:
        for target in panel["targets"]:
            kept = set(", ".join(re.findall(r"by \((.+?)\)", target["expr"])).split(", "))
            assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= kept, panel["title"]
