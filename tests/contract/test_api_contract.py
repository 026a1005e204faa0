"""What the controller takes for granted of objects: create, get, patch, status, generation."""

import pytest

from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.kube import errors
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import CONTROLLER_REVISIONS, LEASES, PODS, Resource
from tests.contract.bodies import SPEC, lease, made, named, patched, pod, scale_set, status_patched, version_of
from tests.contract.worlds import World
from tests.simulation.memory_api import MemoryApi


async def asked(world: World, verb: str, resource: Resource) -> None:
    if verb == "get":
        await world.api.get(resource, world.namespace, "web")
    elif verb == "patch":
        await patched(world, {"metadata": {"labels": {"a": "b"}}}, resource)
    else:
        await world.api.delete(resource, world.namespace, "web")


def lasting(obj: JsonObject) -> JsonObject:
    """Metadata without what every write changes."""
    return {key: obj["metadata"][key] for key in obj["metadata"] if key not in {"resourceVersion", "managedFields"}}


# --- create and get ---------------------------------------------------------------------------------------------------


async def test_create_answers_with_the_stored_object(world: World) -> None:
    created = await made(world, SCALE_SETS, scale_set())
    assert created == await world.api.get(SCALE_SETS, world.namespace, "web")
    meta = created["metadata"]
    assert (meta["name"], meta["namespace"], meta["generation"]) == ("web", world.namespace, 1)
    assert meta["uid"]
    assert int(meta["resourceVersion"]) > 0
    assert len(meta["creationTimestamp"]) == len("2026-01-01T00:00:00Z")
    assert (created["apiVersion"], created["kind"]) == (SCALE_SETS.api_version, SCALE_SETS.kind)


async def test_create_of_a_taken_name(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    with pytest.raises(errors.AlreadyExists) as caught:
        await made(world, SCALE_SETS, scale_set())
    assert (caught.value.code, caught.value.reason) == (409, "AlreadyExists")
    assert caught.value.message == 'scalesets.rollkeeper.io "web" already exists'


async def test_a_name_made_by_the_server(world: World) -> None:
    body = {**scale_set(), "metadata": {"generateName": "web-"}}
    names = {(await made(world, SCALE_SETS, body))["metadata"]["name"] for _ in range(2)}
    assert len(names) == 2
    assert all(name.startswith("web-") and len(name) == len("web-") + 5 for name in names)


async def test_create_with_a_resource_version(world: World) -> None:
    """The server takes it for its own fault: a client that retries those would not get far."""
    with pytest.raises(errors.Unavailable) as caught:
        await made(world, SCALE_SETS, scale_set(resourceVersion="1"))
    assert caught.value.code == 500
    assert "resourceVersion should not be set on objects to be created" in caught.value.message


async def test_create_without_a_name(world: World) -> None:
    with pytest.raises(errors.Invalid):
        await made(world, SCALE_SETS, {**scale_set(), "metadata": {}})


@pytest.mark.parametrize("verb", ["get", "patch", "delete"])
@pytest.mark.parametrize(("resource", "words"), [(SCALE_SETS, "scalesets.rollkeeper.io"), (PODS, "pods")])
async def test_what_is_not_there(world: World, verb: str, resource: Resource, words: str) -> None:
    with pytest.raises(errors.NotFound) as caught:
        await asked(world, verb, resource)
    assert (caught.value.code, caught.value.reason) == (404, "NotFound")
    assert caught.value.message == f'{words} "web" not found'


async def test_a_custom_resource_says_its_kind(world: World) -> None:
    with pytest.raises(errors.Invalid) as caught:
        await made(world, SCALE_SETS, named("web", SPEC))
    assert caught.value.code == 400
    with pytest.raises(errors.Invalid):
        await made(world, LEASES, pod())
    assert (await made(world, LEASES, lease()))["kind"] == "Lease"


async def test_a_status_that_the_kind_does_not_have(world: World) -> None:
    await made(world, LEASES, lease())
    with pytest.raises(errors.NotFound):
        await world.api.merge_patch(LEASES, world.namespace, "leader", {"status": {}}, subresource="status")


async def test_defaults_and_unknown_fields(world: World) -> None:
    """The same manifest is stored the same way: whatever the CRD says."""
    rich = {**SPEC, "upgradePolicy": {"rollingUpgradePolicy": {"healthTimeoutSeconds": 7}}, "noSuchField": 1}
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {**SPEC["template"]["spec"], "future": {"a": [1, None]}}}
    for name, spec in (("web", SPEC), ("rich", {**rich, "template": template, "osType": None})):
        body = {**scale_set(name), "spec": spec}
        created = await made(world, SCALE_SETS, body)
        in_memory = MemoryApi().server.create(SCALE_SETS, "default", body)
        assert created["spec"] == in_memory["spec"]
        assert created["spec"]["upgradePolicy"]["rollingUpgradePolicy"]["maxBatchInstancePercent"] == 20


@pytest.mark.parametrize(
    "change",
    [
        {"replicas": 10_001},
        {"replicas": "3"},
        {"replicas": 1.5},
        {"osType": "Plan9"},
        {"imageReference": None},
        {"template": {"spec": {"containers": []}}},
        {"upgradePolicy": {"rollingUpgradePolicy": {"maxBatchInstancePercent": 0}}},
    ],
)
async def test_a_spec_against_the_schema(world: World, change: JsonObject) -> None:
    spec = {key: value for key, value in {**SPEC, **change}.items() if value is not None}
    with pytest.raises(errors.Invalid) as caught:
        await made(world, SCALE_SETS, {**scale_set(), "spec": spec})
    assert (caught.value.code, caught.value.reason) == (422, "Invalid")
    assert 'ScaleSet.rollkeeper.io "web" is invalid' in caught.value.message


async def test_an_answer_is_the_callers_own(world: World) -> None:
    created = await made(world, LEASES, lease())
    created["spec"]["holderIdentity"] = "changed here only"
    assert (await world.api.get(LEASES, world.namespace, "leader"))["spec"]["holderIdentity"] == "a"


# --- merge patch ------------------------------------------------------------------------------------------------------


async def test_patches_merge_and_null_removes(world: World) -> None:
    await made(world, SCALE_SETS, scale_set(labels={"keep": "1", "drop": "1"}, annotations={"only": "1"}))
    body = {"metadata": {"labels": {"drop": None, "new": "1"}, "annotations": {"only": None}}, "spec": {"replicas": 3}}
    after = await patched(world, body)
    assert after["metadata"]["labels"] == {"keep": "1", "new": "1"}
    assert "annotations" not in after["metadata"]
    assert after["spec"]["replicas"] == 3
    assert after["spec"]["imageReference"] == {**SPEC["imageReference"], "version": "latest"}
    assert after == await world.api.get(SCALE_SETS, world.namespace, "web")


async def test_null_brings_a_default_back(world: World) -> None:
    await made(world, SCALE_SETS, {**scale_set(), "spec": {**SPEC, "replicas": 5}})
    assert (await patched(world, {"spec": {"replicas": None}}))["spec"]["replicas"] == 1


async def test_lists_are_replaced(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    containers = [{"name": "os", "image": "b"}, {"name": "other"}]
    after = await patched(world, {"spec": {"template": {"spec": {"containers": containers}}}})
    assert after["spec"]["template"]["spec"]["containers"] == containers


async def test_a_stale_version_is_a_conflict(world: World) -> None:
    stale = version_of(await made(world, SCALE_SETS, scale_set()))
    current = version_of(await patched(world, {"spec": {"replicas": 2}}))
    body = {"metadata": {"resourceVersion": stale}, "spec": {"replicas": 3}}
    for write in (patched, status_patched):
        with pytest.raises(errors.Conflict) as caught:
            await write(world, body)
        assert (caught.value.code, caught.value.reason) == (409, "Conflict")
        start = 'Operation cannot be fulfilled on scalesets.rollkeeper.io "web": the object has been modified'
        assert caught.value.message.startswith(start)
    after = await patched(world, {**body, "metadata": {"resourceVersion": current}})
    assert after["spec"]["replicas"] == 3
    assert int(version_of(after)) > int(current) > int(stale)


async def test_a_stale_version_is_a_conflict_even_if_nothing_changes(world: World) -> None:
    stale = version_of(await made(world, SCALE_SETS, scale_set()))
    await patched(world, {"spec": {"replicas": 2}})
    with pytest.raises(errors.Conflict):
        await patched(world, {"metadata": {"resourceVersion": stale}, "spec": {"replicas": 2}})


async def test_a_patch_that_changes_nothing_keeps_the_version(world: World) -> None:
    await made(world, SCALE_SETS, scale_set(labels={"a": "b"}))
    before = await status_patched(world, {"status": {"observedGeneration": 1, "replicas": 1}})
    same = {"metadata": {"labels": {"a": "b", "c": None}, "finalizers": []}, "spec": {"replicas": 1}}
    assert await patched(world, same) == before
    assert await status_patched(world, {"status": {"replicas": 1}}) == before


async def test_a_uid_in_a_patch_guards_the_main_endpoint_only(world: World) -> None:
    """Of a status write the server looks at nothing in metadata but the resourceVersion."""
    await made(world, SCALE_SETS, scale_set())
    other = "00000000-0000-4000-8000-ffffffffffff"
    with pytest.raises(errors.Invalid) as caught:
        await patched(world, {"metadata": {"uid": other}, "spec": {"replicas": 2}})
    assert "metadata.uid: Invalid value" in caught.value.message
    after = await status_patched(world, {"metadata": {"uid": other}, "status": {"replicas": 2}})
    assert after["status"]["replicas"] == 2


async def test_a_revision_takes_no_patch(world: World) -> None:
    """Its data is compared byte by byte, and the server's encoding of it is not ours."""
    await made(world, CONTROLLER_REVISIONS, {"metadata": {"name": "web-1"}, "revision": 1, "data": {"a": 1}})
    for body in ({"data": {"a": 2}}, {"revision": 2}, {"metadata": {"labels": {"a": "b"}}}):
        with pytest.raises(errors.Invalid) as caught:
            await patched(world, body, CONTROLLER_REVISIONS, "web-1")
        assert "field is immutable" in caught.value.message


# --- status and generation --------------------------------------------------------------------------------------------


async def test_status_in_a_create_is_thrown_away(world: World) -> None:
    created = await made(world, SCALE_SETS, {**scale_set(), "status": {"replicas": 77}})
    assert created["status"] == {"observedGeneration": -1}


async def test_the_status_endpoint_writes_status_only(world: World) -> None:
    before = await made(world, SCALE_SETS, scale_set())
    body = {"metadata": {"labels": {"a": "b"}, "finalizers": ["x.io/y"]}, "spec": {"replicas": 9}}
    after = await status_patched(world, {**body, "status": {"replicas": 4}})
    assert after["status"] == {"observedGeneration": -1, "replicas": 4}
    assert after["spec"] == before["spec"]
    assert lasting(after) == lasting(before)


async def test_the_main_endpoint_does_not_write_status(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    after = await patched(world, {"status": {"replicas": 4}, "spec": {"replicas": 2}})
    assert (after["status"], after["spec"]["replicas"]) == ({"observedGeneration": -1}, 2)


async def test_status_that_is_removed_comes_back_as_unseen(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    await status_patched(world, {"status": {"observedGeneration": 1, "replicas": 4}})
    assert (await status_patched(world, {"status": None}))["status"] == {"observedGeneration": -1}


async def test_status_against_the_schema(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    after = await status_patched(world, {"status": {"noSuchField": 1, "replicas": 2}})
    assert after["status"] == {"observedGeneration": -1, "replicas": 2}
    with pytest.raises(errors.Invalid):
        await status_patched(world, {"status": {"conditions": [{"type": "Ready"}]}})
    with pytest.raises(errors.Invalid):
        await status_patched(world, {"status": {"replicas": "many"}})


async def test_what_raises_the_generation(world: World) -> None:
    await made(world, SCALE_SETS, scale_set())
    labelled = await patched(world, {"metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}}})
    assert labelled["metadata"]["generation"] == 1
    seen = await status_patched(world, {"status": {"observedGeneration": 1}})
    assert seen["metadata"]["generation"] == 1
    changed = await patched(world, {"metadata": {"generation": 77}, "spec": {"replicas": 2}})
    assert changed["metadata"]["generation"] == 2


async def test_kinds_without_generation_and_status(world: World) -> None:
    created = await made(world, LEASES, lease())
    after = await patched(world, {"spec": {"holderIdentity": "b"}}, LEASES, "leader")
    assert "generation" not in created["metadata"]
    assert "generation" not in after["metadata"]
    assert "status" not in after
    assert after["spec"] == {"holderIdentity": "b", "leaseDurationSeconds": 15}
