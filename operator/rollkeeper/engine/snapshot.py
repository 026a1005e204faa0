"""What the engine sees of the world: one scale set, its runs, its instances and the versions it may run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:  # the command line reads pods without the models
    from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet, UpgradeRun
    from rollkeeper.engine.references import Reference, ReferenceCheck


class Pair(NamedTuple):
    """What an instance runs, or is meant to run: image version (with its full reference) and model revision.

    A tuple, because a decision compares and hashes thousands of them.
    """

    version: str
    image: str
    revision: str


def is_same(one: Pair, other: Pair) -> bool:
    """The same version and model; the reference may differ (a tag and its digest)."""
    return (one.version, one.revision) == (other.version, other.revision)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why an instance is not healthy, in the words of the kubelet or the scheduler (H5)."""

    reason: str
    message: str


ApplicationState = Literal["Healthy", "Unhealthy", "Unknown", "Initializing"]


@dataclass(frozen=True, slots=True)
class Application:
    """What the application of an instance was found to be since its OS container has started (H4)."""

    state: ApplicationState
    since: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Instance:
    """A pod that exists. Times are the API server's and the kubelet's, in UTC."""

    ordinal: int
    name: str
    uid: str
    pair: Pair
    made_by: str
    created: datetime
    """When its pod was made, or its image changed in place: its clocks run from then (H2)."""
    swapping: bool = False
    """Its image was changed in place, and no container runs with it yet."""
    terminating: bool = False
    terminating_until: datetime | None = None
    """When a terminating pod's grace period is over (H8)."""
    finished: bool = False
    """The pod's phase is Failed or Succeeded: it will never run again."""
    unfinished: bool = False
    """A change of it is written, and the second half of that is still to be done (virtual machines)."""
    running: bool = False
    """The OS container runs, and all extensions are provisioned."""
    first_started: datetime | None = None
    """The first start of the OS container that is known; restarts do not move it (H2)."""
    running_since: datetime | None = None
    has_hook: bool = False
    """The OS container has a postStart hook. It starts before that, but is reported as running only afterwards."""
    ready: bool = False
    """The pod's condition Ready."""
    ready_since: datetime | None = None
    node_ready: bool = True
    zone: str = ""
    """Where it runs (`topology.kubernetes.io/zone`); empty while that is not known (B4)."""
    problem: Problem | None = None
    protected: bool = False
    claims: frozenset[str] = frozenset()
    """The claims that are disks of a virtual machine."""
    application: Application | None = None
    """None: nobody has asked it, or it was asked before its OS container started anew."""
    application_settled: datetime | None = None
    """When the application was first known to be no longer Initializing; restarts do not move it (H2)."""


@dataclass(frozen=True, slots=True)
class OSDisk:
    """A claim that was made as the OS disk of a virtual machine."""

    name: str
    uid: str
    ordinal: int
    version: str
    revision: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """The API server refused to create or evict an instance; found by trying, remembered between reconciles."""

    reason: str
    message: str
    since: datetime
    retry_at: datetime
    made_by: str


@dataclass(frozen=True, slots=True)
class Vanished:
    """A pod that was seen and is gone: what it was made for and ran; forgotten when a run has taken note (H2)."""

    ordinal: int
    made_by: str
    pair: Pair


@dataclass(frozen=True, slots=True)
class DryRun:
    """The API server's verdict on a pod of a pair (M3)."""

    verdict: Literal["Accepted", "Invalid", "Forbidden"]
    message: str = ""
    retry_at: datetime | None = None


@dataclass(frozen=True)
class Snapshot:
    """All that one decision is made from."""

    scale_set: ScaleSet
    runs: tuple[UpgradeRun, ...]
    catalogue: tuple[ImageVersion, ...]
    """The versions that the set can see: of its own namespace and of the shared images namespace."""
    instances: Mapping[int, Instance]
    revision: str
    """Name of the ControllerRevision with the model in spec, whether it exists yet or not.

    With a `model_fault` the newest that was known before; empty: none.
    """
    revisions: Mapping[str, int]
    """The ControllerRevisions that exist, by name: the higher the number, the newer."""
    model_fault: Problem | None = None
    """Why there is no model of the set as it is now: a script that can't be read, extensions in a circle (E1, E2)."""
    provider_fault: Problem | None = None
    """Why no instance can be made or changed at all: what makes virtual machines is not installed."""
    refusals: Mapping[int, Refusal] = field(default_factory=dict)
    vanished: Mapping[int, Vanished] = field(default_factory=dict)
    dry_runs: Mapping[Pair, DryRun] = field(default_factory=dict)
    images: Mapping[str, str] = field(default_factory=dict)
    """The name of the OS image that each revision belongs to (V6)."""
    with_tasks: frozenset[str] = frozenset()
    """The revisions with Task extensions, which run in new pods only."""
    references: Mapping[str, tuple[Reference, ...]] = field(default_factory=dict)
    """What the model of each revision relies on, claims included (T8)."""
    reference_checks: Mapping[str, ReferenceCheck] = field(default_factory=dict)
    """The last look for them, by occasion."""
    internal_error: str = ""
    """What went wrong unexpectedly when the last decision was carried out."""
    claims: frozenset[int] = frozenset()
    """Ordinals at or above replicas that still have claims which are to be deleted with them."""

    os_disks: tuple[OSDisk, ...] = ()
    """The claims that are OS disks, but for those that go already."""

    @property
    def replicas(self) -> int:
        """How many instances the set is to have."""
        return self.scale_set.spec.replicas
