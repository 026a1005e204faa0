"""The eviction subresource: step by step as the API server does it, its traps included."""

from datetime import timedelta
from typing import TYPE_CHECKING

from rollkeeper.kube import errors
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import BUDGETS, PODS
from tests.simulation import selectors
from tests.simulation.metadata import check_preconditions
from tests.simulation.objects import is_true, key_of, timestamp

if TYPE_CHECKING:
    from tests.simulation.server import ApiServer

DISRUPTED_FOR = timedelta(minutes=2)
"""How long an evicted pod that is still there counts as down."""


def evict(server: "ApiServer", namespace: str, name: str, *, uid: str, dry_run: bool = False) -> None:
    pod = server.stored(PODS, (namespace, name))
    if not _is_free(pod):
        budgets = budgets_of(server, pod)
        if len(budgets) > 1:
            message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise errors.Unavailable(500, "InternalError", message)
        if budgets and not _may_go_unready(pod, budgets[0]):
            _check(budgets[0])
            if not dry_run:
                _take_from(server, budgets[0], name)
    # The precondition is looked at last: an eviction that fails on it has used up the budget all the same.
    if dry_run:
        check_preconditions(PODS, pod, uid, None)
        return
    server.delete(PODS, namespace, name, uid=uid)


def budgets_of(server: "ApiServer", pod: JsonObject) -> list[JsonObject]:
    """The budgets that cover a pod."""
    labels = pod["metadata"].get("labels", {})
    found = server.store.items(BUDGETS, pod["metadata"]["namespace"])
    return [budget for budget in found if selectors.of_object(budget["spec"].get("selector"))(labels)]


def _is_free(pod: JsonObject) -> bool:
    """Budgets don't ask after pods that serve nobody, or that go anyway."""
    return pod["status"]["phase"] in {"Pending", "Failed", "Succeeded"} or "deletionTimestamp" in pod["metadata"]


def _may_go_unready(pod: JsonObject, budget: JsonObject) -> bool:
    if is_true(pod, "Ready"):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    status = budget.get("status", {})
    return bool(0 < status.get("desiredHealthy", 0) <= status.get("currentHealthy", 0))


def _check(budget: JsonObject) -> None:
    name, status = budget["metadata"]["name"], budget.get("status", {})
    if status.get("observedGeneration", 0) < budget["metadata"]["generation"]:
        raise _refused(f"The disruption budget {name} is still being processed by the server.")
    if status["disruptionsAllowed"] < 1:
        needs, has = status["desiredHealthy"], status["currentHealthy"]
        raise _refused(f"The disruption budget {name} needs {needs} healthy pods and has {has} currently")


def _take_from(server: "ApiServer", budget: JsonObject, pod_name: str) -> None:
    status = budget["status"]
    disrupted = {**status.get("disruptedPods", {}), pod_name: timestamp(server.clock.now())}
    taken = {**status, "disruptionsAllowed": status["disruptionsAllowed"] - 1, "disruptedPods": disrupted}
    server.set_status(BUDGETS, key_of(budget), taken)


def _refused(cause: str) -> errors.Throttled:
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return errors.Throttled(429, "TooManyRequests", message, (cause,))
