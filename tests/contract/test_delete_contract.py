"""What the controller takes for granted of deletions: preconditions, finalizers, claims in use."""

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube import errors
from rollkeeper.kube.resources import CLAIMS, PODS
from tests.contract.bodies import made, named, patched, pod, scale_set, status_patched, version_of
from tests.contract.worlds import World

FINALIZER = "rollkeeper.io/test"


async def test_delete_at_once(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    assert await world.api.delete(SCALE_SETS, world.namespace, "web") is None
    with pytest.raises(errors.NotFound):
        await world.api.get(SCALE_SETS, world.namespace, "web")


async def test_preconditions_of_a_delete(world: World) -> None:
    first = await made(world, SCALE_SETS, scale_set())
    await world.api.delete(SCALE_SETS, world.namespace, "web", uid=first["metadata"]["uid"])
    second = await made(world, SCALE_SETS, scale_set())
    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    current = await patched(world, {"spec": {"replicas": 2}})
    with pytest.raises(errors.Conflict) as caught:
        await world.api.delete(SCALE_SETS, world.namespace, "web", uid=first["metadata"]["uid"])
    assert (caught.value.code, caught.value.reason) == (409, "Conflict")
    assert 'Operation cannot be fulfilled on ScaleSet.rollkeeper.io "web": the UID in' in caught.value.message
    with pytest.raises(errors.Conflict):
        await world.api.delete(SCALE_SETS, world.namespace, "web", resource_version=version_of(second))
    assert await world.api.get(SCALE_SETS, world.namespace, "web") == current
    await world.api.delete(
        SCALE_SETS, world.namespace, "web", uid=second["metadata"]["uid"], resource_version=version_of(current)
    )


async def test_finalizers_keep_and_release(world: World) -> None:
    await made(world, SCALE_SETS, scale_set(finalizers=[FINALIZER]))
    going = await world.api.delete(SCALE_SETS, world.namespace, "web")
    assert going is not None
    assert going["metadata"]["deletionTimestamp"]
    assert going["metadata"]["deletionGracePeriodSeconds"] == 0
    assert going["metadata"]["generation"] == 2
    assert await world.api.delete(SCALE_SETS, world.namespace, "web") == going
    with pytest.raises(errors.AlreadyExists):
        await made(world, SCALE_SETS, scale_set())
    last = await patched(world, {"metadata": {"finalizers": None}})
    assert last["metadata"]["uid"] == going["metadata"]["uid"]
    with pytest.raises(errors.NotFound):
        await world.api.get(SCALE_SETS, world.namespace, "web")


async def test_writes_to_what_is_being_deleted(world: World) -> None:
    await made(world, SCALE_SETS, scale_set(finalizers=[FINALIZER]))
    await world.api.delete(SCALE_SETS, world.namespace, "web")
    after = await patched(world, {"spec": {"replicas": 2}})
    assert (after["spec"]["replicas"], after["metadata"]["generation"]) == (2, 3)
    after = await status_patched(world, {"status": {"replicas": 2}})
    assert after["status"]["replicas"] == 2
    with pytest.raises(errors.Invalid) as caught:
        await patched(world, {"metadata": {"finalizers": [FINALIZER, "rollkeeper.io/late"]}})
    assert "no new finalizers can be added if the object is being deleted" in caught.value.message
    await patched(world, {"metadata": {"deletionTimestamp": None, "labels": {"a": "b"}}})
    still = await world.api.get(SCALE_SETS, world.namespace, "web")
    assert still["metadata"]["deletionTimestamp"]
    await patched(world, {"metadata": {"finalizers": None}})


async def test_a_claim_is_protected_until_nobody_uses_it(world: World) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Mi"}}}
    await made(world, CLAIMS, named("data-web-0", spec))
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}
    body = pod()
    await made(world, PODS, {**body, "spec": {**body["spec"], "volumes": [volume]}})
    await world.until(PODS, "web-0", lambda found: found and found["status"]["phase"] == "Running")
    going = await world.api.delete(CLAIMS, world.namespace, "data-web-0")
    assert going is not None
    assert going["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
    await world.api.delete(PODS, world.namespace, "web-0")
    await world.until(CLAIMS, "data-web-0", lambda found: found is None)
