"""What each ordinal is meant to run: kept in the set's status, written before a pod is made with another pair (I9)."""

from collections import Counter, defaultdict
from collections.abc import Mapping

from rollkeeper.api.v1alpha1.scale_set_status import AssignedVersion, ScaleSetStatus
from rollkeeper.engine import ranges
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.snapshot import Instance, Pair
from rollkeeper.engine.versions import parse_version

Assignment = Mapping[int, Pair]


def load(status: ScaleSetStatus, instances: Mapping[int, Instance], replicas: int) -> dict[int, Pair]:
    """The assignment of the ordinals below replicas; where the status lost one, it is read from the pod (F4)."""
    assignment = {
        ordinal: Pair(group.version, group.image, group.model_revision)
        for group in status.versions
        for ordinal in ranges.parse(group.instances)
        if ordinal < replicas
    }
    for ordinal, instance in instances.items():
        if ordinal < replicas and ordinal not in assignment:
            assignment[ordinal] = instance.pair
    return assignment


def dump(assignment: Assignment, proven: Pair | None) -> tuple[AssignedVersion, ...]:
    """The assignment as it stands in the status: one entry a pair, newest version first.

    The proven pair has an entry even when nothing runs it: its reference must outlive its ImageVersion, or a set that
    was scaled in to 0 could not be scaled out again (V8).
    """
    groups: dict[Pair, list[int]] = defaultdict(list)
    if proven is not None:
        groups[proven] = []
    for ordinal, pair in assignment.items():
        groups[pair].append(ordinal)
    ordered = sorted(groups, key=lambda p: (tuple(-n for n in parse_version(p.version)), p.revision, p.image))
    return tuple(
        AssignedVersion(
            version=pair.version,
            image=pair.image,
            model_revision=pair.revision,
            replicas=len(groups[pair]),
            instances=ranges.render(groups[pair]),
        )
        for pair in ordered
    )


def most_run(instances: Mapping[int, Instance], healthy: Ordinals) -> Pair | None:
    """The pair that most healthy instances run; on a tie the lower version. For a status that was lost (F4)."""
    counts = Counter(instances[o].pair for o in healthy)
    if not counts:
        return None
    return min(counts, key=lambda pair: (-counts[pair], parse_version(pair.version), pair))
