"""`python -m bench.decide`: the cost of one decision, in the middle of a run, by the number of instances."""

import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from statistics import median

from rich.console import Console
from rich.table import Table

from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet, UpgradeRun, names
from rollkeeper.engine import actions as do
from rollkeeper.engine import revisions
from rollkeeper.engine.decide import decide
from rollkeeper.engine.snapshot import DryRun, Instance, Pair, Snapshot

SIZES = (100, 1_000, 10_000)
REPEATS = 15
MAX_STEPS = 10
NOW = datetime(2030, 1, 1, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)
JUST_NOW = NOW - timedelta(seconds=2)

_GALLERY = {"gallery": "golden", "definition": "bench"}


def main() -> None:
    """Prints the table."""
    table = Table("instances", "instances in the batch", "ms (median)", "µs an instance")
    for size in SIZES:
        snapshot = in_mid_run(size)
        milliseconds = 1000 * median(_timed(snapshot) for _ in range(REPEATS))
        batch = sum(i.made_by != "FirstCreation" or i.terminating for i in snapshot.instances.values())
        table.add_row(f"{size:,}", f"{batch:,}", f"{milliseconds:.2f}", f"{1000 * milliseconds / size:.1f}")
    Console().print(table)


def _timed(snapshot: Snapshot) -> float:
    begin = time.perf_counter()
    decide(snapshot, NOW)
    return time.perf_counter() - begin


def in_mid_run(size: int) -> Snapshot:
    """A set whose first batch is in hand: of its instances some terminate, some start, some have become healthy."""
    snapshot, taken = _settled(size), list[do.EvictInstance]()
    for _ in range(MAX_STEPS):
        actions = decide(snapshot, NOW).actions
        for action in actions:
            snapshot = _after(snapshot, action)
        taken = [action for action in actions if isinstance(action, do.EvictInstance)]
        if taken:
            break
    else:
        raise RuntimeError(f"no instance is taken down after {MAX_STEPS} decisions")
    instances = dict(snapshot.instances)
    for number, action in enumerate(taken):
        instances[action.ordinal] = _in_batch(snapshot, instances[action.ordinal], number % 3)
    return replace(snapshot, instances=instances)


def _in_batch(snapshot: Snapshot, old: Instance, stage: int) -> Instance:
    if stage == 0:
        return replace(old, terminating=True, terminating_until=NOW + timedelta(seconds=30))
    run = snapshot.runs[0]
    made = replace(
        old,
        uid=f"{old.uid}-new",
        pair=Pair("1.1.0", "registry.test/bench:1.1.0", snapshot.revision),
        made_by=f"{run.metadata.name}/1/Forward",
        created=JUST_NOW,
    )
    if stage == 1:
        return replace(made, running=False, first_started=None, running_since=None, ready=False, ready_since=None)
    return replace(made, first_started=JUST_NOW, running_since=JUST_NOW, ready_since=JUST_NOW)


def _settled(size: int) -> Snapshot:
    """All healthy on 1.0.0, and a run to 1.1.0 waits."""
    scale_set = _scale_set(size)
    revision = revisions.revision_name(scale_set.metadata.name, revisions.model_of(scale_set.spec))
    proven = {
        "proven_image": "golden/bench",
        "proven_image_version": "1.0.0",
        "proven_model_revision": revision,
    }
    return Snapshot(
        scale_set=scale_set.model_copy(update={"status": scale_set.status.model_copy(update=proven)}),
        runs=(_run(),),
        catalogue=tuple(_published(version) for version in ("1.0.0", "1.1.0")),
        instances={ordinal: _healthy(ordinal, revision) for ordinal in range(size)},
        revision=revision,
        revisions={revision: 1},
    )


def _scale_set(size: int) -> ScaleSet:
    return ScaleSet.model_validate(
        {
            "metadata": {"name": "web", "namespace": "bench", "uid": "set", "generation": 1},
            "spec": {
                "replicas": size,
                "imageReference": _GALLERY,
                "health": {"source": "Probe"},
                "template": {"spec": {"containers": [{"name": "os"}]}},
            },
        }
    )


def _published(version: str) -> ImageVersion:
    ready = {"type": "Ready", "status": "True", "reason": "Published", "lastTransitionTime": LONG_AGO}
    return ImageVersion.model_validate(
        {
            "metadata": {"name": f"bench-{version}", "namespace": "bench", "uid": version},
            "spec": {**_GALLERY, "version": version, "image": f"registry.test/bench:{version}"},
            "status": {"conditions": [ready]},
        }
    )


def _healthy(ordinal: int, revision: str) -> Instance:
    return Instance(
        ordinal=ordinal,
        name=f"web-{ordinal}",
        uid=f"pod-{ordinal}",
        pair=Pair("1.0.0", "registry.test/bench:1.0.0", revision),
        made_by="FirstCreation",
        created=LONG_AGO,
        running=True,
        first_started=LONG_AGO,
        running_since=LONG_AGO,
        ready=True,
        ready_since=LONG_AGO,
    )


def _after(snapshot: Snapshot, action: do.Action) -> Snapshot:
    """What the executor would make of an action."""
    if isinstance(action, do.WriteSet):
        return replace(snapshot, scale_set=snapshot.scale_set.model_copy(update={"status": action.status}))
    if isinstance(action, do.DryRunPod):
        return replace(snapshot, dry_runs={action.pair: DryRun("Accepted")})
    if isinstance(action, do.WriteRun):
        return replace(snapshot, runs=_with_status(snapshot.runs, action))
    return snapshot


def _with_status(runs: Sequence[UpgradeRun], action: do.WriteRun) -> tuple[UpgradeRun, ...]:
    return tuple(
        run.model_copy(update={"status": action.status}) if run.metadata.name == action.run else run for run in runs
    )


def _run() -> UpgradeRun:
    """Started by a user: of the controller's own runs nothing has to be known here."""
    return UpgradeRun.model_validate(
        {
            "metadata": {
                "name": "to-1-1-0",
                "namespace": "bench",
                "uid": "run",
                "generation": 1,
                "creationTimestamp": LONG_AGO,
                "finalizers": [names.FINALIZER_RUN],
            },
            "spec": {"scaleSetName": "web", "imageVersion": "1.1.0"},
        }
    )


if __name__ == "__main__":
    main()
