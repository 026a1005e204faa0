"""`wait`: returns when an upgrade has ended, with an exit code that says how."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass

from rollkeeper.cli.plugin import follow, waits
from rollkeeper.cli.plugin.errors import (
    CANCELLED,
    FAULTED,
    TIMED_OUT,
    UNKNOWN,
    CommandError,
    Ended,
    UsageError,
    cannot_tell,
)
from rollkeeper.cli.plugin.follow import Feed
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import without_noise, write_data
from rollkeeper.cli.plugin.session import Session, bare, names_of
from rollkeeper.cli.plugin.times import seconds, short
from rollkeeper.cli.plugin.views import RunView, SetView, condition
from rollkeeper.controllers.resources import UPGRADE_RUNS
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.errors import NotFound

_CODES = {"Completed": 0, "Faulted": FAULTED, "Cancelled": CANCELLED}


@dataclass(frozen=True)
class Verdict:
    """The wait is over."""

    code: int
    message: str
    run: JsonObject | None = None


@dataclass
class Course:
    """Where a wait stands. For a run, `followed` is its name; for a set it is found out."""

    followed: str | None = None

    def step(self, scale_set: JsonObject | None, runs: Iterable[JsonObject]) -> Verdict | str:
        """The end, or what is waited for now."""
        views = {run["metadata"]["name"]: RunView(run) for run in runs}
        if self.followed is None and scale_set is not None:
            self.followed = SetView(scale_set).active_run
        if self.followed is None:
            return _without_run(scale_set, views.values())
        run = views.get(self.followed)
        if run is None:
            return Verdict(UNKNOWN, f"UpgradeRun {self.followed} is gone: it was deleted before it ended")
        if not run.over:
            return f"{run.name}: {run.shown} {run.summary}: {run.message}"
        if scale_set is not None and _superseded(run):
            self.followed = None  # what superseded it is what the set waits for now
            return f"{run.name}: {run.shown}: {run.message}"
        return Verdict(_CODES[run.code], f"{run.name}: {run.code} {run.summary}: {run.message}", run.raw)


def _superseded(run: RunView) -> bool:
    return bool(run.raw["status"].get("error", {}).get("code") == "Superseded")


def _without_run(scale_set: JsonObject | None, runs: Iterable[RunView]) -> Verdict | str:
    """No run is active: the set is done, will begin by itself, or never will."""
    if scale_set is None:
        return Verdict(UNKNOWN, "the scale set was deleted")
    view = SetView(scale_set)
    waiting = waits.reasons(view, runs)
    told = condition(scale_set, "UpToDate")
    if not view.current or any(run.code == "Pending" for run in runs) or _model_is_due(view):
        return waiting[0] if waiting else "waits for the run to begin"
    if told.get("status") == "True":
        return Verdict(0, f"{view.name}: {told.get('message')}")
    if told.get("reason") in _NEVER or (told.get("reason") in _UNLESS_IT_ROLLS and not _rolls_by_itself(view)):
        return Verdict(FAULTED, f"{view.name}: {told.get('message')}; nothing is under way, so nothing is waited for")
    return waiting[0] if waiting else "waits for the run to begin"


_NEVER = frozenset({"VersionHeld", "InstancesLeftBehind", "WouldDowngrade"})
"""Reasons of UpToDate=False that only a person, or a newer version, can end."""
_UNLESS_IT_ROLLS = frozenset({"NewerVersionAvailable", "InstancesOnOtherVersions"})


def _rolls_by_itself(view: SetView) -> bool:
    return view.automatic if view.pin == "latest" else view.mode != "Manual"


def _model_is_due(view: SetView) -> bool:
    proven, newest = view.status("provenModelRevision"), view.status("modelRevision")
    held = {hold["revision"] for hold in view.status("heldModelRevisions") or ()}
    return bool(proven) and proven != newest and newest not in held and view.mode != "Manual" and view.replicas > 0


def wait(options: Options, what: str, timeout: str) -> None:
    """`wait SET|RUN`. Raises Ended with the exit code."""
    session = Session(options)
    limit = duration(timeout)
    with cannot_tell(waits=True):
        set_name, run_name = target_of(session, what)
        finish(session, until_over(session, set_name, run_name, limit))


def duration(text: str) -> float | None:
    """Seconds to wait; None: for ever. Raises UsageError."""
    try:
        return seconds(text) or None
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from None


def finish(session: Session, verdict: Verdict) -> None:
    """Tells the end: on stdout when all is well, else on stderr. Raises Ended."""
    if verdict.run is not None and write_data(session.options, without_noise(verdict.run), [verdict.run]):
        raise Ended(verdict.code, verdict.message if verdict.code else "")
    if verdict.code:
        raise Ended(verdict.code, verdict.message)
    sys.stdout.write(f"{verdict.message}\n")
    raise Ended(0)


def until_over(session: Session, set_name: str | None, run_name: str | None, limit: float | None) -> Verdict:
    """Follows a set (to the end of its run) or one run; tells each change on stdout, unless JSON is wanted."""
    if run_name is None:
        feeds = follow.feeds_of(set_name or "")
    else:
        feeds = (Feed("upgraderuns", UPGRADE_RUNS, field_selector=f"metadata.name={run_name}"),)
    course, said, began = Course(run_name), "", time.monotonic()
    for world in follow.changes(session, feeds, None if limit is None else began + limit):
        outcome = course.step(world.scale_set, world.runs)
        if isinstance(outcome, Verdict):
            return outcome
        if outcome != said and session.options.output == "":
            sys.stdout.write(f"{outcome}\n")
            sys.stdout.flush()
        said = outcome
    from datetime import timedelta  # noqa: PLC0415 - beside its only use

    return Verdict(TIMED_OUT, f"timed out after {short(timedelta(seconds=limit or 0))}; {said or 'nothing was heard'}")


def target_of(session: Session, what: str) -> tuple[str | None, str | None]:
    """Set or run, of which one is given: by `kind/name`, else the set of that name, else the run of that name."""
    if "/" in what and what.rpartition("/")[0] in names_of(UPGRADE_RUNS):
        return None, str(session.run(what)["metadata"]["name"])
    try:
        return str(session.scale_set(what)["metadata"]["name"]), None
    except CommandError:
        if "/" in what:
            raise
        try:
            session.client.get(UPGRADE_RUNS, session.namespace, bare(what, UPGRADE_RUNS))
        except NotFound:
            pass
        else:
            return None, what
        raise
