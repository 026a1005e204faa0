"""What the controller takes for granted of strategic merge patches: on a pod's conditions, and only on that pod."""

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube import errors
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS
from tests.contract.bodies import made, ready_pod, scale_set
from tests.contract.worlds import World
from tests.simulation.objects import condition, is_true

NOBODY = "00000000-0000-4000-8000-ffffffffffff"
OURS = "rollkeeper.io/ApplicationHealthy"


async def written(world: World, status: str, **metadata: str) -> JsonObject:
    given = {"type": OURS, "status": status, "reason": "Because", "lastTransitionTime": "2026-01-01T00:00:00Z"}
    body = {"metadata": metadata, "status": {"conditions": [given]}}
    return await world.api.strategic_patch(PODS, world.namespace, "web-0", body, subresource="status")


async def test_a_condition_of_ours_stands_beside_the_kubelets(world: World) -> None:
    before = await ready_pod(world)
    after = await written(world, "True", uid=before["metadata"]["uid"])
    kinds = {given["type"] for given in before["status"]["conditions"]}
    assert {given["type"] for given in after["status"]["conditions"]} == kinds | {OURS}
    assert is_true(after, "Ready")
    again = await written(world, "False")
    assert [c["status"] for c in again["status"]["conditions"] if c["type"] == OURS] == ["False"]
    assert again["metadata"]["generation"] == before["metadata"]["generation"]
    assert after["status"]["podIP"] == before["status"]["podIP"]


async def test_a_patch_that_says_what_is_there_keeps_the_version(world: World) -> None:
    await ready_pod(world)
    first = await written(world, "True")
    assert (await written(world, "True"))["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_uid_guards_against_a_namesake(world: World) -> None:
    await ready_pod(world)
    with pytest.raises(errors.Invalid, match=r"metadata\.uid: Invalid value"):
        await written(world, "True", uid=NOBODY)
    assert condition(await world.api.get(PODS, world.namespace, "web-0"), OURS) is None


async def test_the_kubelet_leaves_it_alone(world: World) -> None:
    """It writes again when a pod that terminates stops."""
    await ready_pod(world, finalizers=["rollkeeper.io/test"])
    await written(world, "True")
    await world.api.delete(PODS, world.namespace, "web-0")
    ended = await world.until(
        PODS, "web-0", lambda found: found and found["metadata"].get("deletionGracePeriodSeconds") == 0
    )
    assert ended is not None
    assert is_true(ended, OURS)
    await world.api.merge_patch(PODS, world.namespace, "web-0", {"metadata": {"finalizers": None}})


async def test_our_own_kinds_refuse_it(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    with pytest.raises(errors.ApiError) as caught:
        await world.api.strategic_patch(SCALE_SETS, world.namespace, "web", {"spec": {"replicas": 2}})
    assert caught.value.code == 415
