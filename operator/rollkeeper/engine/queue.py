"""Which run works on the set next, and for whom the others wait (T4 to T7)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine import gates, platform, target
from rollkeeper.engine.actions import CheckReferences
from rollkeeper.engine.context import Context
from rollkeeper.engine.platform import Platform
from rollkeeper.engine.reasons import Code, Wait
from rollkeeper.engine.snapshot import Pair, is_same
from rollkeeper.engine.target import Refused

FINAL = frozenset({"Completed", "Cancelled", "Faulted"})
ACTIVE = frozenset({"RollingForward", "RollingBack"})


def code_of(run: UpgradeRun) -> str:
    """The run's code; one that nobody has looked at yet is Pending."""
    return run.status.running_status.code if run.status.running_status else "Pending"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that stays Pending, and why."""

    run: UpgradeRun
    reason: Wait
    message: str


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that ends before it became active."""

    run: UpgradeRun
    refused: Refused


@dataclass(frozen=True)
class Queue:
    """What becomes of the runs that are not active."""

    next: UpgradeRun | None = None
    """The run that may become active now (or may supersede the active one)."""
    ended: tuple[Ended, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    obsolete: tuple[UpgradeRun, ...] = ()
    """Pending runs of the controller's own that are no longer due (T5)."""
    dry_run: Pair | None = None
    """What the API server is to be asked about, for the run in `checking`."""
    ask: CheckReferences | None = None
    """What is to be looked for, for the run in `checking`."""
    checking: UpgradeRun | None = None
    """The first user's run whose own checks are not over: later ones wait for it."""


def consider(ctx: Context, wishes: Platform, active: UpgradeRun | None) -> Queue:
    """Looks at every Pending run in T5's order: users' runs by creation time and name, then the controller's own."""
    pending = [r for r in ctx.snapshot.runs if code_of(r) == "Pending" and r is not active]
    users = sorted((r for r in pending if r.spec.started_by == "User"), key=_age)
    queue = Queue()
    for run in users:
        queue = _user(queue, ctx, run, active)
    for run in (r for r in pending if r.spec.started_by == "Platform"):
        queue = _platform(queue, ctx, run, wishes, active)
    return queue


def _age(run: UpgradeRun) -> tuple[datetime, str]:
    return run.metadata.creation_timestamp or datetime.min.replace(tzinfo=UTC), run.metadata.name


def _user(queue: Queue, ctx: Context, run: UpgradeRun, active: UpgradeRun | None) -> Queue:
    if run.metadata.deletion_timestamp is not None:
        return queue
    if run.spec.desired_state == "Cancelled":
        return _with_end(queue, run, Refused(Code.CANCELLED_BY_USER, "cancelled before it started"))
    if run.spec.desired_state == "Paused":
        return _with_wait(queue, run, Wait.RUN_PAUSED, "paused before it started: set spec.desiredState to Running")
    ahead = queue.next or queue.checking or (active if active is not None and not _may_supersede(active) else None)
    if ahead is not None:
        before = _last_in_line(queue) or ahead
        paused = before.spec.desired_state == "Paused"
        return _with_wait(
            queue,
            run,
            Wait.RUN_PAUSED if paused else Wait.RUN_PENDING,
            f"waits for UpgradeRun {before.metadata.name}"
            + (", which is paused: resume or cancel it" if paused else ""),
        )
    queue = _check_user(queue, ctx, run)
    if queue.next is not run or active is None:
        return queue
    message = f"supersedes UpgradeRun {active.metadata.name}, which ends its batch in hand first"
    return _with_wait(queue, run, Wait.RUN_PENDING, message)


def _last_in_line(queue: Queue) -> UpgradeRun | None:
    """Who is right before a run. If all named the active one, the end of each run would rewrite every sentence."""
    line = [waiting.run for waiting in queue.waiting if waiting.run.spec.desired_state != "Paused"]
    return line[-1] if line else None


def _may_supersede(active: UpgradeRun) -> bool:
    return active.spec.started_by == "Platform" and active.spec.desired_state != "Paused"


def _check_user(queue: Queue, ctx: Context, run: UpgradeRun) -> Queue:
    """T4, T6, T8, M3: the run's own checks, before it replaces anything or anyone."""
    pair = _checked(ctx, run)
    if isinstance(pair, Refused):
        return _with_end(queue, run, pair)
    blocked = gates.nothing_is_left_in_hand(ctx, pair) or gates.health_is_read(ctx) or gates.model_is_known(ctx, pair)
    blocked = blocked or gates.missing_reference(ctx, pair, f"start/{run.metadata.uid}")
    if blocked is not None:
        return replace(_with_wait(queue, run, blocked.reason, blocked.message), ask=blocked.ask, checking=run)
    blocked = gates.model_is_accepted(ctx, pair)
    if blocked is None:
        return replace(queue, next=run)
    known = ctx.snapshot.dry_runs.get(pair)
    if known is not None and known.verdict == "Invalid":
        return _with_end(queue, run, Refused(Code.INVALID_MODEL, blocked.message))
    return replace(_with_wait(queue, run, blocked.reason, blocked.message), dry_run=pair, checking=run)


def _checked(ctx: Context, run: UpgradeRun) -> Pair | Refused:
    """What the run goes to, if it can, and if enough instances are healthy (T6)."""
    pair, members = target.resolve(run, ctx), target.members(run, ctx)
    if isinstance(pair, Refused):
        return pair
    if isinstance(members, Refused):
        return members
    is_model = run.spec.type == "Model"
    mended = frozenset(
        o
        for o in members & ctx.unhealthy
        if (is_model or not is_same(ctx.runs_now(o), pair)) and not ctx.is_protected(o)
    )
    share = gates.is_healthy_enough(ctx, exempt=mended) if not ctx.unread else None  # else nobody knows yet (H4)
    return pair if share is None else Refused(Code.UNHEALTHY_BEFORE, share.sentence("instances unhealthy"))


def _platform(queue: Queue, ctx: Context, run: UpgradeRun, wishes: Platform, active: UpgradeRun | None) -> Queue:
    if not platform.is_ours(run, ctx):
        refused = Refused(
            Code.INVALID_STARTED_BY,
            "startedBy: Platform is for the controller alone: leave it out to start a run yourself",
        )
        return _with_end(queue, run, refused)
    wish = wishes.next
    due = wish is not None and wish.target == platform.target_of(run)
    if run.metadata.deletion_timestamp is not None or run.spec.desired_state == "Cancelled":
        return _with_end(queue, run, Refused(Code.CANCELLED_BY_USER, "cancelled before it started"))
    if not due or queue.next is not None or active is not None:
        return replace(queue, obsolete=(*queue.obsolete, run))
    return replace(queue, next=run)


def _with_end(queue: Queue, run: UpgradeRun, refused: Refused) -> Queue:
    return replace(queue, ended=(*queue.ended, Ended(run, refused)))


def _with_wait(queue: Queue, run: UpgradeRun, reason: Wait, message: str) -> Queue:
    return replace(queue, waiting=(*queue.waiting, Waiting(run, reason, message)))


def named_run(ctx: Context) -> UpgradeRun | None:
    """The run that the set's status names, if it exists; one that was removed by force is as good as ended (F7)."""
    name = ctx.snapshot.scale_set.status.active_run_name
    return next((run for run in ctx.snapshot.runs if run.metadata.name == name), None) if name else None


def to_adopt(ctx: Context) -> UpgradeRun | None:
    """F9: after a lost status the oldest active run is taken up again."""
    return min((r for r in ctx.snapshot.runs if code_of(r) in ACTIVE), key=_age, default=None)


def surplus_active(ctx: Context, named: UpgradeRun | None) -> list[UpgradeRun]:
    """F9: active runs beside the one that the set names, or will adopt."""
    keep = named or to_adopt(ctx)
    return [r for r in ctx.snapshot.runs if code_of(r) in ACTIVE and r is not keep]
