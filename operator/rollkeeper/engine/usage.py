"""Which image versions a set uses, and for what: they are not deleted under it (V7)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus, UpgradeRun
from rollkeeper.api.v1alpha1.batch_in_hand import Origin
from rollkeeper.api.v1alpha1.image_version import UsedBy
from rollkeeper.engine import ranges
from rollkeeper.engine.actions import Action, WriteRun, WriteSet
from rollkeeper.engine.queue import ACTIVE, code_of
from rollkeeper.engine.versions import image_name

Numbered = tuple[str, str]
"""Name of the image and number of the version."""

ImageOf = Callable[[str], str | None]
"""The image that a model revision belongs to; None: not known, so it is that of the set (V6)."""


@dataclass(frozen=True, slots=True)
class Use:
    """What one set uses one version for."""

    instances: int = 0
    """Instances that are meant to run it."""
    reasons: tuple[str, ...] = ()
    """What else it is needed for, as people are told."""
    in_a_run: bool = False
    """An active run goes to it or away from it, so the number of instances moves."""

    def __str__(self) -> str:
        """`3 instances, proven`."""
        count = [f"{self.instances} instance{'s' if self.instances > 1 else ''}"] if self.instances else []
        return ", ".join([*count, *self.reasons])


Uses = Mapping[Numbered, Use]


def of(scale_set: ScaleSet, runs: Iterable[UpgradeRun], image_of: ImageOf) -> Uses:
    """V7: what instances run, what is proven or created from, what an active run goes to or may have to put back."""
    status, own = scale_set.status, image_name(scale_set.spec.image_reference)
    found: dict[Numbered, Use] = {}
    for group in status.versions:
        _count(found, (image_of(group.model_revision) or own, group.version), group.replicas)
    if status.proven_image_version is not None:
        _note(found, (status.proven_image or own, status.proven_image_version), "proven")
    elif (own, status.creation_version or "") in found:
        _note(found, (own, status.creation_version or ""), "being created from")

    def image(revision: str) -> str:
        return image_of(revision) or own

    for run in runs:
        if code_of(run) in ACTIVE:
            _add_run(found, run, image)
    if status.batch_in_hand is not None:  # the run may be removed by force (F7)
        _add_origins(found, status.batch_in_hand.run_name, status.batch_in_hand.origins, image)
    return {numbered: use for numbered, use in found.items() if use != Use()}


def _add_run(found: dict[Numbered, Use], run: UpgradeRun, image_of: Callable[[str], str]) -> None:
    target = run.status.target_image_reference
    if target is not None:
        _note_run(found, (image_name(target), target.version), f"target of UpgradeRun {run.metadata.name}")
    _add_origins(found, run.metadata.name, run.status.origins, image_of)


def _add_origins(
    found: dict[Numbered, Use], run: str, origins: Iterable[Origin], image_of: Callable[[str], str]
) -> None:
    for origin in origins:
        if ranges.parse(origin.instances):
            numbered = (image_of(origin.model_revision), origin.image_version)
            _note_run(found, numbered, f"UpgradeRun {run} may put it back")


def _count(found: dict[Numbered, Use], numbered: Numbered, instances: int) -> None:
    use = found.get(numbered, Use())
    found[numbered] = replace(use, instances=use.instances + instances)


def _note(found: dict[Numbered, Use], numbered: Numbered, reason: str) -> None:
    use = found.get(numbered, Use())
    if reason not in use.reasons:
        found[numbered] = replace(use, reasons=(*use.reasons, reason))


def _note_run(found: dict[Numbered, Use], numbered: Numbered, reason: str) -> None:
    _note(found, numbered, reason)
    found[numbered] = replace(found[numbered], in_a_run=True)


def after(scale_set: ScaleSet, runs: Iterable[UpgradeRun], actions: Iterable[Action], image_of: ImageOf) -> Uses:
    """What a set will use when a decision has been carried out: to be protected before its first use."""
    status: ScaleSetStatus = scale_set.status
    written = {run.metadata.name: run for run in runs}
    for action in actions:
        if isinstance(action, WriteSet):
            status = action.status
        elif isinstance(action, WriteRun) and action.run in written:
            written[action.run] = written[action.run].model_copy(update={"status": action.status})
    return of(scale_set.model_copy(update={"status": status}), written.values(), image_of)


Users = Mapping[tuple[str, str], Use]
"""The sets that use one version, by namespace and name."""

NAMED = 5
"""Sets that a message names; of the others it gives the number."""


def count(users: Users) -> UsedBy:
    """For the status of the version."""
    return UsedBy(scale_sets=len(users), instances=sum(use.instances for use in users.values()))


def is_moving(users: Users) -> bool:
    """Whether a run is about to change the counts again."""
    return any(use.in_a_run for use in users.values())


def what_deletion_waits_for(users: Users, namespace: str) -> str:
    """V7: who uses a version that is being deleted, and what lets it go; empty when nobody does."""
    if not users:
        return ""
    told = [
        f"ScaleSet {name if home == namespace else f'{home}/{name}'} ({use})"
        for (home, name), use in sorted(users.items())[:NAMED]
    ]
    if len(users) > NAMED:
        told.append(f"{len(users) - NAMED} more scale sets")
    return f"is being deleted, which waits until nothing uses it: {', '.join(told)}; upgrade or delete them"
