"""Sets conditions so that they change only when something changed (Kubernetes API conventions)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rollkeeper.api.v1alpha1 import Condition

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A condition as it should stand."""

    type: str
    status: Status
    reason: str
    message: str = ""


def find(conditions: Sequence[Condition], type_: str) -> Condition | None:
    """The condition of a type, None where it was never set."""
    return next((condition for condition in conditions if condition.type == type_), None)


def merge(old: Sequence[Condition], wanted: Sequence[Wanted], generation: int, now: datetime) -> tuple[Condition, ...]:
    """The conditions to write. The transition time moves only with the status."""
    before = {condition.type: condition for condition in old}
    return tuple(_one(before.get(want.type), want, generation, now) for want in wanted)


def _one(old: Condition | None, want: Wanted, generation: int, now: datetime) -> Condition:
    since = old.last_transition_time if old is not None and old.status == want.status else now
    return Condition(
        type=want.type,
        status=want.status,
        observed_generation=generation,
        last_transition_time=since,
        reason=want.reason,
        message=want.message[:32768],
    )
