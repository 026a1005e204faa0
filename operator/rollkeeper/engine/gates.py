"""May a run start? An ordered chain of small policies, one function each (T2, F8, T6, T8, M3).

Each looks at the set and the pair that the run would go to, and says nothing or why not.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rollkeeper.api.v1alpha1 import ScaleSetSpec
from rollkeeper.engine import os_disks, ranges, up_to_date, versions
from rollkeeper.engine.actions import CheckReferences
from rollkeeper.engine.context import Context
from rollkeeper.engine.limits import Share
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.references import Reference
from rollkeeper.engine.snapshot import Pair


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a due run does not start now."""

    reason: Wait
    message: str
    until: datetime | None = None
    ask: CheckReferences | None = None
    """What to look for before this can be said for sure."""


_LOOKING = "looking for what the template refers to"

Gate = Callable[[Context, Pair], Blocked | None]


def nothing_is_left_in_hand(ctx: Context, _target: Pair) -> Blocked | None:
    """F7, I1: what a run that was removed by force has in hand is settled before another batch may come."""
    if ctx.removed is None:
        return None
    return Blocked(
        Wait.RUN_REMOVED,
        f"UpgradeRun {ctx.removed.run_name} was removed while it had instances {ctx.removed.instances} in hand: "
        "first they become healthy, or are put back",
    )


def has_health_source(ctx: Context, _target: Pair) -> Blocked | None:
    """T2: without a health source nobody would notice a bad image. Service Fabric has its own (E3)."""
    if ctx.health is not None or ctx.snapshot.scale_set.spec.service_fabric is not None:
        return None
    return Blocked(
        Wait.NO_HEALTH_SOURCE,
        "automatic upgrades need a health source: set spec.health.source to Probe or ApplicationHealth",
    )


def updates_itself(spec: ScaleSetSpec) -> bool:
    """Whether Windows instances update themselves; they do unless that is switched off (T2)."""
    configuration = spec.windows_configuration
    return spec.os_type == "Windows" and (configuration is None or configuration.enable_automatic_updates)


def is_the_only_updater(ctx: Context, _target: Pair) -> Blocked | None:
    """T2: two updaters would work against each other."""
    if not updates_itself(ctx.snapshot.scale_set.spec):
        return None
    return Blocked(
        Wait.UPDATES_ITSELF,
        "automatic upgrades need spec.windowsConfiguration.enableAutomaticUpdates: false: two updaters would fight",
    )


def no_region(ctx: Context) -> Blocked | None:
    """V4: a set without a region sees only versions that list none; said when that leaves none."""
    scale_set = ctx.snapshot.scale_set
    if scale_set.spec.region is not None or versions.creation_version(scale_set, ctx.catalogue) is not None:
        return None
    if all(version.listed for version in ctx.catalogue.values()):
        return None
    return Blocked(Wait.NO_REGION, up_to_date.no_version(ctx))


def not_supported(ctx: Context) -> Blocked | None:
    """V3: automatic upgrades never choose a version that does not support them; said when that is the latest."""
    scale_set = ctx.snapshot.scale_set
    newest = versions.latest(scale_set, ctx.catalogue)
    automatic = scale_set.spec.upgrade_policy.automatic_os_upgrade_policy.enable_automatic_os_upgrade
    if not automatic or newest is None or newest.automatic_eligible:
        return None
    name = versions.image_name(scale_set.spec.image_reference)
    return Blocked(
        Wait.NOT_SUPPORTED,
        f"the latest version {newest.version} of {name} does not support automatic upgrades "
        "(automaticOSUpgradeSupported is false): create an UpgradeRun to go to it, or follow another sku",
    )


def model_is_applied(ctx: Context, _target: Pair) -> Blocked | None:
    """T2: in mode Manual instances have the latest model first, or each upgrade would change the model too."""
    scale_set = ctx.snapshot.scale_set
    if scale_set.spec.upgrade_policy.mode != "Manual":
        return None
    mine = ((o, i) for o, i in ctx.instances.items() if o < ctx.snapshot.replicas)  # not those that are scaled in
    behind = [o for o, i in mine if i.pair.revision != ctx.model and not ctx.is_protected(o)]
    if not behind:
        return None
    return Blocked(
        Wait.MODEL_NOT_APPLIED,
        f"instances {ranges.render(behind)} do not have the latest model, and the mode is Manual: create an UpgradeRun "
        f"with spec.scaleSetName: {scale_set.metadata.name} and spec.type: Model",
    )


def is_not_backing_off(goal: str) -> Gate:
    """F8: what failed is tried again later, not at once. `goal` is the image version or model revision."""

    def gate(ctx: Context, _target: Pair) -> Blocked | None:
        for retry in ctx.snapshot.scale_set.status.retry:
            if retry.target == goal and retry.not_before is not None and ctx.now < retry.not_before:
                return Blocked(
                    Wait.BACK_OFF,
                    f"attempt {retry.attempt} at {goal} failed: next at {retry.not_before:%H:%M:%S} UTC",
                    retry.not_before,
                )
        return None

    return gate


def health_is_read(ctx: Context) -> Blocked | None:
    """H4: before every application was asked once nobody knows how many are unhealthy (T6, B6)."""
    if not ctx.unread:
        return None
    names = ranges.render(ctx.unread)
    return Blocked(Wait.HEALTH_NOT_READ, f"the applications of instances {names} were not asked yet")


def is_healthy_enough(ctx: Context, exempt: Ordinals) -> Share | None:
    """T6: the share of unhealthy instances, if it is over the limit. `exempt` are those the run will mend (T7).

    What an active run has in hand does not count: who supersedes it would else be refused for its batch (T5).
    """
    limit = ctx.snapshot.scale_set.spec.upgrade_policy.rolling_upgrade_policy.max_unhealthy_instance_percent
    share = Share(len(ctx.unhealthy - exempt - ctx.in_hand), ctx.total, limit)
    return share if share.exceeded else None


def set_is_healthy(exempt: Ordinals) -> Gate:
    """T6 for a run of the controller's own."""

    def gate(ctx: Context, _target: Pair) -> Blocked | None:
        share = is_healthy_enough(ctx, exempt)
        if ctx.unread or share is None:
            return health_is_read(ctx)
        name = ctx.snapshot.scale_set.metadata.name
        return Blocked(
            Wait.UNHEALTHY,
            f"{share.sentence('instances unhealthy')}: the upgrade starts when they have "
            f"recovered; a run of your own replaces them first: create an UpgradeRun with spec.scaleSetName: {name}",
        )

    return gate


def model_is_known(ctx: Context, _target: Pair) -> Blocked | None:
    """E1, E2, T8: what is missing or contradictory in the set is found before anything is touched."""
    fault = ctx.snapshot.model_fault
    return Blocked(Wait(fault.reason), fault.message) if fault is not None else None


def references_exist(goal: str) -> Gate:
    """T8 before a start. `goal` is the image version or model revision."""

    def gate(ctx: Context, target: Pair) -> Blocked | None:
        return missing_reference(ctx, target, f"start/{goal}")

    return gate


def missing_reference(ctx: Context, target: Pair, occasion: str) -> Blocked | None:
    """T8: what a model and a version rely on and is not there. Each occasion, a start or a batch, looks again."""
    revision, golden = target.revision, os_disks.golden_claim(target.image)
    needed = ctx.snapshot.references.get(revision, ())
    if golden is not None:
        needed = (*needed, Reference("PersistentVolumeClaim", golden))
    if not needed:
        return None
    known = ctx.snapshot.reference_checks.get(occasion)
    if known is None or known.revision != revision:
        ask: CheckReferences | None = CheckReferences(revision, needed, occasion)
        return Blocked(Wait.CHECKING_REFERENCES, _LOOKING, ask=ask)
    ask = None if known.is_fresh(ctx.now) else CheckReferences(revision, needed, occasion)
    if known.missing:
        # Said on while it is looked for again, or the condition would flicker with every look.
        names = ", ".join(str(reference) for reference in known.missing)
        of = f"{target.version} and model {revision}"
        message = f"{names} is missing, and instances of version {of} need it: create it, or change the template"
        return Blocked(Wait.MISSING_REFERENCE, message, known.retry_at, ask)
    return Blocked(Wait.CHECKING_REFERENCES, _LOOKING, ask=ask) if ask is not None else None


def model_is_accepted(ctx: Context, target: Pair) -> Blocked | None:
    """M3: a model that the API server refuses is found before anything is touched."""
    known = ctx.snapshot.dry_runs.get(target)
    if known is None:
        return Blocked(Wait.CHECKING_MODEL, f"asking the API server whether it accepts {ctx.made_of}")
    if known.verdict == "Accepted":
        return None
    return Blocked(Wait.MODEL_REFUSED, f"the API server refuses {ctx.made_of}: {known.message}", known.retry_at)


def first_block(gates: tuple[Gate, ...], ctx: Context, target: Pair) -> Blocked | None:
    """The first gate that is closed."""
    return next((blocked for gate in gates if (blocked := gate(ctx, target)) is not None), None)
