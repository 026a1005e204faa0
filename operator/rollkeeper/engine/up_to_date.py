"""Is the set on the newest version, and if not, why? An ordered chain: the first that has something to say."""

from collections.abc import Callable
from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus
from rollkeeper.api.v1alpha1.names import ANNOTATION_RELEASE_HOLD, LABEL_PROTECT
from rollkeeper.engine import machine_models, ranges, versions
from rollkeeper.engine.conditions import Wanted
from rollkeeper.engine.context import Context
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import State
from rollkeeper.engine.versions import LATEST, Published

TYPE = "UpToDate"


@dataclass(frozen=True)
class _View:
    ctx: Context
    status: ScaleSetStatus
    upgrading: str | None
    newest: Published
    behind: Ordinals
    """Instances that run another version than the newest."""


def condition(status: ScaleSetStatus, ctx: Context, upgrading: str | None) -> Wanted:
    """The condition UpToDate. `upgrading` is the name of the active run."""
    newest = versions.creation_version(ctx.snapshot.scale_set, ctx.catalogue)
    if newest is None:
        return Wanted(TYPE, "False", State.NO_IMAGE_VERSION, no_version(ctx))
    behind = ctx.on_other_image | frozenset(
        o for o, i in ctx.instances.items() if o < ctx.snapshot.replicas and i.pair.version != newest.version
    )
    view = _View(ctx, status, upgrading, newest, behind)
    return next(found for policy in _POLICIES if (found := policy(view)) is not None)


def no_version(ctx: Context) -> str:
    """Why no version of the set's image can be used, and what to do."""
    reference = ctx.snapshot.scale_set.spec.image_reference
    name = versions.image_name(reference)
    known = ", ".join(sorted(ctx.catalogue, key=versions.parse_version))
    pinned = ctx.catalogue.get(reference.version)
    if pinned is not None and not pinned.replicated:
        return f"version {reference.version} of {name} {not_for(ctx.snapshot.scale_set, pinned)}"
    if reference.version != LATEST:
        there = f"publish it; versions there are: {known or 'none'}"
        return f"there is no ImageVersion {reference.version} of {name}: {there}"
    if not known:
        of_claims = machine_models.runs_claims(ctx.snapshot.scale_set.spec)
        return f"there is no ImageVersion of {name}{' with a claimName' if of_claims else ''}: publish one"
    hidden = [version for version in ctx.catalogue.values() if not version.replicated]
    if len(hidden) == len(ctx.catalogue):
        why = not_for(ctx.snapshot.scale_set, max(hidden, key=lambda version: version.listed))
        return f"each of the ImageVersions of {name} ({known}) {why}"
    os_type = ctx.snapshot.scale_set.spec.os_type
    why = f"excluded, not ready, not for {os_type}, or not for the region"
    return f"none of the ImageVersions of {name} ({known}) can be used: {why}"


def not_for(scale_set: ScaleSet, version: Published) -> str:
    """V4: why a version that lists target regions does not count for a set, and what to do."""
    if version.listed:
        return (
            f"is not replicated to region {scale_set.spec.region} yet: see status.replicationStatus of the ImageVersion"
        )
    if scale_set.spec.region is None:
        return (
            "is for certain regions only, and the scale set has none: publish a version without spec.targetRegions, "
            "or create the scale set anew with spec.region"
        )
    return f"is not for region {scale_set.spec.region}: add that to the spec.targetRegions of an ImageVersion"


def _upgrading(view: _View) -> Wanted | None:
    if view.upgrading is None:
        return None
    return Wanted(TYPE, "False", State.UPGRADING, f"UpgradeRun {view.upgrading} is active")


def _current(view: _View) -> Wanted | None:
    if view.behind:
        return None
    present = sum(o < view.ctx.snapshot.replicas for o in view.ctx.instances)
    if present < view.ctx.snapshot.replicas:
        return Wanted(TYPE, "False", State.CREATING, "instances are being created")
    return Wanted(TYPE, "True", State.UP_TO_DATE, f"every instance runs {view.newest.version}")


def _image_changed(view: _View) -> Wanted | None:
    """V6: the set's SKU or definition was changed, and instances still run the former image."""
    others = view.ctx.on_other_image
    if not others:
        return None
    message = (
        f"the image of the set was changed to {view.ctx.image_name}; instances {ranges.render(others)} run another"
    )
    name = view.ctx.snapshot.scale_set.metadata.name
    if view.ctx.snapshot.scale_set.spec.upgrade_policy.mode == "Manual":
        message += f", and the mode is Manual: create an UpgradeRun with spec.scaleSetName: {name} and spec.type: Model"
    return Wanted(TYPE, "False", State.IMAGE_CHANGED, message)


def _model_held(view: _View) -> Wanted | None:
    """F3: a model that failed is not rolled out again; without this nothing would say why instances have an older."""
    scale_set, revision = view.ctx.snapshot.scale_set, view.ctx.snapshot.revision
    hold = versions.held_revision(scale_set, revision)
    others = [
        o for o, i in view.ctx.instances.items() if o < view.ctx.snapshot.replicas and i.pair.revision != revision
    ]
    if hold is None or not others or scale_set.spec.upgrade_policy.mode == "Manual":
        return None
    message = (
        f"model {revision} is held since UpgradeRun {hold.run_name} ({hold.reason}: {hold.message}), and instances "
        f"{ranges.render(others)} have another: change spec.template, or release it with the annotation "
        f"{ANNOTATION_RELEASE_HOLD}={revision}/{hold.run_name}{_with_its_version(view)}"
    )
    return Wanted(TYPE, "False", State.MODEL_HELD, message)


def _with_its_version(view: _View) -> str:
    """The way out where what is proven is bad, image and model: a run of either brings it with the bad other (B5).

    Each would fail, be put back and be held for ever (F3). A user's run that names the version brings both, once the
    model is not held: it may touch what is unhealthy (T7), and naming overrides a hold. In mode Manual no Model run
    comes first, which would end its batch in hand before it is superseded (T5), and in a small set hold the model anew.
    """
    scale_set, newest = view.ctx.snapshot.scale_set, view.newest
    if newest.version == versions.proven_version(scale_set, view.status):
        return ""
    if versions.hold_on_pin(scale_set, newest, view.ctx.model) is None and not view.ctx.unhealthy:
        return ""
    return (
        f"; if it and version {newest.version} work only together, set spec.upgradePolicy.mode to Manual, release it, "
        f"create an UpgradeRun with spec.scaleSetName: {scale_set.metadata.name} and spec.imageVersion: "
        f"{newest.version}, and set the mode back when that is over"
    )


def _pinned(view: _View) -> Wanted | None:
    if view.ctx.snapshot.scale_set.spec.image_reference.version == LATEST:
        return None
    names = ranges.render(view.behind)
    hold = versions.hold_on_pin(view.ctx.snapshot.scale_set, view.newest, view.ctx.model)
    if hold is not None:
        message = (
            f"the pinned version {view.newest.version} is held since UpgradeRun {hold.run_name} ({hold.reason}: "
            f"{hold.message}): pin another one, create an UpgradeRun that names it, or release it with the annotation "
            f"{ANNOTATION_RELEASE_HOLD}={hold.version}/{hold.run_name}"
        )
        return Wanted(TYPE, "False", State.HELD, message)
    message = f"instances {names} do not run the pinned version {view.newest.version}: an UpgradeRun brings them there"
    return Wanted(TYPE, "False", State.OTHER_VERSIONS, message)


def _held(view: _View) -> Wanted | None:
    """F3."""
    hold = versions.is_held(view.ctx.snapshot.scale_set, view.newest, view.ctx.model)
    if hold is None:
        return None
    release = f"{ANNOTATION_RELEASE_HOLD}={hold.version}/{hold.run_name}"
    message = (
        f"version {view.newest.version} is held since UpgradeRun {hold.run_name} ({hold.reason}: {hold.message}): "
        f"publish a newer one, or release it with the annotation {release}"
    )
    return Wanted(TYPE, "False", State.HELD, message)


def _would_downgrade(view: _View) -> Wanted | None:
    """V5: never a silent downgrade."""
    proven = versions.proven_version(view.ctx.snapshot.scale_set, view.status)
    if proven is None or not versions.is_higher(proven, view.newest.version):
        return None
    message = f"{proven} is newer than the latest usable version {view.newest.version}; nothing is downgraded by itself"
    return Wanted(TYPE, "False", State.WOULD_DOWNGRADE, message)


def _left_behind(view: _View) -> Wanted | None:
    """T1: what a completed run left behind waits; what a run brought further than it was proven stays there (V5)."""
    if versions.proven_version(view.ctx.snapshot.scale_set, view.status) != view.newest.version:
        return None
    names = ranges.render(view.behind)
    ahead = [o for o in view.behind if versions.is_higher(view.ctx.runs_now(o).version, view.newest.version)]
    if ahead:
        message = (
            f"instances {names} do not run {view.newest.version}: nothing is downgraded by itself, an UpgradeRun is"
        )
        return Wanted(TYPE, "False", State.OTHER_VERSIONS, message)
    message = f"instances {names} were left behind: they wait for a newer version or an UpgradeRun of your own"
    protected = view.behind & view.ctx.protected
    if protected:
        message += f"; {ranges.render(protected)} carry the label {LABEL_PROTECT}, which every run obeys"
    return Wanted(TYPE, "False", State.LEFT_BEHIND, message)


def _newer(view: _View) -> Wanted:
    policy = view.ctx.snapshot.scale_set.spec.upgrade_policy.automatic_os_upgrade_policy
    message = f"version {view.newest.version} can be rolled out"
    if not view.newest.automatic_eligible:
        message += " by an UpgradeRun of your own only: it does not support automatic upgrades"
        return Wanted(TYPE, "False", State.NEWER_VERSION, message)
    if not policy.enable_automatic_os_upgrade:
        message += "; automatic upgrades are off: create an UpgradeRun, or set enableAutomaticOSUpgrade"
    return Wanted(TYPE, "False", State.NEWER_VERSION, message)


_POLICIES: tuple[Callable[[_View], Wanted | None], ...] = (
    _upgrading,
    _model_held,
    _current,
    _image_changed,
    _pinned,
    _held,
    _would_downgrade,
    _left_behind,
    _newer,
)
