"""Versions in use are protected from deletion, and let go of when nothing uses them any more (V7)."""

from hack.localcluster import LocalCluster
from rollkeeper.api.v1alpha1.names import FINALIZER_VERSION
from tests.cluster.controller import Controller
from tests.cluster.fleet import fleet, gate, published, users_run
from tests.cluster.manifests import made
from tests.cluster.replay import code_of, status_of
from tests.cluster.versions import delete, until_gone, until_waiting
from tests.cluster.world import World


def test_a_version_in_use_waits_to_be_deleted(live: World) -> None:
    """V7: usedBy counts who uses it; deleted, it goes when the set runs another version."""
    live.create(published("0.9.0"), published("1.0.0"), fleet(3, 50))
    live.until_healthy("1.0.0", 3)
    counted = {"scaleSets": 1, "instances": 3}
    live.until("it is counted", lambda: status_of(live.get("imageversions", "os-1.0.0")).get("usedBy") == counted)
    assert FINALIZER_VERSION not in live.get("imageversions", "os-0.9.0")["metadata"].get("finalizers", ())
    delete(live, "os-0.9.0")
    delete(live, "os-1.0.0")
    until_waiting(live, "os-1.0.0", "ScaleSet web (3 instances, proven)")
    until_gone(live, "os-0.9.0")
    live("delete", "pod", "web-1")
    live.until("web-1 is repaired", lambda: live.versions() == ["1.0.0"] * 3)
    live.create(published("1.1.0"))
    live.until_healthy("1.1.0", 3)
    until_gone(live, "os-1.0.0")
    delete(live, "os-1.1.0")
    until_waiting(live, "os-1.1.0", "ScaleSet web (3 instances, proven)")
    live("delete", "scaleset", "web", "--wait=false")
    until_gone(live, "os-1.1.0")


def test_versions_deleted_in_mid_run(live: World) -> None:
    """V7, T9: what a run may have to put back stays; a target that is deleted ends the controller's own run."""
    live.create(published("1.0.0"), gate(2), fleet(3, 40))
    live.until_healthy("1.0.0", 3)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0")
    delete(live, "os-1.0.0")
    until_waiting(live, "os-1.0.0", f"UpgradeRun {name} may put it back")
    delete(live, "os-1.1.0")
    run = live.until_run(name, "Cancelled")
    assert status_of(run)["error"]["code"] == "TargetWithdrawn"
    until_waiting(live, "os-1.1.0", "ScaleSet web (2 instances)")
    live.open_gate()
    live.create(users_run("back", "1.0.0"))
    assert code_of(live.until_run("back", "Faulted")) == "Faulted"  # it is going: nothing begins to use it
    live.create(published("1.2.0"))
    live.until_healthy("1.2.0", 3)
    until_gone(live, "os-1.0.0", "os-1.1.0")


def test_a_shared_version_is_kept_for_sets_of_other_namespaces(live: World, simulated: LocalCluster) -> None:
    """V7: who uses it is named with the namespace."""
    gallery = {"gallery": "shared", "definition": live.namespace}
    shared, name = World(simulated, "default"), f"{live.namespace}-1.0.0"
    spec = {**gallery, "version": "1.0.0", "image": "registry.test/shared:1.0.0"}
    shared.create(made("ImageVersion", name, spec))
    live.create(fleet(2, imageReference=gallery))
    live.until_healthy("1.0.0", 2)
    delete(shared, name)
    until_waiting(shared, name, f"ScaleSet {live.namespace}/web (2 instances, proven)")
    live("delete", "scaleset", "web", "--wait=false")
    until_gone(shared, name)


def test_it_goes_whatever_happened_while_the_controller_was_away(own_controller: Controller, world: World) -> None:
    """V7, I8: deleted, and no longer used, while nobody was there to see it."""
    own_controller.start()
    world.create(published("1.0.0"), published("0.9.0"), fleet(2))
    world.until_healthy("1.0.0", 2)
    own_controller.kill()
    delete(world, "os-1.0.0")
    own_controller.start()
    until_waiting(world, "os-1.0.0", "ScaleSet web (2 instances, proven)")
    own_controller.kill()
    world("delete", "scaleset", "web", "--wait=false")
    world.until("the set is gone", lambda: world.find("scalesets", "web") is None)
    own_controller.start()
    until_gone(world, "os-1.0.0")
