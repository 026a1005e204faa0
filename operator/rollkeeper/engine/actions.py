"""What a decision asks the executor to do: small frozen intents, each with its reason as a sentence.

They are carried out in the order given; the first that fails ends the reconcile, because each may rely on the ones
before it (I9: the decision is written before the act). Only instance actions, always last, run side by side.
"""

from dataclasses import dataclass
from typing import Literal

from rollkeeper.api.v1alpha1 import ScaleSetStatus, UpgradeRunStatus
from rollkeeper.engine.reasons import Event
from rollkeeper.engine.references import Reference
from rollkeeper.engine.snapshot import Pair


@dataclass(frozen=True, slots=True)
class EnsureRevision:
    """Store the model in spec as a ControllerRevision (M2)."""

    name: str


@dataclass(frozen=True, slots=True)
class DeleteRevision:
    """Prune a model that nothing uses any more (M2)."""

    name: str


@dataclass(frozen=True, slots=True)
class DryRunPod:
    """Ask the API server whether it would accept a pod of this pair, before anything is touched (M3)."""

    pair: Pair


@dataclass(frozen=True, slots=True)
class CheckReferences:
    """Look for the objects that a model relies on (T8)."""

    revision: str
    references: tuple[Reference, ...]
    occasion: str
    """What is about to happen: the answer is for that alone."""


@dataclass(frozen=True, slots=True)
class CreateRun:
    """Make a run of the controller's own; its name is fixed by set, target and attempt, so a repeat is harmless."""

    name: str
    type: Literal["OSImage", "Model"]
    target: str
    """The image version or model revision."""
    cause: str
    attempt: int
    message: str


@dataclass(frozen=True, slots=True)
class AddRunFinalizer:
    """Before a run becomes active: deleting it must cancel it first (F7)."""

    run: str


@dataclass(frozen=True, slots=True)
class RemoveRunFinalizer:
    """After a run ended and the set took note: the last of F9's three writes."""

    run: str


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Prune a finished run of the controller's own (F6), or one that is no longer due (T5)."""

    run: str
    message: str


@dataclass(frozen=True, slots=True)
class WriteRun:
    """Write a run's status under its resourceVersion.

    `urgent` is False when only counts and sentences changed: such a write may wait a few seconds for company.
    """

    run: str
    status: UpgradeRunStatus
    urgent: bool


@dataclass(frozen=True, slots=True)
class WriteSet:
    """Write the set's status under its resourceVersion. `urgent` as in WriteRun."""

    status: ScaleSetStatus
    urgent: bool


@dataclass(frozen=True, slots=True)
class CreateInstance:
    """Make the pod of an ordinal, and those of its claims that are missing."""

    ordinal: int
    pair: Pair
    made_by: str
    """What for: `FirstCreation`, `ScaleOut`, `Repair`, or `<run>/<batch>/Forward` or `/Back`; it stands on the pod."""
    message: str
    protected: bool = False
    """The label that protects it passes on to the new pod (B10)."""


@dataclass(frozen=True, slots=True)
class EvictInstance:
    """Take a healthy pod down through the eviction API, so that budgets are obeyed (B12)."""

    ordinal: int
    uid: str
    occasion: str
    """What for, as `made_by`; also `ScaleIn`."""
    message: str


@dataclass(frozen=True, slots=True)
class DeleteInstance:
    """Delete a pod: scale-in, one that is unhealthy already, or one that is put back (B12)."""

    ordinal: int
    uid: str
    occasion: str
    """What for, as `made_by`; also `ScaleIn`."""
    message: str


@dataclass(frozen=True, slots=True)
class SwapImage:
    """Change the image of an instance's OS container in place: pod, address, node and volumes stay."""

    ordinal: int
    uid: str
    pair: Pair
    made_by: str
    message: str
    held_to_budgets: bool
    """As an eviction would be. Not what is broken already or is put back (B12)."""


@dataclass(frozen=True, slots=True)
class FinishSwap:
    """Do the second half of a change that is written already, whoever has written it (I8)."""

    ordinal: int
    uid: str
    occasion: str
    """What the change was for, as `made_by`."""
    message: str


@dataclass(frozen=True, slots=True)
class DeleteClaims:
    """Delete the claims of a scaled-in ordinal, where the retention policy says so."""

    ordinal: int


@dataclass(frozen=True, slots=True)
class DeleteOSDisk:
    """Delete the claim of an OS disk that nothing runs and nothing goes back to."""

    name: str
    uid: str
    ordinal: int


@dataclass(frozen=True, slots=True)
class EmitEvent:
    """Tell a person: an event on the set or on a run."""

    regarding: Literal["ScaleSet", "UpgradeRun"]
    name: str
    type: Literal["Normal", "Warning"]
    reason: Event
    message: str


InstanceAction = CreateInstance | EvictInstance | DeleteInstance | SwapImage | FinishSwap
Action = (
    EnsureRevision
    | DeleteRevision
    | DryRunPod
    | CheckReferences
    | CreateRun
    | AddRunFinalizer
    | RemoveRunFinalizer
    | DeleteRun
    | WriteRun
    | WriteSet
    | InstanceAction
    | DeleteClaims
    | DeleteOSDisk
    | EmitEvent
)
