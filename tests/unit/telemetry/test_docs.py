"""docs/metrics.md lists exactly the metrics that there are."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from rollkeeper.telemetry.fleet import FleetMetrics
from rollkeeper.telemetry.liveness import Liveness
from rollkeeper.telemetry.process import ProcessMetrics
from rollkeeper.telemetry.rollouts import RolloutMetrics
from tests.unit.telemetry.test_rollouts import Measured

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(rollkeeper_\w+)` \| (\w+) \| ([\w, ]*) ?\|", re.MULTILINE)


def documented() -> dict[str, tuple[str, frozenset[str]]]:
    rows = ROW.findall(PAGE.read_text(encoding="utf-8"))
    assert len(rows) == len({name for name, _, _ in rows}), "a metric is listed twice"
    return {name: (kind, frozenset(labels.replace(",", " ").split())) for name, kind, labels in rows}


def served() -> dict[str, tuple[str, frozenset[str]]]:
    """Everything that a process serves under our name, with the labels that are declared."""
    measured = Measured()
    registry = CollectorRegistry()
    manager = measured.rollout.process.manager
    ProcessMetrics(registry)
    RolloutMetrics(registry, manager.caches, lambda: True)
    registry.register(FleetMetrics(manager, Liveness(lambda: ()), lambda: True))
    found = {}
    for collector in registry._collector_to_names:
        for metric in collector.collect():
            labels = getattr(collector, "_labelnames", None) or getattr(metric, "_labelnames", ())
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            found[name] = (metric.type, frozenset(labels))
    return found


def test_the_page_and_the_code_agree() -> None:
    assert documented() == served()
