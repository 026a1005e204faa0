"""E2, M1: what scripts refer to is read when it is new, and no more than that."""

import asyncio
from datetime import datetime, timedelta
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.contents import SECRETS_EVERY, ContentReader
from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.engine.provisioning import Content, Missing, Source
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import Forbidden
from rollkeeper.kube.resources import CONFIG_MAPS, SECRETS, Resource
from tests.simulation.cluster import Cluster
from tests.simulation.faults import FaultyApi, no_faults
from tests.simulation.feed import Feed
from tests.simulation.objects_of_ours import scale_set

JsonMap = dict[str, Any]
IN_CONFIG_MAP = {"configMapKeyRef": {"name": "boot", "key": "run"}}
IN_SECRET = {"secretKeyRef": {"name": "boot", "key": "run"}}


class World:
    """One set and a reader on a cluster in memory."""

    def __init__(self, custom_data: JsonMap) -> None:
        self.cluster, self.caches = Cluster(zones=("a",)), Caches()
        self.server = self.cluster.server
        self.api = FaultyApi(self.cluster.api, no_faults)
        self.feed = Feed(self.cluster.api, CONFIG_MAPS, self.caches.config_maps)
        self.reader = ContentReader(self.api, self.caches.config_maps)
        self.later = timedelta()
        self.set = self._set(custom_data)

    def _set(self, custom_data: JsonMap) -> ScaleSet:
        return ScaleSet.model_validate(
            self.server.create(SCALE_SETS, "default", scale_set(1, spec={"customData": custom_data}))
        )

    @property
    def now(self) -> datetime:
        return self.cluster.clock.now() + self.later

    def put(self, resource: Resource, **data: str) -> None:
        body = {"apiVersion": "v1", "kind": resource.kind, "metadata": {"name": "boot"}, "data": data}
        self.server.create(resource, "default", body)

    def read(self) -> tuple[Any, int]:
        """What is known, and how many calls that took."""
        self.feed.pump()
        before = len(self.api.log)
        asyncio.run(self.reader.refresh(self.set, self.now))
        found = self.reader.of(self.set)
        return (next(iter(found.values())) if found else None), len(self.api.log) - before


@pytest.fixture
def world() -> World:
    return World(IN_CONFIG_MAP)


def test_a_config_map_is_read_once(world: World) -> None:
    world.put(CONFIG_MAPS, run="echo")
    assert world.read() == (Content("echo"), 1)
    assert world.read() == (Content("echo"), 0)


def test_and_again_when_it_has_changed(world: World) -> None:
    world.put(CONFIG_MAPS, run="echo")
    world.read()
    world.server.merge_patch(CONFIG_MAPS, "default", "boot", {"data": {"run": "other"}})
    assert world.read() == (Content("other"), 1)
    world.server.delete(CONFIG_MAPS, "default", "boot")
    gone, calls = world.read()
    assert (type(gone), calls) == (Missing, 1)


def test_what_is_missing_is_named_and_not_asked_for_again(world: World) -> None:
    missing, calls = world.read()
    assert missing.message.startswith("there is no ConfigMap boot in namespace default")
    assert calls == 1
    assert world.read() == (missing, 0)
    world.put(CONFIG_MAPS, other="echo")
    assert world.read() == (Missing("ConfigMap boot has no key run, which a script is to come from: add it"), 1)


def test_a_change_wakes_the_sets_that_use_it_and_no_other(world: World) -> None:
    assert world.reader.users(("default", "boot")) == ()
    world.read()
    assert world.reader.users(("default", "boot")) == (("default", "web"),)
    assert world.reader.users(("other", "boot")) == ()
    world.reader.forget(world.set)
    assert world.reader.users(("default", "boot")) == ()
    assert world.reader.of(world.set) == {}


def test_a_secret_is_read_once_a_minute_and_only_its_hash_is_kept() -> None:
    world = World(IN_SECRET)
    world.put(SECRETS, run="ZWNobw==")
    found, calls = world.read()
    assert (found.text, len(found.sha256), calls) == ("", 64, 1)
    world.server.merge_patch(SECRETS, "default", "boot", {"data": {"run": "b3RoZXI="}})
    assert world.read() == (found, 0)
    world.later = SECRETS_EVERY
    other, calls = world.read()
    assert (other != found, calls) == (True, 1)
    assert asyncio.run(world.reader.refresh(world.set, world.now)) == world.now + SECRETS_EVERY


def test_a_secret_that_may_not_be_read() -> None:
    class Refusing:
        async def get(self, *_: object) -> JsonMap:
            raise Forbidden(403, "Forbidden", "no")

    api: KubeApi = Refusing()  # type: ignore[assignment]
    reader, of = ContentReader(api, Caches().config_maps), World(IN_SECRET)
    asyncio.run(reader.refresh(of.set, of.now))
    (missing,) = reader.of(of.set).values()
    assert isinstance(missing, Missing)
    assert "allow the controller's role to get secrets in default" in missing.message


def test_keys_that_are_no_longer_named_are_forgotten(world: World) -> None:
    world.put(CONFIG_MAPS, run="echo", other="else")
    world.read()
    key_ref = {"configMapKeyRef": {"name": "boot", "key": "other"}}
    spec = world.set.spec.model_copy(update={"custom_data": type(world.set.spec.custom_data).model_validate(key_ref)})  # type: ignore[union-attr]
    world.set = world.set.model_copy(update={"spec": spec})
    assert world.read() == (Content("else"), 1)
    assert list(world.reader.of(world.set)) == [Source("ConfigMap", "boot", "other")]
