"""Is an automatic run due, and may it start? (T1, T2)."""

import hashlib
from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun
from rollkeeper.api.v1alpha1.names import ANNOTATION_ATTEMPT
from rollkeeper.engine import gates, ranges, versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.gates import Blocked
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.versions import LATEST, Published


@dataclass(frozen=True, slots=True)
class Automatic:
    """What automatic upgrades make of the set now."""

    target: Published | None = None
    """The highest version they could choose; None: none, or automatic upgrades are off."""
    due: Pair | None = None
    """A run to this pair is due."""
    blocked: Blocked | None = None
    """Why the due run does not start."""


def consider(ctx: Context) -> Automatic:
    """T1 and T2 for the set as it is, other runs left aside."""
    spec = ctx.snapshot.scale_set.spec
    if not spec.upgrade_policy.automatic_os_upgrade_policy.enable_automatic_os_upgrade:
        return Automatic()
    target = versions.automatic_target(ctx.snapshot.scale_set, ctx.catalogue)
    if target is None or spec.image_reference.version != LATEST:
        return Automatic()
    if not _is_due(ctx, target):
        return Automatic(target)
    pair = Pair(target.version, target.image, ctx.snapshot.revision)
    left_failed = ranges.parse(ctx.snapshot.scale_set.status.left_failed or "")
    chain = (
        gates.has_health_source,
        gates.is_not_backing_off,
        gates.set_is_healthy(exempt=left_failed),
        gates.model_is_accepted,
    )
    return Automatic(target, pair, gates.first_block(chain, ctx, pair))


def _is_due(ctx: Context, target: Published) -> bool:
    status = ctx.snapshot.scale_set.status
    present = [i for o, i in ctx.instances.items() if o < ctx.snapshot.replicas and not i.protected]
    if not ctx.proven:
        # F4b: while nothing is proven, healthy instances on another pair follow by a run, the others at once.
        return target.version == status.creation_version and any(
            i.pair.version != target.version and i.ordinal in ctx.healthy for i in present
        )
    if not versions.is_higher(target.version, status.proven_image_version or ""):
        return False
    return any(versions.is_higher(target.version, i.pair.version) for i in present)


def run_name(scale_set: ScaleSet, version: str, attempt: int) -> str:
    """`web-1-1-0-x7k2p`: fixed by set, target and attempt, so that creating it twice makes one run."""
    digest = hashlib.sha256(f"{scale_set.metadata.uid}/{version}/{attempt}".encode()).digest()
    letters = "bcdfghjklmnpqrstvwxz2456789"
    suffix = "".join(letters[byte % len(letters)] for byte in digest[:5])
    return f"{scale_set.metadata.name}-{version.replace('.', '-')}-{suffix}"


def next_attempt(ctx: Context, version: str) -> int:
    """F8: attempts only grow, whatever of their traces is left."""
    recorded = [r.attempt for r in ctx.snapshot.scale_set.status.retry if r.target == version]
    made = [attempt_of(run) for run in ctx.snapshot.runs if run.spec.image_version == version and is_ours(run, ctx)]
    return 1 + max([*recorded, *made], default=0)


def attempt_of(run: UpgradeRun) -> int:
    """Which attempt at its target a run of the controller's own is."""
    text = run.metadata.annotations.get(ANNOTATION_ATTEMPT, "")
    return int(text) if text.isdecimal() else 0


def is_ours(run: UpgradeRun, ctx: Context) -> bool:
    """Whether a run that says Platform was made by the controller: by its name and its controlling owner."""
    uid = ctx.snapshot.scale_set.metadata.uid
    return (
        run.spec.started_by == "Platform"
        and any(o.uid == uid and o.controller for o in run.metadata.owner_references)
        and run.metadata.name == run_name(ctx.snapshot.scale_set, run.spec.image_version or "", attempt_of(run))
    )
