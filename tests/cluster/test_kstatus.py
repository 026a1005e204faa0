"""How generic tools read our objects (kstatus), and how the command finds its cluster."""

import functools

from tests.cluster.audit import Json
from tests.cluster.controller import Controller
from tests.cluster.fleet import fleet, published, users_run
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition

OBJECTS = (("scalesets", "web"), ("imageversions", "os-1.0.0"), ("upgraderuns", "mine"))


def test_status_before_and_after_the_first_look(world: World, own_controller: Controller) -> None:
    """kstatus: an object that nobody looked at yet never counts as ready; one that was says of which generation."""
    world.create(published("1.0.0"), fleet(2, automatic=False), users_run("mine", "1.0.0"))
    for kind, name in OBJECTS:
        assert world.get(kind, name)["status"] == {"observedGeneration": -1}
    own_controller.start()
    world.until_run("mine", "Completed")
    world.until_healthy("1.0.0", 2)
    for current in _all_current(world):
        assert condition(current, "Reconciling").get("status") in {None, "False"}
        assert condition(current, "Stalled").get("status") in {None, "False"}
    own_controller.stop()


def test_status_follows_the_generation(world: World, own_controller: Controller) -> None:
    """kubectl wait ignores conditions of older generations: every change is looked at, on finished runs too.

    The controller finds its cluster by its flag here, without KUBECONFIG.
    """
    own_controller.start(by_flag=True)
    world.create(published("1.0.0"), fleet(1, automatic=False), users_run("mine", "1.0.0"))
    world.until_run("mine", "Completed")
    world.patch("upgraderun", "mine", {"spec": {"desiredState": "Paused"}})
    world.patch("scaleset", "web", {"spec": {"replicas": 2}})
    world.patch("imageversion", "os-1.0.0", {"spec": {"excludeFromLatest": True}})
    _all_current(world)
    world("wait", "--for=condition=Finished", "upgraderun/mine", "--timeout=10s")
    world("wait", "--for=condition=Ready", "scaleset/web", "--timeout=30s")


def _all_current(world: World) -> list[Json]:
    """Our objects, when each is ready and its conditions are of its newest generation."""
    return [world.until(f"{name} is current", functools.partial(_current, world, kind, name)) for kind, name in OBJECTS]


def _current(world: World, kind: str, name: str) -> Json | None:
    thing = world.get(kind, name)
    ready = condition(thing, "Ready")
    generations = {status_of(thing).get("observedGeneration"), ready.get("observedGeneration")}
    return thing if generations == {thing["metadata"]["generation"]} and ready["status"] == "True" else None
