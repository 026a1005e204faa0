"""Metrics of rollouts, read off the changes of the caches: nothing that decides or acts has to know of them.

Every process sees every change, so only the leader counts: then a sum over all pods is right. A change that happens
while nobody leads is not counted by anybody; the state of the cluster (`fleet`) misses nothing.
"""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Histogram

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun
from rollkeeper.controllers.caches import Caches
from rollkeeper.engine.conditions import find
from rollkeeper.engine.queue import FINAL, code_of
from rollkeeper.kube.store import Key

MINUTES = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
"""In seconds: a batch takes a pod's start, a run hours when pauses are long."""


class RolloutMetrics:
    """Subscribes to the caches; `leading` says whether changes are this process' to count."""

    def __init__(self, registry: CollectorRegistry, caches: Caches, leading: Callable[[], bool]) -> None:
        self._leading = leading
        self._runs = Counter(
            "rollkeeper_runs",
            "Finished runs by type, starter, result and reason",
            ("type", "started_by", "result", "reason"),
            registry=registry,
        )
        self._run_seconds = Histogram(
            "rollkeeper_run_duration_seconds",
            "From the start of a run to its end, pauses included",
            ("type", "result"),
            buckets=MINUTES,
            registry=registry,
        )
        self._batch_seconds = Histogram(
            "rollkeeper_batch_duration_seconds",
            "From the first instance taken down to the last one settled",
            ("type",),
            buckets=MINUTES,
            registry=registry,
        )
        self._rollbacks = Counter(
            "rollkeeper_rollbacks",
            "Instances that were put back, by result",
            ("result",),
            registry=registry,
        )
        self._failures = Counter(
            "rollkeeper_instance_failures",
            "Instances that failed in a run, by reason",
            ("reason",),
            registry=registry,
        )
        self._refusals = Counter(
            "rollkeeper_gate_refusals",
            "How often a due run was found not to be allowed, by reason",
            ("reason",),
            registry=registry,
        )
        caches.runs.subscribe(self._run_changed)
        caches.scale_sets.subscribe(self._set_changed)

    def _run_changed(self, _key: Key, old: UpgradeRun | None, new: UpgradeRun | None) -> None:
        if old is None or new is None or not self._leading():  # None: it was there before us, or is pruned
            return
        self._count_batches(old, new)
        self._count_instances(old, new)
        if code_of(new) in FINAL and code_of(old) not in FINAL:
            self._count_end(new)

    def _count_end(self, run: UpgradeRun) -> None:
        status = run.status
        code = code_of(run)
        succeeded = find(status.conditions, "Succeeded")
        reason = succeeded.reason if succeeded is not None else code
        self._runs.labels(run.spec.type, run.spec.started_by, code, reason).inc()
        times = status.running_status
        if times is not None and times.start_time is not None and times.completed_time is not None:
            seconds = (times.completed_time - times.start_time).total_seconds()
            self._run_seconds.labels(run.spec.type, code).observe(seconds)

    def _count_batches(self, old: UpgradeRun, new: UpgradeRun) -> None:
        before = max((batch.number for batch in old.status.batches), default=0)
        for batch in new.status.batches:
            if batch.number > before:
                seconds = (batch.completed_time - batch.start_time).total_seconds()
                self._batch_seconds.labels(new.spec.type).observe(seconds)

    def _count_instances(self, old: UpgradeRun, new: UpgradeRun) -> None:
        was, now = old.status.rollback_info, new.status.rollback_info
        if now is not None:
            good = was.successfully_rolledback_instance_count if was is not None else 0
            bad = was.failed_rolledback_instance_count if was is not None else 0
            self._rollbacks.labels("succeeded").inc(max(now.successfully_rolledback_instance_count - good, 0))
            self._rollbacks.labels("failed").inc(max(now.failed_rolledback_instance_count - bad, 0))
        known = {failure.reason: failure.count for failure in old.status.failure_reasons}
        for failure in new.status.failure_reasons:
            self._failures.labels(failure.reason).inc(max(failure.count - known.get(failure.reason, 0), 0))

    def _set_changed(self, _key: Key, old: ScaleSet | None, new: ScaleSet | None) -> None:
        if old is None or new is None or not self._leading():
            return
        was, now = (find(of.status.conditions, "UpgradeBlocked") for of in (old, new))
        if (
            now is not None
            and now.status == "True"
            and (was is None or (was.status, was.reason) != ("True", now.reason))
        ):
            self._refusals.labels(now.reason).inc()
