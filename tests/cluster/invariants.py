"""The rulebook's invariants (section 8), held against the audit log: one function each, which yields what broke it."""

from collections import defaultdict
from collections.abc import Callable, Iterator

from rollkeeper.api.v1alpha1.names import FINALIZER_VERSION
from tests.cluster.audit import Json, Write
from tests.cluster.replay import DOWN, OURS, Pod, Seen, Story, changed, code_of, merged, ordinals, status_of

ACTIVE = ("RollingForward", "RollingBack")
FINAL = ("Completed", "Cancelled", "Faulted")
PLACES = ("succeeded", "failed", "skipped", "inProgress", "pending")

Violations = Iterator[str]


def check(story: Story) -> None:
    """Fails with everything that broke an invariant."""
    broken = [f"{rule.__doc__}\n    {what}" for rule in INVARIANTS for what in rule(story)]
    assert not broken, "\n".join(["the audit log shows that", *broken])


def keeps_to_the_limit(story: Story) -> Violations:
    """I1: instances that the controller has made unavailable and that are not settled never exceed B1's number."""
    down: dict[str, set[int]] = defaultdict(set)
    limits: dict[str, int] = {}
    for write, seen in story.moments():
        if write.resource == "upgraderuns/status" and (write.body.get("status") or {}).get("currentBatch"):
            name = _set_of(seen, write)
            limits[name] = seen.batch_limit(name, write.name)
        if write.resource == "upgraderuns/status":
            down[_set_of(seen, write)] -= _settled(seen, write)
        if write.resource == "pods/status" and _says_ready(write):
            pod = seen.pods.get(write.name)
            if pod is not None and pod.scale_set:
                down[pod.scale_set].discard(_ordinal(pod))
        touched = _taken_down(story, write, seen)
        if touched is None:
            continue
        name = touched.scale_set
        down[name].add(_ordinal(touched))
        now = {o for o in down[name] if o < seen.replicas(name)}
        limit = limits.get(name, seen.replicas(name))  # no batch was written at all: that breaks I9
        if len(now) > limit:
            yield f"{write.received}: {sorted(now)} of {name} are down at once, the limit is {limit}"


def touches_its_own_only(story: Story) -> Violations:
    """I2: never a pod or claim written that is not the set's own."""
    for write, seen in story.moments():
        if not story.by_controller(write):
            continue
        if write.resource == "pods" and write.verb == "create":
            pod = Pod(write.user, write.body)
            if not pod.scale_set or write.name != f"{pod.scale_set}-{pod.label('ordinal')}":
                yield f"{write.received}: pod {write.name} was made for {pod.scale_set or 'nobody'}"
        elif write.resource.startswith("pods"):
            there = seen.pods.get(write.name)
            if write.resource == "pods/status" and write.name.startswith("virt-launcher-"):
                continue  # what the application of a guest says stands on its launcher, which KubeVirt makes (H4)
            if there is None or there.maker not in story.controllers:
                yield f"{write.received}: {write.verb} {write.resource} {write.name}, which is somebody else's"
        claims = write.resource.startswith("persistentvolumeclaims") and write.verb != "create"
        if claims and seen.claims.get(write.name) not in story.controllers:
            yield f"{write.received}: {write.verb} of claim {write.name}, which is somebody else's"


def keeps_data_disks(story: Story) -> Violations:
    """I3: the controller deletes no claim, but OS disks, and those of instances that were scaled away, if asked for."""
    for write, seen in story.moments():
        if not story.by_controller(write) or write.resource != "persistentvolumeclaims":
            continue
        may_go = write.name in seen.os_disks or _was_scaled_away(seen, write.name)
        if write.verb in {"delete", "deletecollection"} and not may_go:
            yield f"{write.received}: {write.verb} of {write.name or 'all claims'}"


def _was_scaled_away(seen: Seen, claim: str) -> bool:
    """Whether a claim, named `<template>-<set>-<ordinal>`, is of no instance any more, and is not to be kept."""
    place, _, ordinal = claim.rpartition("-")
    return any(
        place.endswith(f"-{name}")
        and int(ordinal) >= seen.replicas(name)
        and scale_set["spec"].get("persistentVolumeClaimRetentionPolicy", {}).get("whenScaled") == "Delete"
        for name, scale_set in seen.sets.items()
    )


def has_one_active_run(story: Story) -> Violations:
    """I4: one active run a set, named by the set before it leaves Pending; its target never changes."""
    for write, seen in story.moments():
        if write.resource != "upgraderuns/status" or not story.by_controller(write):
            continue
        name, before = _set_of(seen, write), seen.runs[write.name]
        after = _after(seen, write)
        if code_of(after) in ACTIVE and code_of(before) == "Pending":
            named = status_of(seen.sets[name]).get("activeRunName")
            if named != write.name:
                yield f"{write.completed}: {write.name} became active while {name} named {named}"
            others = [n for n, r in seen.runs_of(name).items() if n != write.name and code_of(r) in ACTIVE]
            if others:
                yield f"{write.completed}: {write.name} became active beside {others}"
        target = status_of(before).get("targetImageReference")
        if target is not None and status_of(after).get("targetImageReference") != target:
            yield f"{write.completed}: the target of {write.name} changed from {target}"


def counts_every_instance_once(story: Story) -> Violations:
    """I5: every instance of a run is in exactly one place, and the counts are those of the ranges."""
    for write, seen in story.moments():
        if write.resource != "upgraderuns/status":
            continue
        status = status_of(_after(seen, write))
        places = {place: ordinals(status.get("instances", {}).get(place)) for place in PLACES}
        found = [o for there in places.values() for o in there]
        if len(found) != len(set(found)):
            yield f"{write.completed}: {write.name} has an instance in two places: {status['instances']}"
        progress = status.get("progress", {})
        counted = {
            "failed": progress.get("failedInstanceCount", 0),
            "succeeded": progress.get("successfulInstanceCount", 0),
            "pending": progress.get("pendingInstanceCount", 0),
        }
        if any(len(places[place]) != count for place, count in counted.items()):
            yield f"{write.completed}: {write.name} counts {counted}, its instances are {status.get('instances')}"


def installs_nothing_held(story: Story) -> Violations:
    """I6: what is held is not installed, but to put an instance back, or where a user's run asks for it."""
    for write, seen in story.moments():
        made = _made(story, write, seen)
        if made is None or made.annotation("made-by").endswith("/Back") or _asked_for(made, seen):
            continue
        status = status_of(seen.sets[made.scale_set])
        version, revision = made.label("image-version"), made.label("model-revision")
        versions = [
            hold["version"]
            for hold in status.get("heldVersions", ())
            if not hold.get("above") and hold.get("modelRevision") in {None, revision}
        ]
        if version in versions and version != status.get("provenImageVersion"):
            yield f"{write.received}: {write.name} was made of {version}, which is held"
        models = [hold["revision"] for hold in status.get("heldModelRevisions", ())]
        if revision in models and revision != status.get("provenModelRevision"):
            yield f"{write.received}: {write.name} was made of model {revision}, which is held"


def _asked_for(made: Pod, seen: Seen) -> bool:
    """Whether the active run is a user's, and to this version or model."""
    run = seen.runs.get(str(status_of(seen.sets[made.scale_set]).get("activeRunName")), {})
    if not run or run["spec"].get("startedBy") == "Platform":
        return False
    target = status_of(run).get("targetImageReference", {}).get("version")
    models = status_of(run).get("targetModelRevision") if run["spec"].get("type") == "Model" else None
    return made.label("image-version") == target or made.label("model-revision") == models


def decides_before_it_acts(story: Story) -> Violations:
    """I9: a batch with its origins is written, under an optimistic lock, before the first of its pods is touched."""
    for write, seen in story.moments():
        decision = story.by_controller(write) and write.resource in {"upgraderuns/status", "scalesets/status"}
        if decision and not write.body.get("metadata", {}).get("resourceVersion"):
            yield f"{write.completed}: {write.resource} of {write.name} was written without a lock"
        touched = _taken_down(story, write, seen)
        if touched is not None and not any(_covers(r, touched) for r in seen.runs_of(touched.scale_set).values()):
            yield f"{write.received}: {write.name} was taken down, but no batch with its origin was written"
        made = _made(story, write, seen)
        if made is not None and made.annotation("made-by").endswith(("/Forward", "/Back")):
            yield from _check_batch(write, made, seen)


def assigns_before_it_creates(story: Story) -> Violations:
    """I9: what an instance is meant to run stands in the set's status before its pod is made."""
    for write, seen in story.moments():
        made = _made(story, write, seen)
        if made is None:
            continue
        wanted = (made.label("image-version"), made.label("model-revision"), made.annotation("image"))
        assigned = [
            (entry.get("version"), entry.get("modelRevision"), entry.get("image"))
            for entry in status_of(seen.sets[made.scale_set]).get("versions", ())
            if _ordinal(made) in ordinals(entry["instances"])
        ]
        if assigned != [wanted]:
            yield f"{write.received}: {write.name} was made of {wanted}, assigned was {assigned}"


def writes_only_what_changes(story: Story) -> Violations:
    """I7: with nothing to do nothing is written: no write of a status leaves it as it was."""
    for write, seen in story.moments():
        kind, _, subresource = write.resource.partition("/")
        if not story.by_controller(write) or subresource != "status" or kind not in OURS or write.verb != "patch":
            continue
        before = status_of(seen.of_kind(kind).get(write.name, {}))
        if before and merged(before, status_of(write.body)) == before:
            what = f"{write.resource} of {write.name} was written, and says what it said before"
            yield f"{write.completed}: {what}: {write.body}"


def protects_versions_first(story: Story) -> Violations:
    """V7: the finalizer stands on an ImageVersion before the first pod is made of it."""
    for write, seen in story.moments():
        made = _made(story, write, seen)
        if made is None:
            continue
        published = [v for v in seen.versions.values() if v["spec"]["version"] == made.label("image-version")]
        if published and not any(FINALIZER_VERSION in v["metadata"].get("finalizers", ()) for v in published):
            yield f"{write.received}: {write.name} was made of {made.label('image-version')}, which nothing protects"


def keeps_virtual_machines(story: Story) -> Violations:
    """B5: a virtual machine is deleted by scaling in and with its set, by nothing else of ours."""
    for write, seen in story.moments():
        if not story.by_controller(write) or (write.verb, write.resource) != ("delete", "virtualmachines"):
            continue
        name, _, ordinal = write.name.rpartition("-")
        if int(ordinal) < seen.replicas(name):
            yield f"{write.received}: VirtualMachine {write.name} was deleted"


def decides_before_it_changes_a_machine(story: Story) -> Violations:
    """I1, I9: a machine is changed for the batch in hand alone, which is written before, and is not too large."""
    for write, seen in story.moments():
        mark = _mark(write) if story.by_controller(write) else ""
        if not mark.endswith(("/Forward", "/Back")):
            continue
        run, number, direction = mark.split("/")
        name, _, ordinal = write.name.rpartition("-")
        status = status_of(seen.runs.get(run, {}))
        batch = status.get("currentBatch") or {}
        instances = ordinals(batch.get("instances"))
        origins = frozenset[int]().union(*(ordinals(o["instances"]) for o in status.get("origins", ())))
        if str(batch.get("number")) != number or int(ordinal) not in instances & origins:
            yield f"{write.received}: {write.name} was changed for batch {number} of {run}, which had written {batch}"
        if direction == "Back" and int(ordinal) not in ordinals(status.get("instances", {}).get("failed")):
            yield f"{write.received}: {write.name} was put back before it was written as failed (H3)"
        if len(instances) > seen.batch_limit(name, run):
            yield f"{write.received}: batch {batch} of {run} is larger than {seen.batch_limit(name, run)}"


def _mark(write: Write) -> str:
    """What a JSON patch changes a virtual machine for, empty for other writes."""
    if write.resource != "virtualmachines":
        return ""
    changed = (o["value"] for o in write.operations if o["path"] == "/metadata/annotations" and o["op"] == "add")
    return next((str(a.get("rollkeeper.io/made-by", "")) for a in changed), "")


INVARIANTS: tuple[Callable[[Story], Violations], ...] = (
    keeps_to_the_limit,
    touches_its_own_only,
    keeps_data_disks,
    has_one_active_run,
    counts_every_instance_once,
    installs_nothing_held,
    decides_before_it_acts,
    assigns_before_it_creates,
    writes_only_what_changes,
    protects_versions_first,
    keeps_virtual_machines,
    decides_before_it_changes_a_machine,
)


def _check_batch(write: Write, made: Pod, seen: Seen) -> Violations:
    name, number, direction = made.annotation("made-by").split("/")
    status = status_of(seen.runs.get(name, {}))
    batch = status.get("currentBatch") or {}
    if str(batch.get("number")) != number or _ordinal(made) not in ordinals(batch.get("instances")):
        yield f"{write.received}: {write.name} was made for batch {number} of {name}, which had written {batch}"
    if _is_left_in_hand(made, name, number, seen):
        return  # F7: the run was removed; that it has failed is in the assignment, which has its own check
    if direction == "Back" and _ordinal(made) not in ordinals(status.get("instances", {}).get("failed")):
        yield f"{write.received}: {write.name} was put back before it was written as failed (H3)"


def _is_left_in_hand(made: Pod, run: str, number: str, seen: Seen) -> bool:
    """F7: whether the set alone knows of the batch: its run was removed by force."""
    status = status_of(seen.sets.get(made.scale_set, {}))
    hand = status.get("batchInHand") or {}
    same = (hand.get("runName"), str(hand.get("number"))) == (run, number)
    return same and status.get("activeRunName") != run and _ordinal(made) in ordinals(hand.get("instances"))


def _covers(run: Json, pod: Pod) -> bool:
    """Whether the run's batch in hand has the instance, and what it ran before."""
    status = status_of(run)
    batch = ordinals((status.get("currentBatch") or {}).get("instances"))
    origins = frozenset[int]().union(*(ordinals(o["instances"]) for o in status.get("origins", ())))
    return code_of(run) in ACTIVE and _ordinal(pod) in batch & origins


def _taken_down(story: Story, write: Write, seen: Seen) -> Pod | None:
    """The pod that the controller takes down for a run: not in first creation (F4b), not for scaling in (B11)."""
    if not story.by_controller(write) or (write.verb, write.resource) not in DOWN:
        return None
    pod = seen.pods.get(write.name)
    if pod is None or not seen.proven(pod.scale_set) or _ordinal(pod) >= seen.replicas(pod.scale_set):
        return None
    return pod


def _made(story: Story, write: Write, seen: Seen) -> Pod | None:
    """The pod that the controller makes, or makes another of in place."""
    if not story.by_controller(write) or write.resource != "pods" or write.verb not in {"create", "patch"}:
        return None
    return Pod(write.user, write.body) if write.verb == "create" else changed(seen.pods[write.name], write)


def _settled(seen: Seen, write: Write) -> frozenset[int]:
    """Failed and put back, or failed and left as it is."""
    status = status_of(_after(seen, write))
    instances = status.get("instances", {})
    settled = ordinals(instances.get("rolledBack")) | ordinals(instances.get("rollbackFailed"))
    if not status.get("policy", {}).get("automaticRollback"):
        settled |= ordinals(instances.get("failed"))
    return settled


def _after(seen: Seen, write: Write) -> Json:
    after = Seen(runs={write.name: seen.runs[write.name]})
    after.take(write)
    return after.runs[write.name]


def _set_of(seen: Seen, write: Write) -> str:
    return str(seen.runs[write.name]["spec"]["scaleSetName"])


def _ordinal(pod: Pod) -> int:
    return int(pod.label("ordinal") or -1)


def _says_ready(write: Write) -> bool:
    conditions = (write.body.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
