"""What a run goes to: resolved once, when it starts (T4, V3, V5)."""

from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine import ranges, up_to_date, versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Code
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.versions import LATEST, Published


@dataclass(frozen=True, slots=True)
class Refused:
    """A run that can't do what it asks for: it ends Faulted, with the way out in the message."""

    code: Code
    message: str


def resolve(run: UpgradeRun, ctx: Context) -> Pair | Refused:
    """The pair that a user's run goes to, or why it can't."""
    if run.spec.type == "Model":
        return _model(ctx)
    asked = run.spec.image_version or LATEST
    if asked == LATEST:
        return _latest(ctx)
    try:
        versions.parse_version(asked)
    except ValueError as error:
        return Refused(Code.INVALID_IMAGE_VERSION, str(error))
    pinned = ctx.snapshot.scale_set.spec.image_reference.version
    if pinned not in (LATEST, asked):
        return Refused(
            Code.VERSION_PINNED,
            f"the scale set is pinned to {pinned}: name it, or set spec.imageReference.version to latest first",
        )
    return _named(ctx, asked)


def _model(ctx: Context) -> Pair | Refused:
    """The newest model, with the version that most likely goes with it; each instance keeps its own (M1, M4)."""
    if ctx.on_other_image:
        return of_changed_image(ctx)
    base = ctx.proven_pair or next((p for p in ctx.assignment.values()), None)
    if base is None:
        return Refused(Code.NO_IMAGE_VERSION, "no instance was created yet: there is nothing to bring a model to")
    return base._replace(revision=ctx.snapshot.revision)


def of_changed_image(ctx: Context) -> Pair | Refused:
    """V6: where a Model run brings a set whose SKU or definition was changed: the pin or latest of the new image.

    If that is the image which is proven, because the change was taken back, it is the proven version.
    """
    proven = ctx.proven_pair
    if proven is not None and ctx.image_of(proven) == ctx.image_name:
        return proven._replace(revision=ctx.snapshot.revision)
    return _latest(ctx)


def _latest(ctx: Context) -> Pair | Refused:
    pinned = ctx.snapshot.scale_set.spec.image_reference.version
    if pinned != LATEST:
        return _named(ctx, pinned)
    found = versions.latest_for_user(ctx.snapshot.scale_set, ctx.catalogue, ctx.model)
    if found is None:
        name = versions.image_name(ctx.snapshot.scale_set.spec.image_reference)
        return Refused(
            Code.NO_IMAGE_VERSION,
            f"no version of {name} can be used: publish an ImageVersion, or name one in spec.imageVersion",
        )
    return _pair(ctx, found)


def _named(ctx: Context, version: str) -> Pair | Refused:
    name = versions.image_name(ctx.snapshot.scale_set.spec.image_reference)
    found = ctx.catalogue.get(version)
    if found is None or found.deleting:
        known = ", ".join(sorted(ctx.catalogue, key=versions.parse_version)) or "none"
        return Refused(
            Code.IMAGE_VERSION_NOT_FOUND, f"there is no ImageVersion {version} of {name}; versions there are: {known}"
        )
    if found.os_type != ctx.snapshot.scale_set.spec.os_type:
        return Refused(
            Code.OS_TYPE_MISMATCH,
            f"version {version} of {name} is for {found.os_type}, the set is {ctx.snapshot.scale_set.spec.os_type}",
        )
    if not found.replicated:
        why = up_to_date.not_for(ctx.snapshot.scale_set, found)
        return Refused(Code.NOT_REPLICATED, f"version {version} of {name} {why}")
    return _pair(ctx, found)


def _pair(ctx: Context, published: Published) -> Pair:
    # A model that belongs to another image is never combined with this one, held or not (V6).
    revision = ctx.snapshot.revision if ctx.on_other_image else ctx.model
    return Pair(published.version, published.image, revision)


def members(run: UpgradeRun, ctx: Context) -> Ordinals | Refused:
    """The ordinals that a run is for."""
    everyone = frozenset(range(ctx.snapshot.replicas))
    if run.spec.instances is None:
        return everyone
    try:
        named = ranges.parse_user(run.spec.instances)
    except ValueError as error:
        return Refused(Code.INVALID_INSTANCES, f"spec.instances: {error}")
    missing = named - everyone
    if missing:
        last = ctx.snapshot.replicas - 1
        return Refused(
            Code.INVALID_INSTANCES,
            f"spec.instances names {ranges.render(missing)}, but the scale set has "
            + (f"instances 0-{last}" if last >= 0 else "no instances"),
        )
    return named
