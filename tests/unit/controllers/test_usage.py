"""The index of who uses which version, and the finalizer that protects it (V7)."""

import asyncio
from typing import Any

import pytest

from rollkeeper.api.v1alpha1.names import FINALIZER_VERSION
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.image_versions import ImageVersionController
from rollkeeper.controllers.protection import Protection
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.controllers.usage import Users
from rollkeeper.kube.errors import Conflict
from rollkeeper.kube.events import EventRecorder
from rollkeeper.kube.store import Key
from tests.simulation.clock import VirtualClock
from tests.simulation.memory_api import MemoryApi
from tests.simulation.objects_of_ours import image_version, scale_set, upgrade_run

JsonMap = dict[str, Any]


def stored(body: JsonMap, namespace: str, uid: str, version: int = 1, **status: Any) -> JsonMap:
    meta = {**body["metadata"], "namespace": namespace, "uid": uid, "resourceVersion": str(version), "generation": 1}
    return {**body, "metadata": meta, "status": {"observedGeneration": 1, **status}}


def uses(number: str, replicas: int) -> JsonMap:
    entry = {"version": number, "image": "i", "modelRevision": "web-rev1", "replicas": replicas, "instances": "0"}
    return {"versions": [entry]}


PUTS_BACK = {
    "runningStatus": {"code": "RollingForward"},
    "origins": [{"instances": "0", "imageVersion": "1.0.0", "image": "i", "modelRevision": "web-rev1"}],
}


class Index:
    """A `Users` with the caches that it follows, and who was woken."""

    def __init__(self) -> None:
        self.caches = Caches()
        self.woken: list[Key] = []
        self.users = Users(self.caches, "images", self.woken.append)
        self.users.subscribe()

    def publish(self, namespace: str, number: str) -> None:
        self.caches.image_versions.apply(stored(image_version(number), namespace, f"{namespace}-{number}"))

    def of(self, namespace: str, number: str) -> dict[Key, int]:
        found = self.caches.image_versions.get((namespace, f"webserver-{number}"))
        assert found is not None
        return {key: use.instances for key, use in self.users.of(found).items()}


def test_v7_a_version_in_the_shared_namespace_is_used_by_sets_of_others() -> None:
    index = Index()
    index.publish("images", "1.0.0")
    index.publish("b", "1.0.0")
    for namespace in ("a", "b"):
        index.caches.scale_sets.apply(stored(scale_set(2), namespace, f"set-{namespace}", **uses("1.0.0", 2)))
    assert index.of("images", "1.0.0") == {("a", "web"): 2}
    assert index.of("b", "1.0.0") == {("b", "web"): 2}


def test_v7_only_versions_whose_use_has_changed_are_woken() -> None:
    index = Index()
    for number in ("1.0.0", "1.1.0", "1.2.0"):
        index.publish("images", number)
    index.caches.scale_sets.apply(stored(scale_set(2), "a", "set", 1, **uses("1.0.0", 2)))
    index.caches.scale_sets.apply(stored(scale_set(2), "a", "set", 2, **uses("1.0.0", 2), readyReplicas=2))
    assert index.woken == [("images", "webserver-1.0.0")]
    index.woken.clear()
    index.caches.scale_sets.apply(stored(scale_set(2), "a", "set", 3, **uses("1.1.0", 2)))
    assert sorted(index.woken) == [("images", "webserver-1.0.0"), ("images", "webserver-1.1.0")]
    index.caches.scale_sets.remove_key(("a", "web"), "set")
    assert index.of("images", "1.1.0") == {}


def test_v7_f4_nobody_knows_while_a_set_has_no_status() -> None:
    index = Index()
    index.publish("images", "1.0.0")
    (version,) = index.caches.image_versions.values()
    assert not index.users.may_use(version)
    raw = stored(scale_set(2), "a", "set")
    index.caches.scale_sets.apply({**raw, "status": {"observedGeneration": -1}})
    assert index.users.may_use(version)


@pytest.fixture
def memory() -> MemoryApi:
    return MemoryApi(VirtualClock())


def guarded(memory: MemoryApi, *namespaces: str) -> tuple[Protection, Caches]:
    caches = Caches()
    return Protection(memory, caches.image_versions, "default", namespaces), caches


def finalizers(memory: MemoryApi) -> list[str]:
    found: list[str] = memory.server.get(IMAGE_VERSIONS, "default", "webserver-1.0.0")["metadata"].get("finalizers", [])
    return found


def test_v7_each_controller_of_some_namespaces_has_a_finalizer_of_its_own(memory: MemoryApi) -> None:
    memory.server.create(IMAGE_VERSIONS, "default", image_version("1.0.0"))
    for namespaces in ((), ("a",), ("b", "c"), ("default", "d")):
        protection, caches = guarded(memory, *namespaces)
        caches.image_versions.apply(memory.server.get(IMAGE_VERSIONS, "default", "webserver-1.0.0"))
        asyncio.run(protection.guard(caches.image_versions.values()))
    assert finalizers(memory) == [FINALIZER_VERSION, "in-use.rollkeeper.io/a", "in-use.rollkeeper.io/b"]


@pytest.mark.parametrize("used", [True, False])
def test_v7_i8_what_is_let_go_of_is_asked_for_first(memory: MemoryApi, used: bool) -> None:
    """Another controller has just begun a run that may put the version back: only the cache of sets knows."""
    body = image_version("1.0.0")
    kept = {**body, "metadata": {**body["metadata"], "finalizers": [FINALIZER_VERSION]}}
    memory.server.create(IMAGE_VERSIONS, "default", kept)
    memory.server.delete(IMAGE_VERSIONS, "default", "webserver-1.0.0")
    protection, caches = guarded(memory)
    users = Users(caches, "default", lambda _key: None)
    users.subscribe()
    caches.image_versions.apply(memory.server.get(IMAGE_VERSIONS, "default", "webserver-1.0.0"))
    memory.server.create(SCALE_SETS, "default", scale_set(1))
    memory.server.merge_patch(SCALE_SETS, "default", "web", {"status": {"observedGeneration": 1}}, subresource="status")
    caches.scale_sets.apply(memory.server.get(SCALE_SETS, "default", "web"))
    if used:
        memory.server.create(UPGRADE_RUNS, "default", upgrade_run("up", "1.1.0"))
        memory.server.merge_patch(UPGRADE_RUNS, "default", "up", {"status": PUTS_BACK}, subresource="status")
    recorder, now = EventRecorder(memory, "test"), memory.server.clock.now
    controller = ImageVersionController(memory, caches, users, protection, recorder, now)
    asyncio.run(controller.reconcile(("default", "webserver-1.0.0")))
    assert bool(memory.server.store.items(IMAGE_VERSIONS, "default")) == used


def test_v7_what_was_deleted_meanwhile_is_decided_anew(memory: MemoryApi) -> None:
    """The cache is late: the version is going, or gone."""
    for keep in (["example.com/keep"], []):
        body = image_version("1.0.0")
        seen = memory.server.create(
            IMAGE_VERSIONS, "default", {**body, "metadata": {**body["metadata"], "finalizers": keep}}
        )
        protection, caches = guarded(memory)
        caches.image_versions.apply(seen)
        memory.server.delete(IMAGE_VERSIONS, "default", "webserver-1.0.0")
        with pytest.raises(Conflict):
            asyncio.run(protection.guard(caches.image_versions.values()))
        left = caches.image_versions.get(("default", "webserver-1.0.0"))
        assert (left is not None and left.metadata.deletion_timestamp is not None) == bool(keep)
        if keep:
            memory.server.merge_patch(IMAGE_VERSIONS, "default", "webserver-1.0.0", {"metadata": {"finalizers": None}})
