"""What new instances get: the creation pair, the proven pair, or the target of a user's downgrade (F4, F4b, V5)."""

from collections.abc import Callable
from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ScaleSetStatus, UpgradeRun
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
        proven = proven_pair(ctx)
        return NewInstances(_downgrade_target(status, active) or proven, status, proven)
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


def proven_pair(ctx: Context) -> Pair | None:
    """The proven pair with its full reference, which instances that run it remember best (V8)."""
    status = ctx.snapshot.scale_set.status
    version, revision = status.proven_image_version or "", status.proven_model_revision or ""
    kept = (Pair(v.version, v.image, v.model_revision) for v in status.versions)
    known = [*kept, *(i.pair for i in ctx.instances.values())]
    for pair in known:
        if (pair.version, pair.revision) == (version, revision):
            return pair
    published = ctx.catalogue.get(version)
    if published is not None:
        return Pair(version, published.image, revision)
    image = next((p.image for p in known if p.version == version), None)
    return Pair(version, image, revision) if image is not None else None


def _downgrade_target(status: ScaleSetStatus, active: UpgradeRun | None) -> Pair | None:
    if active is None or active.spec.started_by != "User" or active.spec.instances is not None:
        return None
    target = active.status.target_image_reference
    if target is None or not versions.is_higher(status.proven_image_version or "", target.version):
        return None
    return Pair(target.version, target.image or "", active.status.target_model_revision or "")


def held_by(ctx: Context, active: UpgradeRun | None) -> Callable[[Pair], bool]:
    """Whether repair must not install a pair because its version is held (F5, I6); a run's own target is exempt."""
    target = active.status.target_image_reference if active is not None else None

    def held(pair: Pair) -> bool:
        published = ctx.catalogue.get(pair.version)
        if not ctx.proven or published is None or (target is not None and target.version == pair.version):
            return False
        return versions.is_held(ctx.snapshot.scale_set, published) is not None

    return held
