"""What new instances get: the creation pair, the proven pair, or the target of a user's downgrade (F4, F4b, V5)."""

from collections.abc import Callable
from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus, UpgradeRun
from rollkeeper.engine import creation, ranges, versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.snapshot import Pair


@dataclass(frozen=True)
class NewInstances:
    """The pair that instances without a pod of their own history get, and the status that remembers it."""

    pair: Pair | None
    status: ScaleSetStatus
    proven: Pair | None
    """The proven pair, also when it becomes so only now."""


def consider(ctx: Context, active: UpgradeRun | None) -> NewInstances:
    """F4, F4b; during a whole-set user's downgrade its target (V5)."""
    status = ctx.snapshot.scale_set.status
    if ctx.proven:
        pair = _downgrade_target(ctx.snapshot.scale_set, active) or _proven_or_newest_model(ctx)
        return NewInstances(pair, status, ctx.proven_pair)
    found = creation.consider(ctx)
    if found.pair is not None:
        status = status.model_copy(
            update={"creation_version": found.pair.version, "creation_model_revision": found.pair.revision}
        )
    status = status.model_copy(update={"ever_healthy": ranges.render(found.ever_healthy) or None})
    if found.proven is not None:
        status = status.model_copy(
            update={
                "proven_image": versions.image_name(ctx.snapshot.scale_set.spec.image_reference),
                "proven_image_version": found.proven.version,
                "proven_model_revision": found.proven.revision,
                "ever_healthy": None,
            }
        )
    return NewInstances(found.pair, status, found.proven)


def _proven_or_newest_model(ctx: Context) -> Pair | None:
    """F4: the proven pair; in mode Manual with the newest model that is not held."""
    proven = ctx.proven_pair
    other_image = proven is not None and ctx.image_of(proven) != ctx.image_name
    if proven is None or other_image or ctx.snapshot.scale_set.spec.upgrade_policy.mode != "Manual":
        return proven  # V6: of another image until the new one is proven
    return proven._replace(revision=ctx.model)


def _downgrade_target(scale_set: ScaleSet, active: UpgradeRun | None) -> Pair | None:
    if active is None or active.spec.started_by != "User" or active.spec.instances is not None:
        return None
    target = active.status.target_image_reference
    proven = versions.proven_version(scale_set, scale_set.status)
    if target is None or proven is None or not versions.is_higher(proven, target.version):
        return None
    return Pair(target.version, target.image or "", active.status.target_model_revision or "")


def held_by(ctx: Context, active: UpgradeRun | None) -> Callable[[Pair], bool]:
    """Whether repair must not install a pair because its version or its model is held (F5, I6).

    What the active run goes to is exempt: it may be a user's, who names what is held.
    """
    target = active.status.target_image_reference if active is not None else None
    asked = target.version if target is not None else None
    model = active.status.target_model_revision if active is not None else None

    def held(pair: Pair) -> bool:
        if not ctx.proven:
            return False
        version_held = pair.version != asked and ctx.is_held(pair)
        return version_held or (pair.revision != model and ctx.is_revision_held(pair.revision))

    return held
