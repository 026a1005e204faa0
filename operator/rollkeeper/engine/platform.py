"""Runs that the controller makes of its own: for a newer version, a changed model, a changed pin (T1, M1, M5)."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun
from rollkeeper.api.v1alpha1.names import (
    ANNOTATION_ATTEMPT,
    ANNOTATION_CAUSE,
    ANNOTATION_RELEASE_HOLD,
    ANNOTATION_TARGET,
    FINALIZER_RUN,
)
from rollkeeper.engine import automatic, gates, ranges, target, versions
from rollkeeper.engine.actions import CreateRun
from rollkeeper.engine.automatic import Automatic
from rollkeeper.engine.context import Context
from rollkeeper.engine.gates import Blocked
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.snapshot import Instance, Pair
from rollkeeper.engine.versions import LATEST

Cause = Literal["Automatic", "Model", "Pin"]
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


@dataclass(frozen=True, slots=True)
class Wish:
    """A run of the controller's own that is due."""

    cause: Cause
    type: Literal["OSImage", "Model"]
    target: str
    """The image version or model revision."""
    pair: Pair
    """What most instances will get, for the dry run (M3)."""
    blocked: Blocked | None
    """Why it does not start."""
    message: str


@dataclass(frozen=True)
class Platform:
    """What the controller would do of its own now."""

    automatic: Automatic
    wishes: tuple[Wish, ...] = ()
    """Due runs in T5's order."""

    @property
    def next(self) -> Wish | None:
        """The first that may start."""
        return next((wish for wish in self.wishes if wish.blocked is None), None)

    @property
    def blocked(self) -> Blocked | None:
        """Why the first does not start, when none does."""
        return self.wishes[0].blocked if self.wishes and self.next is None else None


def consider(ctx: Context) -> Platform:
    """All that is due, Model and pin runs before automatic ones (T5)."""
    auto = automatic.consider(ctx)
    wishes = [_model(ctx), _pin(ctx), _automatic(ctx, auto)]
    return Platform(auto, tuple(wish for wish in wishes if wish is not None))


def _automatic(ctx: Context, auto: Automatic) -> Wish | None:
    if auto.due is None:
        return None
    proven = ctx.snapshot.scale_set.status.proven_image_version
    # F4b: healthy instances follow the version that instances are created with, which may be a lower one.
    why = f"is newer than {proven}" if proven else "is what instances are created with, and healthy ones run another"
    message = f"version {auto.due.version} {why}"
    return Wish("Automatic", "OSImage", auto.due.version, auto.due, auto.blocked, message)


def _model(ctx: Context) -> Wish | None:
    """T1, M1: the newest revision is not held and differs from the proven one, and an instance is not on it."""
    newest = ctx.snapshot.revision
    if not _rolls_by_itself(ctx) or versions.held_revision(ctx.snapshot.scale_set, newest) is not None:
        return None
    base = _base_of_model(ctx)
    followers = [i for i in _unprotected(ctx) if ctx.proven or i.ordinal in ctx.healthy]
    if base is None or all(i.pair.revision == newest for i in followers):
        return None
    message = f"the model of the set has changed to {newest}"
    if not ctx.on_other_image:
        return _wish(ctx, "Model", newest, Pair(base.version, base.image, newest), message)
    pair = target.of_changed_image(ctx)
    if isinstance(pair, target.Refused):
        return Wish("Model", "Model", newest, base, Blocked(Wait.NO_IMAGE_VERSION, pair.message), message)
    return _wish(ctx, "Model", newest, pair, f"the image of the set has changed to {ctx.image_name}")


def _base_of_model(ctx: Context) -> Pair | None:
    """What a changed model builds on; None: it has not changed.

    It has, too, when a change was taken back: then the newest is the proven one again, and instances that a run had
    brought to the model in between are to come back from it. That model has the higher number. What a run put back, or
    could not take down, is left behind by it: it waits for a newer model, or runs would follow each other without end.
    """
    status, newest, numbers = ctx.snapshot.scale_set.status, ctx.snapshot.revision, ctx.snapshot.revisions
    proven = ctx.proven_pair
    if proven is None:
        creation = next((p for p in ctx.assignment.values() if p.version == status.creation_version), None)
        return creation if newest == status.creation_model_revision else None
    brought = [i for i in _unprotected(ctx) if i.made_by.endswith("/Forward") and not i.terminating]
    ahead = any(numbers.get(i.pair.revision, 0) > numbers.get(newest, 0) for i in brought)
    return proven if newest != proven.revision or ahead else None


def _pin(ctx: Context) -> Wish | None:
    """T1, M5, I6: the pin differs from the proven version, down too, is not held, and an instance does not run it."""
    pinned = ctx.snapshot.scale_set.spec.image_reference.version
    published = versions.creation_version(ctx.snapshot.scale_set, ctx.catalogue)
    if pinned == LATEST or published is None or not _rolls_by_itself(ctx) or published.deleting:
        return None
    if ctx.on_other_image:
        return None  # the Model run brings them to the pin (V6)
    # Without this a pin to a version that fails would be tried, put back and tried again without end.
    if versions.hold_on_pin(ctx.snapshot.scale_set, published, ctx.model) is not None:
        return None
    proven = ctx.snapshot.scale_set.status.proven_image_version
    followers = [i for i in _unprotected(ctx) if proven is not None or i.ordinal in ctx.healthy]
    if proven == pinned or all(i.pair.version == pinned for i in followers):
        return None
    pair = Pair(pinned, published.image, ctx.model)
    return _wish(ctx, "Pin", pinned, pair, f"the set is pinned to {pinned}")


def _wish(ctx: Context, cause: Cause, target: str, pair: Pair, message: str) -> Wish:
    """T6 with T7: instances that the run itself replaces don't count against it."""
    mended = frozenset(o for o in ctx.unhealthy if not ctx.is_protected(o))
    chain = (
        gates.nothing_is_left_in_hand,
        gates.model_is_known,
        gates.is_not_backing_off(target),
        gates.set_is_healthy(exempt=mended),
        gates.references_exist(target),
        gates.model_is_accepted,
    )
    blocked = gates.first_block(chain, ctx, pair)
    return Wish(cause, "Model" if cause == "Model" else "OSImage", target, pair, blocked, message)


def _rolls_by_itself(ctx: Context) -> bool:
    """M1: in mode Manual nothing happens to existing instances."""
    return ctx.snapshot.scale_set.spec.upgrade_policy.mode != "Manual" and ctx.snapshot.replicas > 0


def _unprotected(ctx: Context) -> list[Instance]:
    replicas = ctx.snapshot.replicas
    return [i for o, i in ctx.instances.items() if o < replicas and o not in ctx.protected]


def run_name(scale_set: ScaleSet, target: str, attempt: int) -> str:
    """`web-1-1-0-x7k2p`, `web-model-x7k2p`: fixed by set, target and attempt, so creating it twice makes one run."""
    digest = hashlib.sha256(f"{scale_set.metadata.uid}/{target}/{attempt}".encode()).digest()
    suffix = "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:5])
    middle = target.replace(".", "-") if versions.is_version(target) else "model"
    return f"{scale_set.metadata.name}-{middle}-{suffix}"


def marks(action: CreateRun) -> dict[str, str]:
    """The annotations by which a run of the controller's own is known again."""
    return {
        ANNOTATION_ATTEMPT: str(action.attempt),
        ANNOTATION_TARGET: action.target,
        ANNOTATION_CAUSE: action.cause,
    }


def run_of(scale_set: ScaleSet, action: CreateRun, now: datetime) -> UpgradeRun:
    """The run as it is when it was just created."""
    meta = scale_set.metadata
    return UpgradeRun.model_validate(
        {
            "metadata": {
                "name": action.name,
                "namespace": meta.namespace,
                "uid": action.name,
                "generation": 1,
                "creationTimestamp": now,
                "annotations": marks(action),
                "finalizers": [FINALIZER_RUN],
                "ownerReferences": [{"kind": "ScaleSet", "name": meta.name, "uid": meta.uid, "controller": True}],
            },
            "spec": {
                "scaleSetName": meta.name,
                "type": action.type,
                "imageVersion": action.target if action.type == "OSImage" else None,
                "startedBy": "Platform",
            },
        }
    )


def next_attempt(ctx: Context, target: str) -> int:
    """F8: attempts only grow, whatever of their traces is left."""
    recorded = [r.attempt for r in ctx.snapshot.scale_set.status.retry if r.target == target]
    made = [attempt_of(run) for run in ctx.snapshot.runs if target_of(run) == target and is_ours(run, ctx)]
    after = 1 + max([*recorded, *made], default=0)
    status = ctx.snapshot.scale_set.status
    named = {h.run_name for h in status.held_versions} | {h.run_name for h in status.held_model_revisions}
    # A hold outlives its run and its retry entry: a run of that name would give the next hold the released one's name.
    released = ctx.snapshot.scale_set.metadata.annotations.get(ANNOTATION_RELEASE_HOLD, "").rpartition("/")[2]
    taken = {*named, released, *(entry.run_name for entry in status.os_upgrade_history)}
    while run_name(ctx.snapshot.scale_set, target, after) in taken:
        after += 1
    return after


def attempt_of(run: UpgradeRun) -> int:
    """Which attempt at its target a run of the controller's own is."""
    text = run.metadata.annotations.get(ANNOTATION_ATTEMPT, "")
    return int(text) if text.isdecimal() else 0


def target_of(run: UpgradeRun) -> str:
    """The version or revision that a run of the controller's own is for."""
    return run.metadata.annotations.get(ANNOTATION_TARGET, run.spec.image_version or "")


def cause_of(run: UpgradeRun) -> Cause | None:
    """Why the controller made a run; None for users' runs."""
    if run.spec.started_by != "Platform":
        return None
    if run.spec.type == "Model":
        return "Model"
    return "Pin" if run.metadata.annotations.get(ANNOTATION_CAUSE) == "Pin" else "Automatic"


def is_ours(run: UpgradeRun, ctx: Context) -> bool:
    """Whether a run that says Platform was made by the controller: by its name and its controlling owner."""
    uid = ctx.snapshot.scale_set.metadata.uid
    asks_for = None if run.spec.type == "Model" else target_of(run)
    return (
        run.spec.started_by == "Platform"
        and run.spec.image_version == asks_for
        and any(o.uid == uid and o.controller for o in run.metadata.owner_references)
        and run.metadata.name == run_name(ctx.snapshot.scale_set, target_of(run), attempt_of(run))
    )


def left_failed(ctx: Context) -> ranges.Ordinals:
    """Instances that an earlier run left failed (T7)."""
    return ranges.parse(ctx.snapshot.scale_set.status.left_failed or "")
