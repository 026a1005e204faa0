"""What the controller takes for granted of evictions and budgets (B12)."""

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube import errors
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import BUDGETS, PODS
from tests.contract.bodies import budget, counted_budget, homeless_pod, made, owner, ready_pod, scale_set
from tests.contract.worlds import World

NOBODY = "00000000-0000-4000-8000-ffffffffffff"
REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."

SHORT = [f"The disruption budget web needs 1 healthy pods and has {number} currently" for number in range(3)]


async def evict(world: World, pod: JsonObject) -> None:
    await world.api.evict(world.namespace, pod["metadata"]["name"], uid=pod["metadata"]["uid"])


async def cause(world: World, pod: JsonObject) -> str:
    """Why the eviction is refused."""
    with pytest.raises(errors.Throttled) as caught:
        await evict(world, pod)
    assert (caught.value.code, caught.value.reason, caught.value.message) == (429, "TooManyRequests", REFUSED)
    assert len(caught.value.causes) == 1
    return caught.value.causes[0]


async def allowed(world: World, number: int, name: str = "web") -> None:
    """Until the budget allows that many disruptions."""
    await world.until(
        BUDGETS, name, lambda found: found and found.get("status", {}).get("disruptionsAllowed") == number
    )


async def test_without_a_budget(world: World) -> None:
    pod = await ready_pod(world)
    await evict(world, pod)
    await world.until(PODS, "web-0", lambda found: found is None)
    with pytest.raises(errors.NotFound) as caught:
        await evict(world, pod)
    assert caught.value.message == 'pods "web-0" not found'


async def test_a_budget_refuses_and_says_its_name(world: World) -> None:
    first, second = [await ready_pod(world, name) for name in ("web-0", "web-1")]
    await counted_budget(world, "web", 2, minAvailable=1)
    await evict(world, first)
    assert await cause(world, second) in SHORT  # how many it has, depends on what the controller has seen of it yet
    await world.until(PODS, "web-0", lambda found: found is None)
    await world.until(BUDGETS, "web", lambda found: found and found["status"]["currentHealthy"] == 1)
    assert await cause(world, second) == SHORT[1]
    assert "deletionTimestamp" not in (await world.api.get(PODS, world.namespace, "web-1"))["metadata"]
    await ready_pod(world, "web-0")
    await allowed(world, 1)
    await evict(world, second)


async def test_a_dry_run_says_what_an_eviction_would_and_takes_nothing(world: World) -> None:
    first, second = [await ready_pod(world, name) for name in ("web-0", "web-1")]
    await counted_budget(world, "web", 2, minAvailable=1)
    for pod in (first, second, first):
        await world.api.evict(world.namespace, pod["metadata"]["name"], uid=pod["metadata"]["uid"], dry_run=True)
    found = await world.api.get(BUDGETS, world.namespace, "web")
    assert (found["status"]["disruptionsAllowed"], found["status"].get("disruptedPods", {})) == (1, {})
    assert "deletionTimestamp" not in (await world.api.get(PODS, world.namespace, "web-0"))["metadata"]
    with pytest.raises(errors.Conflict):
        await world.api.evict(world.namespace, "web-0", uid=NOBODY, dry_run=True)
    await evict(world, first)
    with pytest.raises(errors.Throttled) as caught:
        await world.api.evict(world.namespace, "web-1", uid=second["metadata"]["uid"], dry_run=True)
    assert caught.value.causes[0] in SHORT


async def test_a_new_budget_refuses_until_it_was_counted(world: World) -> None:
    pod = await ready_pod(world)
    await counted_budget(world, "web", 1, minAvailable=0)
    body = {"spec": {"minAvailable": 1}}
    changed = await world.api.merge_patch(BUDGETS, world.namespace, "web", body)
    assert changed["metadata"]["generation"] == 2
    # A real controller may have been faster than we.
    assert await cause(world, pod) in {"The disruption budget web is still being processed by the server.", SHORT[1]}


async def test_two_budgets_over_one_pod(world: World) -> None:
    """Not a fault of the server, though its code says so: retrying is of no use."""
    pod = await ready_pod(world)
    await counted_budget(world, "one", 1, minAvailable=0)
    await counted_budget(world, "two", 1, minAvailable=0)
    with pytest.raises(errors.Unavailable) as caught:
        await evict(world, pod)
    assert caught.value.code == 500
    words = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
    assert caught.value.message == words


async def test_percentages_need_the_scale_of_the_owner(world: World) -> None:
    body = scale_set()
    parent = await made(world, SCALE_SETS, {**body, "spec": {**body["spec"], "replicas": 4}})
    pods = [await ready_pod(world, f"web-{number}", ownerReferences=[owner(parent)]) for number in range(2)]
    found = await counted_budget(world, "web", 2, maxUnavailable="50%")
    status = found["status"]
    assert (status["expectedPods"], status["desiredHealthy"], status["disruptionsAllowed"]) == (4, 2, 0)
    await cause(world, pods[0])
    await ready_pod(world, "web-2", ownerReferences=[owner(parent)])
    await allowed(world, 1)
    await evict(world, pods[0])


async def test_pods_without_an_owner_have_no_percentage(world: World) -> None:
    pod = await ready_pod(world)
    found = await counted_budget(world, "web", 1, maxUnavailable="100%")
    assert (found["status"]["expectedPods"], found["status"]["disruptionsAllowed"]) == (0, 0)
    await cause(world, pod)


async def test_a_pod_that_does_not_run_yet_is_free(world: World) -> None:
    pod = await made(world, PODS, homeless_pod(labels={"app": "web"}))
    await counted_budget(world, "web", 0, minAvailable=1)
    await evict(world, pod)
    await world.until(PODS, "web-0", lambda found: found is None)


async def test_a_failed_precondition_has_used_up_the_budget(world: World) -> None:
    first, second = [await ready_pod(world, name) for name in ("web-0", "web-1")]
    await counted_budget(world, "web", 2, minAvailable=1)
    with pytest.raises(errors.Conflict):
        await world.api.evict(world.namespace, "web-0", uid=NOBODY)
    assert await cause(world, second) in SHORT
    found = await world.api.get(BUDGETS, world.namespace, "web")
    assert found["status"]["disruptionsAllowed"] == 0
    assert list(found["status"]["disruptedPods"]) == ["web-0"]
    assert await world.api.get(PODS, world.namespace, "web-0") == first


async def test_an_empty_budget_is_said_before_a_wrong_uid(world: World) -> None:
    await ready_pod(world)
    await counted_budget(world, "web", 1, minAvailable=1)
    with pytest.raises(errors.Throttled):
        await world.api.evict(world.namespace, "web-0", uid=NOBODY)


async def test_a_wrong_uid_of_a_pod_that_is_free(world: World) -> None:
    """A real server tries for ten seconds before it says so: a client needs a longer deadline than that."""
    await made(world, PODS, homeless_pod())
    with pytest.raises(errors.Conflict):
        await world.api.evict(world.namespace, "web-0", uid=NOBODY)
    assert await world.api.get(PODS, world.namespace, "web-0")


async def test_evicting_twice(world: World) -> None:
    pod = await ready_pod(world, finalizers=["rollkeeper.io/test"])
    await made(world, BUDGETS, budget("web", minAvailable=0))
    await world.until(BUDGETS, "web", lambda found: found and found.get("status", {}).get("disruptionsAllowed") == 1)
    await evict(world, pod)
    await evict(world, pod)
    await world.api.merge_patch(PODS, world.namespace, "web-0", {"metadata": {"finalizers": None}})
    await world.until(PODS, "web-0", lambda found: found is None)
