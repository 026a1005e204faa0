"""H4: whose applications are asked, and where what they say is written."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.controllers.applications import Applications
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.resources import SCALE_SETS
from rollkeeper.engine.application import Answer
from rollkeeper.instances.application_condition import TYPE
from rollkeeper.instances.claims import Claims
from rollkeeper.instances.pods import Pods
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS, Resource
from tests.simulation.clock import VirtualClock
from tests.simulation.cluster import Cluster
from tests.simulation.images import Images, healthy
from tests.simulation.memory_api import MemoryApi
from tests.simulation.objects import condition
from tests.simulation.objects_of_ours import scale_set

MACHINE: JsonObject = {"spec": {"volumes": [{"name": "os", "containerDisk": {}}]}}
ASKED = {"source": "ApplicationHealth", "applicationHealth": {"protocol": "TCP", "port": 22}}


class World:
    """A set with two pods that run, in caches; everybody is asked at once."""

    def __init__(self, health: Any = ASKED) -> None:
        self.cluster = Cluster(zones=("a",), images=Images(healthy(1, 1)))
        self.server = self.cluster.server
        self.caches = Caches()
        self.set = self.server.create(SCALE_SETS, "default", scale_set(2, spec={"health": health}))
        self.caches.scale_sets.apply(self.set)
        for name in ("web-0", "web-1"):
            self.server.create(PODS, "default", self.pod(name))
        self.cluster.advance(5)
        pods = Pods(self.cluster.api, self.caches.pods, Claims(self.cluster.api, self.caches.claims))
        self.applications = Applications(self.caches, pods, self.cluster.applications, self.cluster.clock.now)
        self.prober = self.applications.prober
        self.prober.clock, self.prober.spread = self.cluster.clock.monotonic, lambda _most: 0.0
        self.fill()

    def pod(self, name: str) -> JsonObject:
        owner = {
            "apiVersion": "rollkeeper.io/v1alpha1",
            "kind": "ScaleSet",
            "name": "web",
            "uid": self.set["metadata"]["uid"],
            "controller": True,
        }
        spec = {"containers": [{"name": "os", "image": "registry.example/webserver:1.0.0"}]}
        labels = {"rollkeeper.io/scale-set": "web"}
        return {"metadata": {"name": name, "labels": labels, "ownerReferences": [owner]}, "spec": spec}

    def fill(self) -> None:
        """The cache learns what is there, and what is gone."""
        self.caches.pods.replace(self.server.list(PODS))

    def patch_set(self, spec: JsonObject) -> None:
        self.caches.scale_sets.apply(self.server.merge_patch(SCALE_SETS, "default", "web", {"spec": spec}))

    def ask(self) -> int:
        """How many were asked."""
        before = self.cluster.applications.asked
        for turns in self.prober.pop_due():
            asyncio.run(self.prober.probe(turns))
        return self.cluster.applications.asked - before

    def told(self, name: str) -> str | None:
        found = condition(self.server.stored(PODS, ("default", name)), TYPE)
        return found and f"{found['status']} {found['reason']}"


def test_h4_running_instances_are_asked_from_the_start_on() -> None:
    world = World()
    assert (world.ask(), len(world.prober)) == (0, 0), "who does not lead does not ask"
    world.applications.start()
    assert (world.ask(), world.told("web-0"), world.told("web-1")) == (2, "True Healthy", "True Healthy")


def test_h4_what_is_written_is_in_the_cache_at_once() -> None:
    world = World()
    world.applications.start()
    world.ask()
    views = world.caches.pods.values()
    assert [v.instance.application and v.instance.application.state for v in views] == ["Healthy"] * 2


@pytest.mark.parametrize("health", [None, {"source": "Probe"}])
def test_h4_only_sets_that_use_it_are_asked(health: Any) -> None:
    world = World(health)
    world.applications.start()
    assert (world.ask(), len(world.prober)) == (0, 0)
    world.patch_set({"health": {"applicationHealth": None, **ASKED}})
    assert world.ask() == 2
    world.patch_set({"health": {"source": "Probe", "applicationHealth": None}})
    assert len(world.prober) == 0


def test_h4_a_pod_that_goes_is_asked_no_more() -> None:
    world = World()
    world.applications.start()
    world.server.delete(PODS, "default", "web-0")
    world.fill()
    assert len(world.prober) == 1, "it terminates"
    world.cluster.kubelet.vanish("default", "web-1")
    world.fill()
    assert len(world.prober) == 0, "it is gone"
    world.cluster.advance(5)
    world.server.create(PODS, "default", world.pod("web-1"))
    world.fill()
    assert len(world.prober) == 0, "it does not run yet"
    world.cluster.advance(5)
    world.fill()
    assert world.ask() == 1


def test_h4_the_grace_period_begins_when_scripts_have_ended() -> None:
    """H2, E2: the kubelet counts from the container's start, and shows it running when its hook has ended."""
    world = World()
    world.applications.start()
    view = next(iter(world.caches.pods.values()))
    world.cluster.advance(100)
    hooked = replace(view, instance=replace(view.instance, has_hook=True))
    for seen, wanted in ((view, view.instance.running_since), (hooked, world.cluster.clock.now())):
        subject = world.applications._subject(seen)
        assert subject is not None
        assert (subject.started, subject.provisioned) == (view.instance.running_since, wanted)
    began = world.cluster.clock.now()
    world.cluster.advance(50)
    again = world.applications._subject(hooked)
    assert again is not None
    assert again.provisioned == began


def test_i2_a_strangers_pod_is_not_asked() -> None:
    world = World()
    world.patch_set({"health": {"source": "Probe", "applicationHealth": None}})
    world.applications.start()
    stranger = world.pod("web-7")
    stranger["metadata"]["ownerReferences"] = []
    world.server.create(PODS, "default", stranger)
    world.cluster.advance(5)
    world.fill()
    world.patch_set({"health": ASKED})
    assert len(world.prober) == 2


def test_i2_a_namesake_is_not_written_to() -> None:
    """The pod was made anew, and the cache does not know yet."""
    world = World()
    world.applications.start()
    world.cluster.kubelet.vanish("default", "web-0")
    world.server.create(PODS, "default", world.pod("web-0"))
    world.cluster.advance(5)
    world.ask()
    assert world.told("web-0") is None


class Healthy:
    """An application that is well."""

    async def ask(self, _address: str, _asked: ApplicationHealth) -> Answer:
        return Answer("Healthy", "")

    async def close(self) -> None:
        """Nothing is held."""


LAUNCHER = "virt-launcher-web-0-abcde"


class Machines:
    """A set with one virtual machine, whose guest runs in a launcher."""

    def __init__(self) -> None:
        api, self.caches = MemoryApi(VirtualClock()), Caches()
        self.server = api.server
        made = scale_set(1, spec={"health": ASKED, "virtualMachineTemplate": {"spec": {"template": MACHINE}}})
        del made["spec"]["template"]
        of = self.server.create(SCALE_SETS, "default", made)
        self.caches.scale_sets.apply(of)
        machine = self.create(MACHINES, "web-0", of["metadata"]["uid"])
        guest = self.create(GUESTS, "web-0", machine["metadata"]["uid"])
        self.caches.machines.apply(machine)
        self.caches.guests.apply(guest)
        self.caches.pods.apply(self.create(PODS, LAUNCHER, guest["metadata"]["uid"]))
        pods = Pods(api, self.caches.pods, Claims(api, self.caches.claims))
        self.applications = Applications(self.caches, pods, Healthy(), api.clock.now)
        self.prober = self.applications.prober
        self.prober.clock, self.prober.spread = api.clock.monotonic, lambda _most: 0.0
        self.applications.start()

    def create(self, resource: Resource, name: str, owner: str) -> JsonObject:
        meta = {
            "name": name,
            "labels": {"rollkeeper.io/scale-set": "web"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Owner", "name": "o", "uid": owner, "controller": True}],
        }
        kind = {"apiVersion": resource.api_version, "kind": resource.kind}
        spec = {"containers": [{"name": "compute", "image": "launcher"}]}
        return self.server.create(resource, "default", {**kind, "metadata": meta, "spec": spec})

    def guest(self, **status: Any) -> None:
        times = [{"phase": "Running", "phaseTransitionTimestamp": "2026-01-01T00:00:01Z"}]
        status = {"phase": "Running", "phaseTransitionTimestamps": times, **status}
        self.server.set_status(GUESTS, ("default", "web-0"), status)
        self.caches.guests.apply(self.server.stored(GUESTS, ("default", "web-0")))

    def addresses(self) -> list[str]:
        """Of those whose turn it is."""
        return [turns.subject.address for turns in self.prober.pop_due()]


def test_h4_a_guest_is_asked_at_its_address_when_it_has_one() -> None:
    world = Machines()
    assert world.addresses() == []
    world.guest()
    assert world.addresses() == [], "it has no address"
    world.guest(interfaces=[{"name": "other"}, {"name": "default", "ipAddress": "10.1.2.3"}])
    assert world.addresses() == ["10.1.2.3"]


def test_h4_a_guest_that_has_ended_is_asked_no_more() -> None:
    world = Machines()
    world.guest(interfaces=[{"ipAddress": "10.1.2.3"}])
    assert len(world.prober) == 1
    world.guest(interfaces=[{"ipAddress": "10.1.2.3"}], phase="Failed")
    assert len(world.prober) == 0


def test_h4_what_it_says_is_written_on_its_launcher() -> None:
    world = Machines()
    world.guest(interfaces=[{"ipAddress": "10.1.2.3"}])
    for turns in world.prober.pop_due():
        asyncio.run(world.prober.probe(turns))
    found = condition(world.server.stored(PODS, ("default", LAUNCHER)), TYPE)
    assert found is not None
    assert (found["status"], found["reason"]) == ("True", "Healthy")
