"""The story as lines, one a change of state: for logs, for pipes, and for people who prefer to scroll."""

from hack.demo.scene import ENDED, Scene, code, target
from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun
from rollkeeper.api.v1alpha1.scale_set_status import HeldVersion


def changes(before: Scene, after: Scene) -> list[str]:
    """What is new in `after`, oldest first as far as statuses tell the order."""
    earlier = {run.metadata.uid: run for run in before.runs}
    lines = [line for run in after.runs for line in _run_changes(earlier.get(run.metadata.uid), run)]
    if after.scale_set is None:
        return lines
    known = before.scale_set.status.held_versions if before.scale_set else ()
    lines += [held_line(hold) for hold in after.scale_set.status.held_versions if hold not in known]
    line = set_line(after.scale_set)
    if before.scale_set is None or set_line(before.scale_set) != line:
        lines.append(line)
    return lines


def set_line(scale_set: ScaleSet) -> str:
    """The set in one line: health, what is proven, and which instance is meant to run what."""
    status = scale_set.status
    assigned = ", ".join(f"{group.instances} on {group.version}" for group in status.versions if group.instances)
    words = [
        f"{scale_set.metadata.name}: {status.ready_replicas} of {scale_set.spec.replicas} healthy",
        f"proven {status.proven_image_version or '-'}",
        f"latest {status.latest_image_version or '-'}",
        f"instances {assigned or '-'}",
    ]
    return "; ".join(words)


def held_line(hold: HeldVersion) -> str:
    """A version that the controller does not try again, and why."""
    return f"held: {hold.version} after {hold.run_name} ({hold.reason}): {hold.message}"


def explanation(scene: Scene) -> str:
    """What the statuses say themselves, for somebody who waits in vain."""
    if scene.scale_set is None:
        return "there is no scale set"
    lines = [set_line(scene.scale_set)]
    lines += [
        f"{condition.type}={condition.status} {condition.reason}: {condition.message}"
        for condition in scene.scale_set.status.conditions
        if condition.message
    ]
    lines += [f"{run.metadata.name}: {code(run) or 'not seen yet'}: {run.status.message or '-'}" for run in scene.runs]
    sick = ", ".join(f"{i.ordinal} ({i.version})" for i in scene.instances if not i.healthy)
    return "\n".join([*lines, f"pods: {len(scene.instances)}, not healthy: {sick or 'none'}"])


def _run_changes(before: UpgradeRun | None, after: UpgradeRun) -> list[str]:
    name, status = after.metadata.name, after.status
    was = before.status if before else None
    lines: list[str] = []
    if target(after) and not (before and target(before)):
        lines.append(f"{name}: upgrade to {target(after)}, started by {after.spec.started_by}")
    for failure in status.failures:
        if was is None or failure not in was.failures:
            instance = f"{after.spec.scale_set_name}-{failure.instance}"
            lines.append(f"{name}: {instance} failed, {failure.reason}: {failure.message}")
    done = {batch.number for batch in was.batches} if was else set()
    lines += [
        f"{name}: batch {batch.number} over, instances {batch.instances}: "
        f"{batch.succeeded} succeeded, {batch.failed} failed"
        for batch in status.batches
        if batch.number not in done
    ]
    if code(after) in ENDED:
        if before is None or code(before) not in ENDED:
            lines.append(f"{name}: {code(after)}: {status.message}")
    elif status.message and (was is None or was.message != status.message):
        lines.append(f"{name}: {status.message}")
    return lines
