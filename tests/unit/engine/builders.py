"""Small builders of what the engine sees, so that tests read as tables. Time is seconds since NOW."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet, UpgradeRun
from rollkeeper.engine import assignment as assignments
from rollkeeper.engine import context, ranges, run_state
from rollkeeper.engine.context import Context
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.snapshot import DryRun, Instance, Pair, Problem, Snapshot

JsonMap = dict[str, Any]

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
IMAGE = {"publisher": "Contoso", "offer": "Web", "sku": "1"}
NAME = "Contoso/Web/1"
REVISION = "web-rev1"
PROBE = {"source": "Probe"}
POLICY = {"provisioningTimeoutSeconds": 60, "healthTimeoutSeconds": 30}
UID = "uid-web"


def at(seconds: float) -> datetime:
    """So many seconds after NOW; negative: before."""
    return NOW + timedelta(seconds=seconds)


def stamp(seconds: float) -> str:
    """The same as JSON."""
    return at(seconds).isoformat()


def pair(version: str = "1.0.0", revision: str = REVISION) -> Pair:
    return Pair(version, f"registry/web:{version}", revision)


def image_version(version: str, *, ready: bool = True, namespace: str = "default", **fields: Any) -> ImageVersion:
    """`fields` of the metadata: created, deleting, name; all others are the spec's."""
    created, deleting, name = fields.pop("created", -86400), fields.pop("deleting", False), fields.pop("name", None)
    meta = {
        "name": name or f"web-{version}",
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name or version}",
        "generation": 1,
        "creationTimestamp": stamp(created),
        **({"deletionTimestamp": stamp(0)} if deleting else {}),
    }
    condition = {"type": "Ready", "status": str(ready), "reason": "Published", "lastTransitionTime": stamp(0)}
    spec = {**({} if "gallery" in fields else IMAGE), "version": version, "image": f"registry/web:{version}", **fields}
    return ImageVersion.model_validate({"metadata": meta, "spec": spec, "status": {"conditions": [condition]}})


def scale_set(replicas: int = 10, **fields: Any) -> ScaleSet:
    """`fields`: automatic, version, rolling, image, health, annotations, status, deleting; others are the spec's."""
    automatic, rolling = fields.pop("automatic", True), {**POLICY, **fields.pop("rolling", {})}
    version, image = fields.pop("version", "latest"), fields.pop("image", IMAGE)
    status, deleting = proven() | fields.pop("status", {}), fields.pop("deleting", False)
    health = fields.pop("health", PROBE)
    meta = {
        "name": "web",
        "namespace": "default",
        "uid": UID,
        "generation": 1,
        "annotations": fields.pop("annotations", {}),
        **({"deletionTimestamp": stamp(0)} if deleting else {}),
    }
    policy = {
        "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": automatic},
        "rollingUpgradePolicy": rolling,
        **fields.pop("policy", {}),
    }
    spec = {
        "replicas": replicas,
        "imageReference": {**image, "version": version},
        "upgradePolicy": policy,
        "template": {"spec": {"containers": [{"name": "os"}]}},
        **({"health": health} if health else {}),
        **fields,
    }
    return ScaleSet.model_validate({"metadata": meta, "spec": spec, "status": status})


def proven(version: str | None = "1.0.0", revision: str = REVISION) -> JsonMap:
    """The part of a set's status that says what is proven; None: nothing is."""
    if version is None:
        return {"provenImage": None, "provenImageVersion": None, "provenModelRevision": None}
    return {"provenImage": NAME, "provenImageVersion": version, "provenModelRevision": revision}


def hold(
    version: str,
    *,
    above: bool = False,
    run: str = "bad",
    reason: str = "UpgradedUnhealthy",
    image: str = NAME,
    but: Iterable[str] = (),
) -> JsonMap:
    return {
        "image": image,
        "version": version,
        "above": above,
        "except": [*but],
        "runName": run,
        "reason": reason,
        "time": stamp(0),
    }


def instance(ordinal: int, version: str = "1.0.0", **fields: Any) -> Instance:
    """A healthy instance, made an hour ago by first creation, unless `fields` say otherwise."""
    values: JsonMap = {
        "ordinal": ordinal,
        "name": f"web-{ordinal}",
        "uid": f"uid-{ordinal}",
        "pair": pair(version, fields.pop("revision", REVISION)),
        "made_by": "FirstCreation",
        "created": at(-3600),
        "running": True,
        "first_started": at(-3590),
        "running_since": at(-3590),
        "ready": True,
        "ready_since": at(-3580),
    }
    return Instance(**{**values, **fields})


def unhealthy(ordinal: int, version: str = "1.0.0", **fields: Any) -> Instance:
    """Runs, was healthy once, is not Ready."""
    return instance(ordinal, version, **{"ready": False, "ready_since": None, **fields})


def new_pod(ordinal: int, version: str = "1.1.0", *, age: float = 5, **fields: Any) -> Instance:
    """Made `age` seconds ago, not started yet."""
    values: JsonMap = {
        "created": at(-age),
        "running": False,
        "first_started": None,
        "running_since": None,
        "ready": False,
        "ready_since": None,
    }
    return instance(ordinal, version, **{**values, **fields})


def fleet(replicas: int = 10, version: str = "1.0.0", **others: Any) -> dict[int, Instance]:
    """Healthy instances; `broken` ordinals are unhealthy, `missing` ones have no pod, `protected` have the label.

    `made` maps ordinals to instances that stand instead.
    """
    broken, missing = others.get("broken", ()), others.get("missing", ())
    found = {o: (unhealthy if o in broken else instance)(o, version) for o in range(replicas) if o not in missing}
    for ordinal in others.get("protected", ()):
        make = unhealthy if ordinal in broken else instance
        found[ordinal] = make(ordinal, version, protected=True)
    return {**found, **others.get("made", {})}


def snapshot(
    of: ScaleSet | None = None,
    instances: Mapping[int, Instance] | None = None,
    *,
    versions: Iterable[str | ImageVersion] = ("1.0.0", "1.1.0"),
    runs: Iterable[UpgradeRun] = (),
    **more: Any,
) -> Snapshot:
    """Everything that one decision is made from; `accepted` pairs have passed their dry run."""
    the_set = of if of is not None else scale_set()
    accepted = more.pop("accepted", [pair(v if isinstance(v, str) else v.spec.version) for v in versions])
    return Snapshot(
        scale_set=the_set,
        runs=tuple(runs),
        catalogue=tuple(v if isinstance(v, ImageVersion) else image_version(v) for v in versions),
        instances=fleet(the_set.spec.replicas) if instances is None else instances,
        revision=more.pop("revision", REVISION),
        revisions=more.pop("revisions", {REVISION: 1}),
        dry_runs={**{p: DryRun("Accepted") for p in accepted}, **more.pop("dry_runs", {})},
        **more,
    )


def ctx(
    of: ScaleSet | None = None, instances: Mapping[int, Instance] | None = None, *, seconds: float = 0, **more: Any
) -> Context:
    """The context of a snapshot, `seconds` after NOW. `assigned` ordinals without a pod are meant to run 1.0.0."""
    assigned = more.pop("assigned", None)
    seen = snapshot(of, instances, **more)
    assignment = assignments.load(seen.scale_set.status, seen.instances, seen.replicas)
    for ordinal in range(seen.replicas) if assigned is None else assigned:
        assignment.setdefault(ordinal, pair())
    policy = seen.scale_set.spec.upgrade_policy.rolling_upgrade_policy
    return context.build(seen, assignment, policy, at(seconds))


def upgrade_run(name: str = "up", version: str | None = "1.1.0", **fields: Any) -> UpgradeRun:
    """A run that nobody has looked at. `fields`: created, deleting, finalizers, annotations, status; others: spec."""
    created, deleting = fields.pop("created", 0), fields.pop("deleting", False)
    meta = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "generation": fields.pop("generation", 1),
        "creationTimestamp": stamp(created),
        "finalizers": fields.pop("finalizers", []),
        "annotations": fields.pop("annotations", {}),
        "ownerReferences": fields.pop("owners", []),
        **({"deletionTimestamp": stamp(0)} if deleting else {}),
    }
    status = fields.pop("status", {})
    spec = {"scaleSetName": "web", **({"imageVersion": version} if version else {}), **fields}
    return UpgradeRun.model_validate({"metadata": meta, "spec": spec, "status": status})


def active_run(version: str = "1.1.0", *, name: str = "up", code: str = "RollingForward", **fields: Any) -> UpgradeRun:
    """A run that has left Pending. Places of instances are ranges; `origins`: those that the run touched.

    `batch`: its number and instances; `relapses`: ranges by seconds; `reasons`: count and environment by name.
    """
    places = {p: fields.pop(p, "") for p in ("succeeded", "failed", "skipped", "inProgress", "pending", "uncounted")}
    places |= {p: fields.pop(p, "") for p in ("rolledBack", "rollbackFailed")}
    batch, rollback = fields.pop("batch", None), fields.pop("rollback", True)
    reasons, relapses = fields.pop("reasons", {}), fields.pop("relapses", {})
    touched = fields.pop("origins", None)
    origins = ranges.parse(touched) if touched is not None else _touched(places)
    status: JsonMap = {
        "runningStatus": {"code": code, "startTime": stamp(-600)},
        "targetImageReference": {**fields.pop("image", IMAGE), "version": version, "image": f"registry/web:{version}"},
        "targetModelRevision": fields.pop("revision", REVISION),
        "policy": {**POLICY, **fields.pop("policy", {}), "automaticRollback": rollback},
        "instances": places,
        "origins": [_origin(fields.pop("origin", "1.0.0"), origins)] if origins else [],
        "relapses": [{"instances": o, "since": stamp(s)} for o, s in relapses.items()],
        "failureReasons": [{"reason": r, "environment": e, "count": n} for r, (n, e) in reasons.items()],
        **fields.pop("status", {}),
    }
    if batch is not None:
        number, ordinals = batch
        made_again = fields.pop("recreated", "")
        status["currentBatch"] = {
            "number": number,
            "instances": ordinals,
            "startTime": stamp(-60),
            "recreated": made_again,
        }
    return upgrade_run(name, version, status=status, **fields)


def _touched(places: Mapping[str, str]) -> frozenset[int]:
    parts = [ranges.parse(places[p]) for p in ("succeeded", "failed", "inProgress")]
    return frozenset().union(*parts)


def _origin(version: str, ordinals: Iterable[int]) -> JsonMap:
    origin = pair(version)
    return {
        "imageVersion": origin.version,
        "image": origin.image,
        "modelRevision": origin.revision,
        "instances": ranges.render(ordinals),
    }


def state(**fields: Any) -> RunState:
    """The state of an active run."""
    return run_state.load(active_run(**fields))


def finished(code: str, error: str = "", **fields: Any) -> UpgradeRun:
    """A run that has ended, named in the set's status or not."""
    status: JsonMap = {
        "runningStatus": {"code": code, "startTime": stamp(-600), "completedTime": stamp(fields.pop("ended", 0))},
        "message": "the numbers",
        **({"error": {"code": error, "message": "the numbers"}} if error else {}),
    }
    return active_run(status=status, **fields)


def platform(**fields: Any) -> JsonMap:
    """The fields of a run that the controller made for the set; `target`: the version or revision, None: not told."""
    owner = {"apiVersion": "rollkeeper.io/v1alpha1", "kind": "ScaleSet", "name": "web", "uid": UID, "controller": True}
    annotations = {
        "rollkeeper.io/attempt": str(fields.pop("attempt", 1)),
        "rollkeeper.io/target": fields.pop("target", fields.get("version", "1.1.0")),
        "rollkeeper.io/cause": fields.pop("cause", "Automatic"),
    }
    return {
        "startedBy": "Platform",
        "owners": [owner],
        "annotations": annotations,
        "finalizers": ["rollkeeper.io/active-run"],
        **fields,
    }


def problem(reason: str = "ImagePullBackOff", message: str = "no such tag") -> Problem:
    return Problem(reason, message)
