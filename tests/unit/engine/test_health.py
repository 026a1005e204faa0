"""H1, H2, H5: healthy, waited for, or failed; and who is still starting (section 0)."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1.health import Health
from rollkeeper.api.v1alpha1.scale_set import RollingUpgradePolicy
from rollkeeper.engine import health
from rollkeeper.engine.health import Failed, Healthy, Waiting
from rollkeeper.engine.snapshot import Instance

from .builders import at, ctx, instance, new_pod, problem, proven, scale_set, unhealthy

POLICY = RollingUpgradePolicy(provisioning_timeout_seconds=60, health_timeout_seconds=30)
PROBED = Health(source="Probe")

HEALTHY: dict[str, tuple[Instance | None, Health | None, bool]] = {
    "H1 runs, no source": (instance(0, ready=False), None, True),
    "H1 runs, not ready": (instance(0, ready=False), PROBED, False),
    "H1 ready": (instance(0), PROBED, True),
    "H1 ready, does not run": (instance(0, running=False), PROBED, False),
    "H1 does not run, no source": (instance(0, running=False), None, False),
    "section 0 terminating": (instance(0, terminating=True), PROBED, False),
    "section 0 node lost": (instance(0, node_ready=False), PROBED, False),
    "section 0 node lost, no source": (instance(0, node_ready=False), None, False),
    "section 0 ended": (instance(0, finished=True), None, False),
    "section 0 missing": (None, PROBED, False),
    "B10 protected": (instance(0, protected=True), PROBED, True),
}


@pytest.mark.parametrize(("seen", "source", "wanted"), HEALTHY.values(), ids=HEALTHY)
def test_healthy(seen: Instance | None, source: Health | None, wanted: bool) -> None:
    assert health.is_healthy(seen, source) is wanted


def started(ago: float, *, age: float, **fields: Any) -> Instance:
    """Made `age` seconds ago, its OS container first started `ago` seconds ago, not ready."""
    return new_pod(0, age=age, running=True, first_started=at(-ago), running_since=at(-ago), **fields)


def ready(since: float, *, age: float = 100, first: float = 90) -> Instance:
    return started(first, age=age, ready=True, ready_since=at(-since))


HEALTHY_NOW = "healthy"
# What is seen, and: healthy, the seconds until its clock runs out, or the reason that it failed for.
VERDICTS: dict[str, tuple[Instance, dict[str, int], str | float]] = {
    "H2 not started": (new_pod(0, age=59), {}, 1),
    "H2 not started in time": (new_pod(0, age=60), {}, "ProvisioningTimeout"),
    "H2 pulling is not ill health": (new_pod(0, age=59, problem=problem("ErrImagePull")), {}, 1),
    "H2 started late: a fresh clock": (started(1, age=59), {}, 29),
    "H2 not healthy in time": (started(30, age=60), {}, "HealthTimeout"),
    "H2 last second of the second clock": (started(29, age=60), {}, 1),
    "H2 cap at creation plus both": (started(1, age=90), {}, "HealthTimeout"),
    "H2 early start: the second clock counts from it": (started(30, age=31), {}, "HealthTimeout"),
    "H2 restarts don't move the clock": (
        new_pod(0, age=50, running=True, first_started=at(-30), running_since=at(-1)),
        {},
        "HealthTimeout",
    ),
    "H2 healthy": (ready(0), {}, HEALTHY_NOW),
    "H2 healthy long after its clocks": (ready(1, age=5000, first=4000), {}, HEALTHY_NOW),
    "H2 healthy, not for long enough": (ready(9), {"min_healthy_seconds": 10}, 1),
    "H2 healthy for long enough": (ready(10), {"min_healthy_seconds": 10}, HEALTHY_NOW),
    "H2 a relapse after the clock": (started(31, age=100), {"min_healthy_seconds": 10}, "HealthTimeout"),
    "H2 a relapse while the clock lasts": (started(20, age=40), {"min_healthy_seconds": 10}, 10),
    "H5 pull": (new_pod(0, age=60, problem=problem("ImagePullBackOff")), {}, "ImagePullBackOff"),
    "H5 crash loop": (started(30, age=60, problem=problem("CrashLoopBackOff")), {}, "CrashLoopBackOff"),
    "H5 unschedulable": (new_pod(0, age=60, problem=problem("Unschedulable")), {}, "Unschedulable"),
    "H5 node lost": (started(30, age=60, node_ready=False, problem=problem("CrashLoopBackOff")), {}, "NodeLost"),
    "H5 ready on a lost node": (
        new_pod(0, age=90, running=True, first_started=at(-80), ready=True, node_ready=False),
        {},
        "NodeLost",
    ),
    "H5 ended": (new_pod(0, age=60, finished=True), {}, "PodFailed"),
    "H5 ended, says why": (new_pod(0, age=60, finished=True, problem=problem("Evicted")), {}, "Evicted"),
    "I10 made in the future": (new_pod(0, age=-5), {}, 65),
}


@pytest.mark.parametrize(("seen", "policy", "wanted"), VERDICTS.values(), ids=VERDICTS)
def test_judge(seen: Instance, policy: dict[str, int], wanted: str | float) -> None:
    verdict = health.judge(seen, POLICY.model_copy(update=policy), PROBED, at(0))
    match verdict:
        case Healthy():
            assert wanted == HEALTHY_NOW
        case Waiting(until, _):
            assert (until - at(0)).total_seconds() == wanted
        case Failed(said):
            assert said.reason == wanted


MESSAGES = {
    "H2": (new_pod(0, age=60), "did not start within 60s (provisioningTimeoutSeconds)"),
    "H2 second clock": (started(30, age=60), "started, but was not healthy within 30s (healthTimeoutSeconds)"),
    "H5": (new_pod(0, age=60, problem=problem("ImagePullBackOff", "no such tag")), "no such tag"),
    "H5 node": (new_pod(0, age=60, node_ready=False), "its node is not ready"),
}


@pytest.mark.parametrize(("seen", "said"), MESSAGES.values(), ids=MESSAGES)
def test_a_failure_says_which_clock(seen: Instance, said: str) -> None:
    verdict = health.judge(seen, POLICY, PROBED, at(0))
    assert isinstance(verdict, Failed)
    assert verdict.problem.message == said


def test_h2_without_a_source_health_counts_from_the_start_of_the_container() -> None:
    policy = POLICY.model_copy(update={"min_healthy_seconds": 10})
    restarted = instance(0, first_started=at(-20), running_since=at(-4), ready=False)
    verdict = health.judge(restarted, policy, None, at(0))
    assert isinstance(verdict, Waiting)
    assert verdict.until == at(6)


UNPROVEN = proven(None)
STARTING: dict[str, tuple[Instance, dict[str, Any], bool]] = {
    "first creation, young": (new_pod(0), UNPROVEN, True),
    "first creation, healthy once": (new_pod(0), {**UNPROVEN, "everHealthy": "0"}, False),
    "scale-out, young": (new_pod(0, made_by="ScaleOut"), {"starting": "0"}, True),
    "a repair never is": (new_pod(0, made_by="Repair"), {}, False),
    "a replacement never is": (new_pod(0, made_by="up/1/Forward"), {"starting": "0"}, False),
    "put back never is": (new_pod(0, made_by="up/1/Back"), {"starting": "0"}, False),
    "clock over": (new_pod(0, age=60), UNPROVEN, False),
    "second clock over": (started(30, age=40), UNPROVEN, False),
    "inside the second clock": (started(29, age=70), UNPROVEN, True),
    "both over": (started(1, age=90), UNPROVEN, False),
    "healthy": (ready(1), UNPROVEN, False),
    "terminating": (new_pod(0, terminating=True), UNPROVEN, False),
}


@pytest.mark.parametrize(("seen", "status", "wanted"), STARTING.values(), ids=[f"section 0 {k}" for k in STARTING])
def test_starting(seen: Instance, status: dict[str, Any], wanted: bool) -> None:
    assert ctx(scale_set(1, status=status), {0: seen}).starting == (frozenset({0}) if wanted else frozenset())


def test_waiting_says_what_is_wrong_now() -> None:
    verdict = health.judge(new_pod(0, problem=problem("ErrImagePull", "denied")), POLICY, PROBED, at(0))
    assert verdict == Waiting(at(55), "ErrImagePull: denied")


def test_h1_unhealthy_builder() -> None:
    assert not health.is_healthy(unhealthy(0), PROBED)
