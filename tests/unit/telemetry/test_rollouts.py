"""What whole rollouts in memory leave in the metrics."""

import pytest
from prometheus_client import CollectorRegistry

from rollkeeper.telemetry.fleet import FleetMetrics
from rollkeeper.telemetry.liveness import Liveness
from rollkeeper.telemetry.rollouts import RolloutMetrics
from tests.simulation.images import never_ready
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import proven

REPLICAS = 5
SET = {"namespace": "default", "scale_set": "web"}


class Measured:
    """A set on 1.0.0, and the metrics of the controller that looks after it."""

    def __init__(self, *, leading: bool = True) -> None:
        self.rollout: Rollout = proven(REPLICAS)
        self.registry = CollectorRegistry()
        manager = self.rollout.process.manager
        RolloutMetrics(self.registry, manager.caches, lambda: leading)
        self.registry.register(FleetMetrics(manager, Liveness(lambda: (manager.contacts(),)), lambda: leading))

    def __call__(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(name, labels)


@pytest.fixture
def completed() -> Measured:
    measured = Measured()
    measured.rollout.publish("1.1.0")
    measured.rollout.run(lambda: measured.rollout.status["provenImageVersion"] == "1.1.0")
    measured.rollout.run_until_quiet()
    return measured


@pytest.fixture
def faulted() -> Measured:
    measured = Measured()
    measured.rollout.publish("1.1.0", never_ready())
    measured.rollout.run(lambda: bool(measured.rollout.status.get("heldVersions")))
    measured.rollout.run_until_quiet()
    return measured


def test_a_run_that_goes_well(completed: Measured) -> None:
    ends = {"type": "OSImage", "result": "Completed"}
    assert completed("rollkeeper_runs_total", **ends, started_by="Platform", reason="Completed") == 1
    assert completed("rollkeeper_run_duration_seconds_count", **ends) == 1
    assert completed("rollkeeper_batch_duration_seconds_count", type="OSImage") == REPLICAS
    assert (completed("rollkeeper_run_duration_seconds_sum", **ends) or 0) > 0
    assert completed("rollkeeper_rollbacks_total", result="succeeded") == 0
    assert completed("rollkeeper_scale_set_last_upgrade_faulted", **SET) == 0
    assert completed("rollkeeper_current_runs", type="OSImage", code="Completed") == 1


def test_a_run_that_is_put_back(faulted: Measured) -> None:
    reason = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    ends = {"type": "OSImage", "result": "Faulted"}
    assert faulted("rollkeeper_runs_total", **ends, started_by="Platform", reason=reason) == 1
    assert faulted("rollkeeper_rollbacks_total", result="succeeded") == 1
    assert faulted("rollkeeper_rollbacks_total", result="failed") == 0
    assert faulted("rollkeeper_instance_failures_total", reason="HealthTimeout") == 1
    assert faulted("rollkeeper_holds", kind="version") == 1
    assert faulted("rollkeeper_scale_set_last_upgrade_faulted", **SET) == 1
    assert faulted("rollkeeper_scale_set_versions_behind", **SET) == 1


def test_only_the_leader_counts_but_everybody_knows_the_state() -> None:
    measured = Measured(leading=False)
    measured.rollout.publish("1.1.0")
    measured.rollout.run(lambda: measured.rollout.status["provenImageVersion"] == "1.1.0")
    assert measured("rollkeeper_batch_duration_seconds_count", type="OSImage") is None
    assert measured("rollkeeper_leader") == 0
    assert measured("rollkeeper_instances", state="healthy") == REPLICAS
    assert measured("rollkeeper_cached_objects", kind="Pod") == REPLICAS


def test_instances_add_up_to_what_sets_ask_for() -> None:
    measured = Measured()
    measured.rollout.set_ready(1, False)
    measured.rollout.run_for(20)
    measured.rollout.scale(REPLICAS + 2)
    measured.rollout.step()
    states = {state: measured("rollkeeper_instances", state=state) for state in ("healthy", "unhealthy", "starting")}
    assert states == {"healthy": REPLICAS - 1, "unhealthy": 1, "starting": 2}


def test_a_run_that_may_not_start_is_counted_once_and_shown_while_it_lasts() -> None:
    measured = Measured()
    for ordinal in (0, 1):
        measured.rollout.set_ready(ordinal, False)
    measured.rollout.run_for(20)
    measured.rollout.publish("1.1.0")
    measured.rollout.run_for(60)
    why = "TooManyUnhealthyInstances"
    assert measured("rollkeeper_gate_refusals_total", reason=why) == 1
    problem = {**SET, "condition": "UpgradeBlocked", "reason": why}
    assert measured("rollkeeper_scale_set_problem", **problem) == 1
    for ordinal in (0, 1):
        measured.rollout.set_ready(ordinal, None)
    measured.rollout.run(lambda: measured.rollout.status["provenImageVersion"] == "1.1.0")
    assert measured("rollkeeper_scale_set_problem", **problem) is None
    assert measured("rollkeeper_gate_refusals_total", reason=why) == 1
