"""Starts and steers runs: a run is an UpgradeRun object, and steering is a change of its `spec.desiredState`."""

import secrets
import sys
from dataclasses import dataclass
from typing import Literal

from rollkeeper.api.v1alpha1.names import API_VERSION
from rollkeeper.cli.plugin.errors import CommandError, UsageError, cannot_tell
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import resource_name, without_noise, write_data
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.times import seconds
from rollkeeper.cli.plugin.views import RunView, SetView, at
from rollkeeper.cli.plugin.waiting import duration, finish, target_of, until_over
from rollkeeper.controllers.resources import UPGRADE_RUNS
from rollkeeper.engine import ranges
from rollkeeper.kube.api import JsonObject

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
"""Those that make no words, and are not taken for one another."""
_DONE = {"Running": "resumed", "Paused": "paused", "Cancelled": "cancelled"}


@dataclass(frozen=True)
class Wanted:
    """A run to be started."""

    scale_set: str
    type: Literal["OSImage", "Model"] = "OSImage"
    version: str | None = None
    instances: str | None = None
    """Ranges; None: all."""
    rollback: bool | None = None
    """None: as the API has it, which is no for users' runs (T4)."""
    ttl: str = ""
    """After its end the run is deleted so much later; empty: it stays."""


@dataclass(frozen=True)
class Following:
    """Whether to wait for the end of what was begun, and how long."""

    wanted: bool = False
    limit: float | None = None
    """Seconds; None: for ever."""

    @classmethod
    def of(cls, wait: bool, timeout: str) -> "Following":  # noqa: FBT001 - as the flag is
        """From the flags. Raises UsageError before anything is done."""
        return cls(wait, duration(timeout))


def start(options: Options, wanted: Wanted, following: Following) -> None:
    """`start SET` and `update-instances SET`."""
    session = Session(options)
    with cannot_tell(waits=following.wanted):
        _create(session, body(SetView(session.scale_set(wanted.scale_set)), wanted), following)


def retry(options: Options, name: str, following: Following) -> None:
    """`retry RUN`: what an ended run was for, once more, as a user's run. Naming its version overrides a hold (V3)."""
    session = Session(options)
    with cannot_tell(waits=following.wanted):
        _create(session, _again(session, name), following)


def _again(session: Session, name: str) -> JsonObject:
    run = RunView(session.run(name))
    if not run.over:
        raise CommandError(f"{run.name} has not ended ({run.shown}): wait for it, or cancel it first")
    spec = run.raw["spec"]
    scale_set = SetView(session.scale_set(spec["scaleSetName"]))
    wanted = Wanted(
        scale_set=scale_set.name,
        type=spec.get("type") or "OSImage",
        version=at(run.raw, "status", "targetImageReference", "version") or spec.get("imageVersion"),
        instances=spec.get("instances"),
        rollback=at(run.raw, "status", "policy", "automaticRollback"),
    )
    return body(scale_set, wanted)


def steer(options: Options, name: str, state: Literal["Running", "Paused", "Cancelled"], following: Following) -> None:
    """`pause`, `resume` and `cancel`: of a run, or of the one that works on a set."""
    session = Session(options)
    with cannot_tell(waits=following.wanted):
        _steer(session, _run_to_steer(session, name), state, following)


def _steer(
    session: Session, run: RunView, state: Literal["Running", "Paused", "Cancelled"], following: Following
) -> None:
    if run.over:
        again = f"start another with: kubectl rollkeeper start {run.raw['spec']['scaleSetName']}"
        raise CommandError(f"{run.name} has ended ({run.code}): {again}")
    if run.raw["spec"].get("desiredState", "Running") == state:
        _told(session, run.raw, "unchanged")
    else:
        patch = {"spec": {"desiredState": state}}
        _told(session, session.client.merge_patch(UPGRADE_RUNS, session.namespace, run.name, patch), _DONE[state])
    _follow(session, run.name, following)


def body(scale_set: SetView, wanted: Wanted) -> JsonObject:
    """The UpgradeRun to create. Raises CommandError for instances that the set does not have."""
    spec: JsonObject = {"scaleSetName": scale_set.name, "type": wanted.type}
    if wanted.version and wanted.type == "OSImage":
        spec["imageVersion"] = wanted.version
    if wanted.instances is not None:
        spec["instances"] = ranges.render(ordinals(scale_set, wanted.instances))
    if wanted.rollback is not None:
        spec["automaticRollback"] = wanted.rollback
    if wanted.ttl:
        try:
            spec["ttlSecondsAfterFinished"] = int(seconds(wanted.ttl))
        except ValueError as error:
            raise UsageError(f"--ttl: {error}") from None
    # A name of our own: should the answer to the create be lost, one can look whether the run is there.
    suffix = "".join(secrets.choice(_LETTERS) for _ in range(5))
    metadata = {"name": f"{scale_set.name}-user-{suffix}", "namespace": scale_set.namespace}
    return {"apiVersion": API_VERSION, "kind": "UpgradeRun", "metadata": metadata, "spec": spec}


def ordinals(scale_set: SetView, text: str) -> list[int]:
    """The ordinals that a user named. Raises CommandError when they are no ranges, or the set has no such instance."""
    try:
        named = ranges.parse_user(text)
    except ValueError as error:
        raise CommandError(str(error)) from None
    missing = [ordinal for ordinal in sorted(named) if ordinal >= scale_set.replicas]
    if missing:
        there = f"instances 0-{scale_set.replicas - 1}" if scale_set.replicas else "no instances"
        raise CommandError(f"{ranges.render(missing)}: scale set {scale_set.name} has {there}")
    return sorted(named)


def _create(session: Session, run: JsonObject, following: Following) -> None:
    made = session.client.create(UPGRADE_RUNS, session.namespace, run)
    _told(session, made, "created", quiet=following.wanted and session.options.output in ("json", "yaml"))
    _follow(session, made["metadata"]["name"], following)


def _told(session: Session, run: JsonObject, what: str, *, quiet: bool = False) -> None:
    """As kubectl tells it. With --wait and -o json there is one document, the run at its end."""
    if not quiet and not write_data(session.options, without_noise(run), [run]):
        sys.stdout.write(f"{resource_name(run)} {what}\n")
        sys.stdout.flush()


def _follow(session: Session, run: str, following: Following) -> None:
    if following.wanted:
        finish(session, until_over(session, None, run, following.limit))


def _run_to_steer(session: Session, name: str) -> RunView:
    """The run that is named, or the one that works on (else waits for) the set that is named."""
    set_name, run_name = target_of(session, name)
    if run_name is not None:
        return RunView(session.run(run_name))
    scale_set = SetView(session.scale_set(set_name or ""))
    runs = [RunView(run) for run in session.runs_of(scale_set.name)]
    active = [run for run in runs if run.name == scale_set.active_run]
    candidates = active or [run for run in runs if run.code == "Pending"]
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        names = ", ".join(run.name for run in candidates)
        raise CommandError(f"several runs wait for set {scale_set.name}: name one of {names}")
    raise CommandError(f"no run works on set {scale_set.name}, and none waits for it")
