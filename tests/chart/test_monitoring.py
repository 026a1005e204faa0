"""Alerts and dashboard ask for metrics that there are, by labels that these have."""

import json
from collections.abc import Iterator
from typing import Any

import promql_parser
import pytest
import yaml

from hack.helm import CHART, template
from tests.unit.telemetry.test_docs import documented

Query = tuple[str, str]
"""Where it stands, and what it says."""


SCRAPED = frozenset({"pod", "le"})
"""What a scrape adds, and a histogram's own."""


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((CHART / "files" / "alerts.yaml").read_text(encoding="utf-8"))["groups"]
    found: list[dict[str, Any]] = group["rules"]
    return found


def queries() -> Iterator[Query]:
    for alert in alerts():
        yield alert["alert"], alert["expr"]
    for panel in json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))["panels"]:
        for target in panel["targets"]:
            yield f"{panel['title']} {target['refId']}", target["expr"]


def nodes(expression: Any) -> Iterator[Any]:
    """A parsed expression and all its parts."""
    yield expression
    parts = [getattr(expression, name, None) for name in ("expr", "lhs", "rhs", "param", "vector_selector")]
    for part in (*parts, *(getattr(expression, "args", None) or ())):
        if part is not None and not isinstance(part, str):
            yield from nodes(part)


def selectors(query: str) -> list[Any]:
    """What a query asks for."""
    return [node for node in nodes(promql_parser.parse(query)) if isinstance(node, promql_parser.VectorSelector)]


def base(name: str) -> str:
    """The metric that a histogram's series belongs to."""
    for tail in ("_bucket", "_count", "_sum"):
        if name.removesuffix(tail) in documented():
            return name.removesuffix(tail)
    return name


def labels(name: str) -> frozenset[str]:
    return documented()[base(name)][1] | SCRAPED


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_a_query_asks_for_metrics_that_there_are(where: str, query: str) -> None:
    found = selectors(query)
    assert found, f"{where} asks for nothing"
    for selector in found:
        assert base(selector.name) in documented(), f"{where}: there is no {selector.name}"
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= labels(selector.name), f"{where}: {selector.name} has no label {asked - labels(selector.name)}"


@pytest.mark.parametrize(("where", "query"), list(queries()))
def test_a_query_groups_by_labels_that_there_are(where: str, query: str) -> None:
    there = frozenset[str]().union(*(labels(selector.name) for selector in selectors(query)))
    for node in nodes(promql_parser.parse(query)):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier is not None:
            assert {*node.modifier.labels} <= there, f"{where} groups by {node.modifier.labels}"


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_says_what_is_wrong_and_how_bad(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"warning", "critical"}
    assert alert["annotations"].keys() == {"summary", "description"}
    assert promql_parser.parse_duration(alert["for"])


def test_panels_do_not_overlap() -> None:
    panels = json.loads((CHART / "files" / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    cells = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def test_the_dashboard_reaches_grafana_as_it_is() -> None:
    text = template("any", {"metrics": {"dashboard": {"enabled": True}}, "crds": {"install": False}})
    (found,) = (d["data"] for d in yaml.safe_load_all(text) if d and d["kind"] == "ConfigMap")
    assert json.loads(found["rollkeeper.json"]) == json.loads((CHART / "files" / "dashboard.json").read_text("utf-8"))


def test_the_rules_reach_prometheus_as_they_are() -> None:
    text = template("any", {"metrics": {"prometheusRule": {"enabled": True}}, "crds": {"install": False}})
    (found,) = (d["spec"] for d in yaml.safe_load_all(text) if d and d["kind"] == "PrometheusRule")
    assert found == yaml.safe_load((CHART / "files" / "alerts.yaml").read_text("utf-8"))
