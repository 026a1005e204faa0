"""When a source is scanned, and what a scan does, on a cluster in memory (V7). Real registries: tests/cluster."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.image_sources import ImageSourceController
from rollkeeper.controllers.pull_secrets import PullSecrets
from rollkeeper.controllers.resources import IMAGE_SOURCES, IMAGE_VERSIONS
from rollkeeper.controllers.usage import Users
from rollkeeper.kube.events import EventRecorder
from rollkeeper.registry.credentials import Keychain
from rollkeeper.registry.errors import Ailing, Malformed, NotThere, RegistryError, Unreachable
from rollkeeper.registry.reference import Reference, Repository
from tests.simulation.cluster import Cluster

KEY = ("default", "os")
SPEC = {"gallery": "g", "definition": "d", "repository": "r.example/os", "intervalSeconds": 300}


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


class Played:
    """A registry: digests, or errors, by tag."""

    def __init__(self) -> None:
        self.images: dict[str, str | RegistryError] = {}
        self.trouble: RegistryError | None = None
        self.lists = 0

    async def digest(self, reference: Reference, _keychain: Keychain, *, insecure: bool = False) -> str:
        assert not insecure
        found = self.images[reference.target]
        if isinstance(found, RegistryError):
            raise found
        return found

    async def tags(self, _repository: Repository, _keychain: Keychain, *, insecure: bool = False) -> tuple[str, ...]:
        assert not insecure
        self.lists += 1
        if self.trouble is not None:
            raise self.trouble
        return tuple(self.images)

    def wake(self, _repository: Repository) -> None:
        self.trouble = None


class World:
    def __init__(self, **spec: object) -> None:
        self.cluster = Cluster()
        self.registry = Played()
        body = {"metadata": {"name": "os", "namespace": "default"}, "spec": {**SPEC, **spec}}
        self.cluster.server.create(
            IMAGE_SOURCES, "default", {"apiVersion": "rollkeeper.io/v1alpha1", "kind": "ImageSource", **body}
        )
        self.restart()

    def restart(self) -> None:
        """Another process: what was remembered is gone."""
        self.caches = Caches()
        api, now = self.cluster.api, self.cluster.clock.now
        users = Users(self.caches, "images", lambda _key: None)
        users.subscribe()
        recorder = EventRecorder(api, "test", now=now)
        self.controller = ImageSourceController(api, self.caches, users, recorder, self.registry, PullSecrets(api), now)

    def reconcile(self) -> float | None:
        self.load()
        return self.work()

    def load(self) -> None:
        """What watches do."""
        for resource, store in (
            (IMAGE_SOURCES, self.caches.image_sources),
            (IMAGE_VERSIONS, self.caches.image_versions),
        ):
            store.replace(self.cluster.server.list(resource, None))

    def work(self) -> float | None:
        return asyncio.run(self.controller.reconcile(KEY))

    def patch(self, body: dict[str, Any]) -> None:
        self.cluster.server.merge_patch(IMAGE_SOURCES, *KEY, body)

    def ready(self) -> tuple[str, str]:
        status = self.cluster.server.get(IMAGE_SOURCES, *KEY)["status"]
        found = next(c for c in status["conditions"] if c["type"] == "Ready")
        return found["status"], found["reason"]

    def versions(self) -> list[str]:
        return sorted(v["spec"]["version"] for v in self.cluster.server.list(IMAGE_VERSIONS, "default").items)


@pytest.fixture
def world() -> World:
    return World()


def test_a_scan_is_made_once_an_interval(world: World) -> None:
    world.registry.images["1.0.0"] = digest("a")
    assert world.reconcile() == 300
    assert world.versions() == ["1.0.0"]
    world.cluster.advance(100)
    assert world.reconcile() == 200
    world.restart()
    assert world.reconcile() == 200, "another process goes on"
    assert world.registry.lists == 1
    world.cluster.advance(200)
    assert world.reconcile() == 300
    assert world.registry.lists == 2


ASKS: dict[str, Callable[[World], None]] = {
    "the annotation": lambda world: world.patch({"metadata": {"annotations": {"rollkeeper.io/reconcile-at": "now"}}}),
    "the spec": lambda world: world.patch({"spec": {"keep": 3}}),
}


@pytest.mark.parametrize("ask", ASKS.values(), ids=ASKS)
def test_what_a_person_asks_is_done_at_once(world: World, ask: Callable[[World], None]) -> None:
    world.reconcile()
    ask(world)
    assert world.reconcile() == 300
    assert world.registry.lists == 2
    world.reconcile()
    assert world.registry.lists == 2, "and once"


def test_a_failed_scan_is_tried_again_sooner_and_sooner_still_when_a_person_asks(world: World) -> None:
    world.registry.images["1.0.0"] = digest("a")
    world.registry.trouble = Unreachable("gone")
    first = world.reconcile()
    assert first is not None
    assert 5 < first < 15
    assert world.ready() == ("False", "RegistryUnreachable")
    assert world.registry.lists == 1
    world.reconcile()
    assert world.registry.lists == 1, "not before its time"
    ASKS["the annotation"](world)
    assert world.reconcile() == 300
    assert world.ready() == ("True", "Scanned")


def test_after_a_restart_what_failed_is_tried_again_at_once(world: World) -> None:
    world.registry.images["1.0.0"] = digest("a")
    world.reconcile()
    world.registry.trouble = Unreachable("gone")
    world.cluster.advance(300)
    world.reconcile()
    world.registry.trouble = None
    world.restart()
    assert world.reconcile() == 300
    assert world.ready() == ("True", "Scanned")


@pytest.mark.parametrize("error", [Malformed("no image"), Ailing("answers HTTP 500"), NotThere("gone")])
def test_one_bad_tag_keeps_no_other_back(world: World, error: RegistryError) -> None:
    world.registry.images |= {"1.0.0": digest("a"), "1.1.0": error}
    world.reconcile()
    assert world.versions() == ["1.0.0"]
    assert world.ready() == ("True", "Scanned")


def test_when_no_digest_can_be_had_the_registry_is_in_trouble(world: World) -> None:
    world.registry.images |= {"1.0.0": Ailing("answers HTTP 500"), "1.1.0": Ailing("answers HTTP 500")}
    world.reconcile()
    assert world.ready() == ("False", "RegistryUnreachable")


def test_v7_what_controllers_of_other_namespaces_used_stays() -> None:
    world = World(keep=0)
    world.registry.images["1.0.0"] = digest("a")
    world.reconcile()
    guard = {"metadata": {"finalizers": ["in-use.rollkeeper.io/elsewhere"]}}
    world.cluster.server.merge_patch(IMAGE_VERSIONS, "default", "os-1.0.0", guard)
    for number, letter in (("1.1.0", "b"), ("1.2.0", "c")):
        world.registry.images[number] = digest(letter)
        world.cluster.advance(300)
        world.reconcile()
    assert world.versions() == ["1.0.0", "1.2.0"]


def test_nothing_is_scanned_while_it_is_suspended(world: World) -> None:
    world.patch({"spec": {"suspend": True}})
    assert world.reconcile() is None
    assert (world.registry.lists, world.ready()) == (0, ("True", "Suspended"))


def test_v7_a_version_whose_status_is_written_meanwhile_goes_all_the_same(world: World) -> None:
    world.patch({"spec": {"keep": 0}})
    world.registry.images["1.0.0"] = digest("a")
    world.reconcile()
    world.registry.images["1.1.0"] = digest("b")
    world.cluster.advance(300)
    world.load()
    status = {"status": {"imageName": "g/d"}}
    world.cluster.server.merge_patch(IMAGE_VERSIONS, "default", "os-1.0.0", status, subresource="status")
    world.work()
    assert world.versions() == ["1.1.0"]
