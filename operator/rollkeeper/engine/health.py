"""Judges one instance: healthy, to be waited for, or failed (H1, H2, H4, H5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.snapshot import ApplicationState, Instance, Problem

if TYPE_CHECKING:  # the command line reads pods without the models
    from rollkeeper.api.v1alpha1.health import Health
    from rollkeeper.api.v1alpha1.scale_set import RollingUpgradePolicy


@dataclass(frozen=True, slots=True)
class Healthy:
    """It runs, its health source says so, and it has done so for long enough."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not healthy (long enough) yet, and its clocks still run until `until`; None: somebody else will tell."""

    until: datetime | None
    message: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Its clocks have run out."""

    problem: Problem


Verdict = Healthy | Waiting | Failed


def is_healthy(instance: Instance | None, health: Health | None) -> bool:
    """H1: not terminating, running, node Ready, and the health source says so."""
    if instance is None or not _runs(instance):
        return False
    if health is None:
        return True
    application = instance.application
    return instance.ready and (
        health.application is None or (application is not None and application.state == "Healthy")
    )


def _runs(instance: Instance) -> bool:
    return instance.running and instance.node_ready and not (instance.terminating or instance.finished)


def is_unread(instance: Instance | None, health: Health | None) -> bool:
    """H4: all is well, but for the application, which nobody has asked yet; so nobody can say whether it is healthy."""
    if instance is None or health is None or health.application is None or instance.application is not None:
        return False
    return instance.ready and _runs(instance)


def healthy_since(instance: Instance, health: Health | None) -> datetime:
    """Since when a healthy instance has been so without a gap."""
    if health is None:
        return instance.running_since or instance.created
    ready = instance.ready_since or instance.created
    if health.application is None or instance.application is None:
        return ready
    return max(ready, instance.application.since)


def deadline(instance: Instance, policy: RollingUpgradePolicy, source: Health | None) -> datetime:
    """When an instance that is not healthy has failed (H2): the clock that runs now, and never later than both.

    While the application is Initializing the health clock stands still (H4).
    """
    provisioning = timedelta(seconds=policy.provisioning_timeout_seconds)
    health = timedelta(seconds=policy.health_timeout_seconds)
    if instance.first_started is None:
        return instance.created + provisioning
    asked = source.application if source is not None else None
    grace = timedelta(seconds=asked.grace if asked is not None else 0)
    begins = instance.first_started + grace
    if instance.application_settled is not None:
        begins = min(begins, max(instance.application_settled, instance.first_started))
    # A crash loop would otherwise begin the health clock anew after a restart of the controller.
    return min(begins + health, instance.created + provisioning + grace + health)


def judge(instance: Instance, policy: RollingUpgradePolicy, health: Health | None, now: datetime) -> Verdict:
    """H2's verdict on an instance that was made anew: healthy for `minHealthySeconds`, waiting, or failed."""
    if is_healthy(instance, health):
        wanted = policy.min_healthy_seconds or 0
        until = healthy_since(instance, health) + timedelta(seconds=wanted)
        return Healthy() if now >= until else Waiting(until, f"healthy, for {wanted}s until it counts")
    if is_unread(instance, health):
        return Waiting(None, "its application was not asked yet")
    until = deadline(instance, policy, health)
    if now < until:
        return Waiting(until, _why_not_healthy(instance, health))
    return Failed(_failure(instance, policy, health))


_APPLICATION_PROBLEMS: dict[ApplicationState, Failure] = {
    "Unhealthy": Failure.APPLICATION_UNHEALTHY,
    "Unknown": Failure.APPLICATION_UNKNOWN,
    "Initializing": Failure.APPLICATION_INITIALIZING,
}


def problem_of(instance: Instance, health: Health | None) -> Problem | None:
    """What is wrong with an instance: the kubelet's words, else what its application answers, if that counts (H5)."""
    application = instance.application
    asked = health is not None and health.application is not None and instance.running
    if instance.problem is not None or not asked or application is None or application.state == "Healthy":
        return instance.problem
    return Problem(_APPLICATION_PROBLEMS[application.state], application.message)


def _why_not_healthy(instance: Instance, health: Health | None) -> str:
    problem = problem_of(instance, health)
    if problem is not None:
        return f"{problem.reason}: {problem.message}" if problem.message else problem.reason
    if instance.swapping and instance.first_started is None:
        return "not started again yet"
    return "started, not ready yet" if instance.first_started else "not started yet"


def _failure(instance: Instance, policy: RollingUpgradePolicy, health: Health | None) -> Problem:
    if instance.finished:
        return instance.problem or Problem(Failure.POD_FAILED, "the pod ended")
    if not instance.node_ready:
        return Problem(Failure.NODE_LOST, "its node is not ready")
    problem = problem_of(instance, health)
    if problem is not None:
        return problem
    if instance.first_started is None:
        return Problem(
            Failure.PROVISIONING_TIMEOUT,
            f"did not start within {policy.provisioning_timeout_seconds}s (provisioningTimeoutSeconds)",
        )
    return Problem(
        Failure.HEALTH_TIMEOUT,
        f"started, but was not healthy within {policy.health_timeout_seconds}s (healthTimeoutSeconds)",
    )
