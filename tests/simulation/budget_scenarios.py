"""Golden logs of what keeps an instance where it is: the label that protects it, budgets that refuse (B10 to B13)."""

from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario


@scenario
def protection_passes_on() -> Rollout:
    """B10, F5: the label keeps an instance where it is; its successor has it too, also when nobody saw the pod go."""
    rollout = proven(5)
    rollout.protect(1)
    rollout.run_for(5)
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.process.api.kill()
    rollout.delete_pod(1)
    rollout.restart()
    rollout.run_for(10)
    rollout.publish("1.2.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.2.0")
    rollout.protect(1, protected=False)
    rollout.publish("1.3.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.3.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def protected_in_mid_batch() -> Rollout:
    """B10, B12: an instance that a budget keeps in the batch can be protected: it goes back, and the run goes on."""
    rollout = proven(5)
    rollout.refuse_evictions(2)
    rollout.publish("1.1.0")
    rollout.run(lambda: "web-2 can't be evicted" in rollout.last_run().get("status", {}).get("message", ""))
    rollout.protect(2)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def two_budgets_over_one_instance() -> Rollout:
    """B12, B13: the API server refuses every eviction then; the run names both budgets, and goes on without one."""
    rollout = proven(5)
    rollout.refuse_evictions(1, "first")
    rollout.refuse_evictions(1, "second")
    rollout.publish("1.1.0")
    rollout.run_for(60)
    rollout.delete_budget("first")
    rollout.delete_budget("second")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout
