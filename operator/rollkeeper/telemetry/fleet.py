"""Metrics of what the cluster looks like now, read from the caches when somebody asks: every process knows them.

Nothing here is per instance. What is per scale set is there so that an alert can name the set.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.controllers.manager import Manager
from rollkeeper.engine.conditions import find
from rollkeeper.engine.queue import code_of
from rollkeeper.engine.versions import catalogue_of, parse_version
from rollkeeper.telemetry.liveness import Liveness

PROBLEMS = ("UpgradeBlocked", "Stalled")
"""Conditions that mean trouble while they are True."""


@dataclass(frozen=True, eq=False)  # registries keep collectors as keys
class FleetMetrics(Collector):
    """Reads the caches of a manager; costs some 50 ms for 1,000 sets."""

    manager: Manager
    liveness: Liveness
    leading: Callable[[], bool]

    def describe(self) -> Iterator[Metric]:
        """Nothing is promised before the caches are there; so that the registry need not read them when it is made."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The metrics as of now."""
        yield GaugeMetricFamily("rollkeeper_leader", "1: this process works, 0: it stands by", float(self.leading()))
        yield from self._process()
        yield from self._totals()
        yield from self._sets()

    def _process(self) -> Iterator[Metric]:
        queue = self.manager.queue
        depth = GaugeMetricFamily(
            "rollkeeper_queue_depth", "Objects to look at, by what they wait for", labels=["state"]
        )
        depth.add_metric(["ready"], len(queue))
        depth.add_metric(["working"], len(queue.working))
        depth.add_metric(["delayed"], queue.delayed)
        yield depth
        silent = GaugeMetricFamily(
            "rollkeeper_cache_silence_seconds",
            "Since the last list, event, bookmark or renewal of each watch",
            labels=["source"],
        )
        for source, age in self.liveness.ages().items():
            silent.add_metric([source], age)
        yield silent
        dropped = "Kubernetes Events that were never written"
        yield CounterMetricFamily("rollkeeper_events_dropped", dropped, self.manager.recorder.dropped)

    def _totals(self) -> Iterator[Metric]:
        objects = GaugeMetricFamily("rollkeeper_cached_objects", "Objects in the caches, by kind", labels=["kind"])
        unreadable = GaugeMetricFamily(
            "rollkeeper_unreadable_objects", "Objects whose newest version could not be read, by kind", labels=["kind"]
        )
        for kind, store in self.manager.caches.by_kind().items():
            objects.add_metric([kind], len(store))
            unreadable.add_metric([kind], len(store.unreadable))
        yield objects
        yield unreadable
        runs = GaugeMetricFamily(
            "rollkeeper_current_runs", "Runs that exist, by type and code", labels=["type", "code"]
        )
        counted = Counter((run.spec.type, code_of(run)) for run in self.manager.caches.runs.values())
        for (type_, code), number in sorted(counted.items()):
            runs.add_metric([type_, code], number)
        yield runs

    def _sets(self) -> Iterator[Metric]:
        instances = Counter(dict.fromkeys(("healthy", "unhealthy", "starting"), 0))
        held = Counter(dict.fromkeys(("version", "model"), 0))
        behind = GaugeMetricFamily(
            "rollkeeper_scale_set_versions_behind",
            "How many newer versions there are than the lowest that an instance is meant to run",
            labels=["namespace", "scale_set"],
        )
        problem = GaugeMetricFamily(
            "rollkeeper_scale_set_problem",
            "1 while the condition UpgradeBlocked or Stalled is True",
            labels=["namespace", "scale_set", "condition", "reason"],
        )
        faulted = GaugeMetricFamily(
            "rollkeeper_scale_set_last_upgrade_faulted",
            "1 while the newest finished OS image upgrade of the set is Faulted",
            labels=["namespace", "scale_set"],
        )
        for scale_set in self.manager.caches.scale_sets.values():
            name = [scale_set.metadata.namespace, scale_set.metadata.name]
            status = scale_set.status
            instances.update(_states(scale_set))
            held.update(version=len(status.held_versions), model=len(status.held_model_revisions))
            behind.add_metric(name, self._versions_behind(scale_set))
            for condition in (find(status.conditions, type_) for type_ in PROBLEMS):
                if condition is not None and condition.status == "True":
                    problem.add_metric([*name, condition.type, condition.reason], 1)
            history = status.os_upgrade_history
            faulted.add_metric(name, float(bool(history) and history[0].running_status.code == "Faulted"))
        yield _by("rollkeeper_instances", "Instances that sets ask for, by state", "state", instances)
        yield _by("rollkeeper_holds", "Versions and models that are held, by kind", "kind", held)
        yield from (behind, problem, faulted)

    def _versions_behind(self, scale_set: ScaleSet) -> int:
        assigned = [parse_version(group.version) for group in scale_set.status.versions if group.replicas]
        if not assigned:
            return 0
        catalogue = catalogue_of(scale_set, self.manager.reader.visible(scale_set))
        fitting = [v for v in catalogue.values() if v.eligible and v.os_type == scale_set.spec.os_type]
        return sum(parse_version(published.version) > min(assigned) for published in fitting)


def _states(scale_set: ScaleSet) -> dict[str, int]:
    """Each instance that is asked for in exactly one state; an unhealthy one that is scaled in counts no more."""
    wanted = scale_set.spec.replicas
    healthy = min(scale_set.status.ready_replicas, wanted)
    unhealthy = min(scale_set.status.unhealthy_replicas, wanted - healthy)
    return {"healthy": healthy, "unhealthy": unhealthy, "starting": wanted - healthy - unhealthy}


def _by(name: str, documentation: str, label: str, counted: "Counter[str]") -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, number in counted.items():
        family.add_metric([value], number)
    return family
