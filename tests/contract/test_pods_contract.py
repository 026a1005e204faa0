"""What the controller takes for granted of pods: dry run, defaults, binding, graceful deletion, quota, owners."""

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube import errors
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import LEASES, PODS
from tests.contract.bodies import homeless_pod, lease, made, owner, pod, ready_pod, scale_set
from tests.contract.worlds import World
from tests.simulation.objects import condition, is_true

NOBODY = "00000000-0000-4000-8000-ffffffffffff"


def with_container(**fields: object) -> JsonObject:
    return {**pod(), "spec": {"containers": [{"name": "os", "image": "registry.test/os:1", **fields}]}}


# --- dry run ----------------------------------------------------------------------------------------------------------


async def test_a_dry_run_leaves_nothing(world: World) -> None:
    answer = await world.api.create(PODS, world.namespace, pod(), dry_run=True)
    assert answer["spec"]["restartPolicy"] == "Always"
    assert "resourceVersion" not in answer["metadata"]
    with pytest.raises(errors.NotFound):
        await world.api.get(PODS, world.namespace, "web-0")


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (with_container(image=""), 422, "spec.containers[0].image: Required value"),
        (with_container(ports=[{"containerPort": 99999}]), 422, "must be between 1 and 65535, inclusive"),
        (with_container(imagePullpolicy="x"), 400, 'unknown field "spec.containers[0].imagePullpolicy"'),
        ({**pod(), "spec": {**pod()["spec"], "nonsense": 1}}, 400, 'unknown field "spec.nonsense"'),
        ({**pod(), "spec": {"containers": []}}, 422, "spec.containers: Required value"),
    ],
    ids=["no image", "port", "typo in a container", "typo", "no containers"],
)
async def test_a_dry_run_of_a_bad_pod(world: World, body: JsonObject, code: int, message: str) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await world.api.create(PODS, world.namespace, body, dry_run=True)
    assert caught.value.code == code
    assert message in caught.value.message


async def test_a_dry_run_of_what_is_not_allowed_now(world: World) -> None:
    body = {**pod(), "spec": {**pod()["spec"], "serviceAccountName": "nope"}}
    for dry_run in (True, False):
        with pytest.raises(errors.Forbidden) as caught:
            await world.api.create(PODS, world.namespace, body, dry_run=dry_run)
        assert (caught.value.code, caught.value.reason) == (403, "Forbidden")
        assert 'serviceaccount "nope" not found' in caught.value.message


async def test_a_dry_run_under_a_name_in_use(world: World) -> None:
    await made(world, PODS, homeless_pod())
    with pytest.raises(errors.AlreadyExists):
        await world.api.create(PODS, world.namespace, pod(), dry_run=True)


async def test_a_full_quota(world: World) -> None:
    """It comes before the name: who retries a create whose answer was lost may hear of the quota, not of the name."""
    await world.limit_pods(1)
    await made(world, PODS, homeless_pod())
    for name, dry_run in (("web-1", False), ("web-1", True), ("web-0", False)):
        with pytest.raises(errors.Forbidden) as caught:
            await world.api.create(PODS, world.namespace, pod(name), dry_run=dry_run)
        words = f'pods "{name}" is forbidden: exceeded quota: pods, requested: pods=1, used: pods=1, limited: pods=1'
        assert caught.value.message == words


# --- life of a pod ----------------------------------------------------------------------------------------------------


async def test_a_new_pod(world: World) -> None:
    created = await made(world, PODS, {**homeless_pod(), "status": {"phase": "Running"}})
    assert created["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert created["metadata"]["generation"] == 1
    spec = created["spec"]
    assert (spec["restartPolicy"], spec["terminationGracePeriodSeconds"]) == ("Always", 30)
    assert (spec["serviceAccountName"], spec["schedulerName"]) == ("default", "default-scheduler")
    assert [toleration["tolerationSeconds"] for toleration in spec["tolerations"]] == [300, 300]
    assert spec["containers"][0]["imagePullPolicy"] == "IfNotPresent"


async def test_a_pod_becomes_ready(world: World) -> None:
    found = await ready_pod(world)
    assert found["spec"]["nodeName"]
    if world.minor >= 35:
        assert found["metadata"]["labels"]["topology.kubernetes.io/zone"]  # copied from the node at binding
    assert found["metadata"]["generation"] == 1
    status = found["status"]
    assert status["phase"] == "Running"
    assert status["observedGeneration"] == 1
    for kind in ("Initialized", "ContainersReady", "Ready", "PodScheduled"):
        assert is_true(found, kind)
        assert len(condition(found, kind)["lastTransitionTime"]) == len("2026-01-01T00:00:00Z")  # type: ignore[index]
    container = status["containerStatuses"][0]
    assert (container["name"], container["ready"], container["started"]) == ("os", True, True)
    assert (container["restartCount"], container["lastState"]) == (0, {})
    assert container["image"] == "registry.test/os:1"
    assert container["imageID"].startswith("registry.test/os@sha256:")
    assert container["state"]["running"]["startedAt"].endswith("Z")


async def test_a_pod_that_fits_nowhere(world: World) -> None:
    await made(world, PODS, homeless_pod())
    found = await world.until(PODS, "web-0", lambda found: found and condition(found, "PodScheduled"))
    assert found is not None
    scheduled = condition(found, "PodScheduled")
    assert scheduled is not None
    assert (scheduled["status"], scheduled["reason"]) == ("False", "Unschedulable")
    assert "node(s) didn't match Pod's node affinity/selector" in scheduled["message"]
    assert found["status"]["phase"] == "Pending"


async def test_what_may_change_in_a_pod(world: World) -> None:
    await made(world, PODS, homeless_pod())
    labels = {"metadata": {"labels": {"a": "b"}}}
    labelled = await world.api.merge_patch(PODS, world.namespace, "web-0", labels)
    assert labelled["metadata"]["generation"] == 1
    with pytest.raises(errors.Invalid) as caught:
        await world.api.merge_patch(PODS, world.namespace, "web-0", {"spec": {"hostname": "x"}})
    assert "pod updates may not change fields other than" in caught.value.message
    containers = [{**container, "image": "registry.test/os:2"} for container in labelled["spec"]["containers"]]
    changed = await world.api.merge_patch(PODS, world.namespace, "web-0", {"spec": {"containers": containers}})
    assert changed["spec"]["containers"][0]["image"] == "registry.test/os:2"
    assert changed["metadata"]["generation"] == 2


async def test_an_image_changed_in_place(world: World) -> None:
    """The pod reports the old container, and ready, until the new one is there: it is told by its id and its image."""
    pod = await ready_pod(world)
    before = pod["status"]["containerStatuses"][0]
    body = {
        "metadata": {"resourceVersion": pod["metadata"]["resourceVersion"], "labels": {"version": "2"}},
        "spec": {"containers": [{"name": "os", "image": "registry.test/os:2"}]},
    }
    changed = await world.api.strategic_patch(PODS, world.namespace, "web-0", body)
    assert changed["metadata"]["generation"] == 2
    assert changed["metadata"]["labels"] == {**pod["metadata"]["labels"], "version": "2"}
    assert changed["spec"]["containers"] == [{**pod["spec"]["containers"][0], "image": "registry.test/os:2"}]
    assert is_true(changed, "Ready")
    assert changed["status"]["containerStatuses"][0]["containerID"] == before["containerID"]

    def swapped(found: JsonObject | None) -> bool:
        return found is not None and is_true(found, "Ready") and found["status"]["observedGeneration"] == 2

    found = await world.until(PODS, "web-0", swapped)
    assert found is not None
    after = found["status"]["containerStatuses"][0]
    assert found["metadata"]["uid"] == pod["metadata"]["uid"]
    assert (after["image"], after["restartCount"]) == ("registry.test/os:2", 1)
    assert after["containerID"] != before["containerID"]
    assert after["imageID"] != before["imageID"]


async def test_an_image_changed_by_somebody_who_is_late(world: World) -> None:
    pod = await ready_pod(world)
    await world.api.merge_patch(PODS, world.namespace, "web-0", {"metadata": {"labels": {"by": "somebody"}}})
    body = {
        "metadata": {"resourceVersion": pod["metadata"]["resourceVersion"]},
        "spec": {"containers": [{"name": "os", "image": "registry.test/os:2"}]},
    }
    with pytest.raises(errors.Conflict):
        await world.api.strategic_patch(PODS, world.namespace, "web-0", body)


async def test_a_pod_without_a_node_goes_at_once(world: World) -> None:
    await made(world, PODS, homeless_pod())
    assert await world.api.delete(PODS, world.namespace, "web-0") is None
    with pytest.raises(errors.NotFound):
        await world.api.get(PODS, world.namespace, "web-0")


async def test_a_pod_on_a_node_terminates_first(world: World) -> None:
    found = await ready_pod(world)
    going = await world.api.delete(PODS, world.namespace, "web-0", uid=found["metadata"]["uid"])
    assert going is not None
    assert going["metadata"]["deletionGracePeriodSeconds"] == 30
    assert going["metadata"]["deletionTimestamp"] > going["metadata"]["creationTimestamp"]
    assert going["metadata"]["generation"] == 2
    await world.until(PODS, "web-0", lambda found: found is None)
    again = await made(world, PODS, pod())
    assert again["metadata"]["uid"] != found["metadata"]["uid"]


async def test_a_finalizer_keeps_a_pod_that_has_ended(world: World) -> None:
    await ready_pod(world, finalizers=["rollkeeper.io/test"])
    await world.api.delete(PODS, world.namespace, "web-0")
    ended = await world.until(
        PODS, "web-0", lambda found: found and found["metadata"].get("deletionGracePeriodSeconds") == 0
    )
    assert ended is not None
    assert ended["metadata"]["finalizers"] == ["rollkeeper.io/test"]
    with pytest.raises(errors.AlreadyExists):
        await made(world, PODS, pod())
    await world.api.merge_patch(PODS, world.namespace, "web-0", {"metadata": {"finalizers": None}})
    await world.until(PODS, "web-0", lambda found: found is None)


# --- owners -----------------------------------------------------------------------------------------------------------


async def test_what_an_owner_leaves_behind_is_collected(world: World) -> None:
    parent = await made(world, SCALE_SETS, scale_set())
    await ready_pod(world, ownerReferences=[owner(parent)])
    await made(world, LEASES, lease(ownerReferences=[owner(parent)]))
    await made(world, LEASES, lease("unowned"))
    assert await world.api.delete(SCALE_SETS, world.namespace, "web") is None
    await world.until(LEASES, "leader", lambda found: found is None)
    await world.until(PODS, "web-0", lambda found: found is None)
    assert await world.api.get(LEASES, world.namespace, "unowned")


async def test_a_child_of_somebody_who_is_gone(world: World) -> None:
    """Who creates from a stale cache, for an owner that was deleted, sees the object vanish."""
    parent = await made(world, SCALE_SETS, scale_set())
    await world.api.delete(SCALE_SETS, world.namespace, "web")
    await made(world, LEASES, lease(ownerReferences=[owner(parent)]))
    await world.until(LEASES, "leader", lambda found: found is None)


async def test_a_namesake_is_no_owner(world: World) -> None:
    parent = await made(world, SCALE_SETS, scale_set())
    reference = {**owner(parent), "uid": NOBODY}
    await made(world, LEASES, lease(ownerReferences=[reference]))
    await world.until(LEASES, "leader", lambda found: found is None)


async def test_one_owner_of_two_goes(world: World) -> None:
    first, second = [await made(world, SCALE_SETS, scale_set(name)) for name in ("first", "second")]
    owners = [owner(first), owner(second, controller=False)]
    await made(world, LEASES, lease(ownerReferences=owners))
    await world.api.delete(SCALE_SETS, world.namespace, "first")

    def has_one(found: JsonObject | None) -> bool:
        return found is not None and len(found["metadata"]["ownerReferences"]) == 1

    found = await world.until(LEASES, "leader", has_one)
    assert found is not None
    assert found["metadata"]["ownerReferences"][0]["uid"] == second["metadata"]["uid"]


async def test_a_foreground_deletion(world: World) -> None:
    """The owner stays while what blocks it is there, and does not stop anybody from creating more of it."""
    parent = await made(world, SCALE_SETS, scale_set())
    mine = [{**owner(parent), "blockOwnerDeletion": True}]
    await made(world, LEASES, lease("kept", ownerReferences=mine, finalizers=["rollkeeper.io/test"]))
    await made(world, LEASES, lease("free", ownerReferences=mine))
    world.delete_in_foreground(SCALE_SETS, "web")
    going = await world.api.get(SCALE_SETS, world.namespace, "web")
    assert going["metadata"]["deletionTimestamp"]
    assert going["metadata"]["finalizers"] == ["foregroundDeletion"]
    await world.until(LEASES, "free", lambda found: found is None)
    await world.until(LEASES, "kept", lambda found: found and found["metadata"].get("deletionTimestamp"))
    late = await made(world, LEASES, lease("late", ownerReferences=mine))
    assert late["metadata"]["uid"]
    await world.api.merge_patch(LEASES, world.namespace, "kept", {"metadata": {"finalizers": None}})
    await world.until(SCALE_SETS, "web", lambda found: found is None)
    await world.until(LEASES, "late", lambda found: found is None)


async def test_two_controllers(world: World) -> None:
    parent = await made(world, SCALE_SETS, scale_set())
    two = [owner(parent), {**owner(parent), "uid": NOBODY}]
    with pytest.raises(errors.Invalid) as caught:
        await made(world, LEASES, lease(ownerReferences=two))
    assert "Only one reference can have Controller set to true" in caught.value.message
