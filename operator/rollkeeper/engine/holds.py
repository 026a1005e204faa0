"""What is not tried again by itself, and what is tried again later (F3, F8)."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus, UpgradeRun
from rollkeeper.api.v1alpha1.scale_set_status import HeldModelRevision, HeldVersion, Retry
from rollkeeper.engine import versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.platform import attempt_of
from rollkeeper.engine.ranges import Ordinals
from rollkeeper.engine.reasons import Code, Hold
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.versions import Catalogue

MAX_HOLDS = 20
MAX_EXCEPTIONS = 100
RETRY_AFTER = timedelta(minutes=5)
RETRY_AT_MOST = timedelta(minutes=60)
FAILURES_TO_HOLD = 3


@dataclass(frozen=True)
class Ending:
    """A finished run with what its end means."""

    run: UpgradeRun
    state: RunState

    @property
    def code(self) -> str:
        """The reason it ended: the error's code, or Completed."""
        error = self.run.status.error
        return error.code if error is not None else Code.COMPLETED

    @property
    def final(self) -> str:
        """Completed, Cancelled or Faulted."""
        return self.run.status.running_status.code if self.run.status.running_status else ""

    @property
    def platform(self) -> bool:
        """Made by the controller."""
        return self.state.platform

    @property
    def type(self) -> Literal["OSImage", "Model"]:
        """The run's type."""
        return "Model" if self.state.is_model else "OSImage"

    @property
    def target(self) -> str:
        """The image version or model revision that it was for."""
        return self.state.target.revision if self.state.is_model else self.state.target.version

    @property
    def image(self) -> str | None:
        """The image that an OSImage run was for: the set's may have been changed since (V6)."""
        reference = self.run.status.target_image_reference
        return versions.image_name(reference) if reference is not None else None

    @property
    def proves(self) -> bool:
        """F4 (b), (c): Completed over the whole set with at least one success."""
        return self.final == "Completed" and self.run.spec.instances is None and bool(self.state.tally.succeeded)

    @property
    def touched(self) -> Ordinals:
        """Instances that the run replaced."""
        return (self.state.tally.succeeded | self.state.tally.failed) & self.state.origins.keys()

    @property
    def only_environment(self) -> bool:
        """F3: every failure came from the surroundings, and putting back did not help either."""
        reasons = self.state.failure_reasons
        return bool(reasons) and all(r.environment for r in reasons) and not self.state.tally.rolled_back

    @property
    def own_failures(self) -> bool:
        """A run of the controller's own that B6 stopped, with failures of its instances' own among the reasons."""
        stopped = self.platform and self.code == Code.UNHEALTHY_DURING
        return stopped and any(not r.environment for r in self.state.failure_reasons)


def reason_to_hold(status: ScaleSetStatus, ending: Ending) -> Hold | None:
    """F3: why the run's target is not tried again by itself, if so."""
    if ending.code == Code.CANCELLED_BY_USER and ending.platform:
        return Hold.CANCELLED_BY_USER
    stopped = ending.code == Code.UPGRADED_UNHEALTHY
    fruitless = ending.final == "Completed" and bool(ending.touched) and not ending.state.tally.succeeded
    if (stopped or fruitless) and not ending.only_environment:
        return Hold.UPGRADED_UNHEALTHY
    if ending.own_failures and 1 + _failures_before(status, ending) >= FAILURES_TO_HOLD:
        return Hold.REPEATED_FAILURE
    return None


def versions_held(status: ScaleSetStatus, ending: Ending, ctx: Context) -> tuple[HeldVersion, ...]:
    """The holds on versions after a run. `status` has what the run proved, the context what was before."""
    scale_set, now = ctx.snapshot.scale_set, ctx.stamp
    image = ending.image or versions.image_name(scale_set.spec.image_reference)
    held = [h for h in status.held_versions if not _ended(h, status, ending, scale_set, image)]
    if ending.proves and not ending.state.is_model:
        held = [_without(h, image, ending.target, ctx.catalogue) for h in held]
    for new in _new_versions(status, ending, scale_set, image, now) if not ending.state.is_model else ():
        held = [h for h in held if (h.image, h.version, h.above) != (new.image, new.version, new.above)]
        held.append(new)
    return tuple(held[-MAX_HOLDS:])


def _ended(hold: HeldVersion, status: ScaleSetStatus, ending: Ending, scale_set: ScaleSet, image: str) -> bool:
    """F3's ways out: released, the version completes, another model is proven, a Model run completes."""
    if versions.is_released(scale_set, hold.version, hold):
        return True
    if hold.model_revision is not None and hold.model_revision != status.proven_model_revision and ending.proves:
        return True
    if not ending.proves:
        return False
    if ending.state.is_model:
        return hold.reason == Hold.UPGRADED_UNHEALTHY
    return (hold.image, hold.version, hold.above) == (image, ending.target, False)


def _without(hold: HeldVersion, image: str, target: str, catalogue: Catalogue) -> HeldVersion:
    """A completed run to a version ends what an `above` hold says of it; versions that are gone need no exception."""
    published = catalogue.get(target)
    if hold.image != image or not hold.above or published is None or not versions.covers(hold, published):
        return hold
    kept = tuple(version for version in hold.except_ if version in catalogue)
    return hold.model_copy(update={"except_": (*kept, target)[-MAX_EXCEPTIONS:]})


def _new_versions(
    status: ScaleSetStatus, ending: Ending, scale_set: ScaleSet, image: str, now: datetime
) -> Iterator[HeldVersion]:
    before = scale_set.status.proven_image_version if scale_set.status.proven_image == image else None
    reason = reason_to_hold(status, ending)
    hold = HeldVersion(
        image=image,
        version=ending.target,
        run_name=ending.run.metadata.name,
        reason=reason or Hold.USER_DOWNGRADE,
        message=ending.run.status.message or "",
        time=now,
    )
    if reason is not None and ending.target != status.proven_image_version:
        other_model = ending.state.target.revision != status.proven_model_revision and before is not None
        yield hold.model_copy(update={"model_revision": ending.state.target.revision if other_model else None})
    if not _is_downgrade(ending, before):
        return
    message = f"a user went down from {before} to {ending.target}: what is above and exists now is held"
    yield hold.model_copy(update={"above": True, "reason": Hold.USER_DOWNGRADE, "message": message})


def _is_downgrade(ending: Ending, before: str | None) -> bool:
    """V5: a whole-set user's run to a version below the proven one."""
    did_something = bool(ending.touched) or ending.proves
    whole_by_user = not ending.platform and ending.run.spec.instances is None and did_something
    return whole_by_user and before is not None and versions.is_higher(before, ending.target)


def models_held(status: ScaleSetStatus, ending: Ending, ctx: Context) -> tuple[HeldModelRevision, ...]:
    """The holds on model revisions after a run."""
    scale_set, now = ctx.snapshot.scale_set, ctx.stamp
    held = [
        h
        for h in status.held_model_revisions
        if h.revision != status.proven_model_revision and not versions.is_released(scale_set, h.revision, h)
    ]
    reason = reason_to_hold(status, ending) if ending.state.is_model else None
    if reason is not None and ending.target != status.proven_model_revision:
        held = [h for h in held if h.revision != ending.target]
        held.append(
            HeldModelRevision(
                revision=ending.target,
                run_name=ending.run.metadata.name,
                reason=reason,
                message=ending.run.status.message or "",
                time=now,
            )
        )
    return tuple(held[-MAX_HOLDS:])


def _failures_before(status: ScaleSetStatus, ending: Ending) -> int:
    return next((r.failures for r in status.retry if r.target == ending.target), 0)


def retries(status: ScaleSetStatus, ending: Ending, *, held: bool, now: datetime) -> tuple[Retry, ...]:
    """F8: what is tried again, and when. A completed run or a new target ends what was noted before.

    A run that completed without a success is one that the surroundings kept from it (else its target were held):
    without a back-off it would be due again in the same moment. The attempt is kept whatever the end was: it is part
    of the next run's name, and a hold that names a run must not be released by the annotation that released an earlier
    one.
    """
    others = tuple(r for r in status.retry if r.type != ending.type)
    if ending.proves or not ending.platform:
        return others if ending.proves else status.retry
    attempt = attempt_of(ending.run)
    delay = min(RETRY_AFTER * 2 ** min(attempt - 1, 10), RETRY_AT_MOST)
    again = Retry(
        type=ending.type,
        target=ending.target,
        attempt=attempt,
        failures=1 + _failures_before(status, ending) if ending.own_failures else 0,
        not_before=now + delay if ending.final != "Cancelled" and not held else None,
    )
    return (*others, again)
