"""Which status writes can wait: counts change with every pod, and each write costs everyone who watches."""

from collections.abc import Sequence

from rollkeeper.api.v1alpha1 import Condition, ScaleSetStatus, UpgradeRunStatus

_SET_COUNTS = frozenset(
    {
        "replicas",
        "ready_replicas",
        "updated_replicas",
        "unhealthy_replicas",
        "ever_healthy",
        "starting",
        "left_failed",
        "conditions",
    }
)
_ASSIGNMENT = frozenset({"versions", "resolved_images"})
_RUN_COUNTS = frozenset({"progress", "rollback_info", "instances", "message", "conditions"})


def is_urgent_for_set(old: ScaleSetStatus, new: ScaleSetStatus) -> bool:
    """Whether anything but counts, sentences and the assignment changed; acts may rely on it (I9)."""
    return _rest(old, new, _SET_COUNTS | _ASSIGNMENT) or _conditions_turned(old.conditions, new.conditions)


def is_assigned_anew(old: ScaleSetStatus, new: ScaleSetStatus) -> bool:
    """Whether instances are meant to run something else than before: urgent when one is about to be made (I9, V8)."""
    return any(getattr(old, name) != getattr(new, name) for name in _ASSIGNMENT)


def is_urgent_for_run(old: UpgradeRunStatus, new: UpgradeRunStatus) -> bool:
    """As is_urgent_for_set. A failed instance is urgent: its failure entry is written before it is put back (H3)."""
    return _rest(old, new, _RUN_COUNTS) or _conditions_turned(old.conditions, new.conditions)


def _rest(
    old: ScaleSetStatus | UpgradeRunStatus, new: ScaleSetStatus | UpgradeRunStatus, counts: frozenset[str]
) -> bool:
    return any(getattr(old, name) != getattr(new, name) for name in type(new).model_fields if name not in counts)


def _conditions_turned(old: Sequence[Condition], new: Sequence[Condition]) -> bool:
    return {(c.type, c.status, c.reason, c.observed_generation) for c in old} != {
        (c.type, c.status, c.reason, c.observed_generation) for c in new
    }
