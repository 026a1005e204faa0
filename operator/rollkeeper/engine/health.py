"""Judges one instance: healthy, to be waited for, or failed (H1, H2, H5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.snapshot import Instance, Problem

if TYPE_CHECKING:  # the command line reads pods without the models
    from rollkeeper.api.v1alpha1.scale_set import Health, RollingUpgradePolicy


@dataclass(frozen=True, slots=True)
class Healthy:
    """It runs, its health source says so, and it has done so for long enough."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not healthy (long enough) yet, and its clocks still run until `until`."""

    until: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Its clocks have run out."""

    problem: Problem


Verdict = Healthy | Waiting | Failed


def is_healthy(instance: Instance | None, health: Health | None) -> bool:
    """H1: not terminating, running, node Ready, and the health source says so."""
    if instance is None or instance.terminating or instance.finished or not instance.running or not instance.node_ready:
        return False
    return health is None or instance.ready


def healthy_since(instance: Instance, health: Health | None) -> datetime:
    """Since when a healthy instance has been so without a gap."""
    since = instance.running_since if health is None else instance.ready_since
    return since or instance.created


def deadline(instance: Instance, policy: RollingUpgradePolicy) -> datetime:
    """When an instance that is not healthy has failed (H2): the clock that runs now, and never later than both."""
    provisioning = timedelta(seconds=policy.provisioning_timeout_seconds)
    health = timedelta(seconds=policy.health_timeout_seconds)
    if instance.first_started is None:
        return instance.created + provisioning
    # A crash loop would otherwise begin the health clock anew after a restart of the controller.
    return min(instance.first_started + health, instance.created + provisioning + health)


def judge(instance: Instance, policy: RollingUpgradePolicy, health: Health | None, now: datetime) -> Verdict:
    """H2's verdict on an instance that was made anew: healthy for `minHealthySeconds`, waiting, or failed."""
    if is_healthy(instance, health):
        until = healthy_since(instance, health) + timedelta(seconds=policy.min_healthy_seconds)
        return (
            Healthy() if now >= until else Waiting(until, f"healthy, for {policy.min_healthy_seconds}s until it counts")
        )
    until = deadline(instance, policy)
    if now < until:
        return Waiting(until, _why_not_healthy(instance))
    return Failed(_failure(instance, policy))


def _why_not_healthy(instance: Instance) -> str:
    if instance.problem is not None:
        return (
            f"{instance.problem.reason}: {instance.problem.message}"
            if instance.problem.message
            else instance.problem.reason
        )
    return "started, not ready yet" if instance.first_started else "not started yet"


def _failure(instance: Instance, policy: RollingUpgradePolicy) -> Problem:
    if instance.finished:
        return instance.problem or Problem(Failure.POD_FAILED, "the pod ended")
    if not instance.node_ready:
        return Problem(Failure.NODE_LOST, "its node is not ready")
    if instance.problem is not None:
        return instance.problem
    if instance.first_started is None:
        return Problem(
            Failure.PROVISIONING_TIMEOUT,
            f"did not start within {policy.provisioning_timeout_seconds}s (provisioningTimeoutSeconds)",
        )
    return Problem(
        Failure.HEALTH_TIMEOUT,
        f"started, but was not healthy within {policy.health_timeout_seconds}s (healthTimeoutSeconds)",
    )
