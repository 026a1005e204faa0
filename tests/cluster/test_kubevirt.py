"""What the controller relies on in KubeVirt, without the controller: if this fails, the laboratory or KubeVirt differs.

KubeVirt's API and controller are its own; kwok plays its node agent and the guests.
"""

from collections.abc import Iterator

import pytest

from hack.localcluster import LocalCluster
from tests.cluster.audit import Json
from tests.cluster.conftest import fresh_namespace
from tests.cluster.providers import GUEST
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition

GRACE = {"terminationGracePeriodSeconds": 1}


@pytest.fixture
def bare(virtualized: LocalCluster) -> Iterator[World]:
    with fresh_namespace(virtualized) as name:
        yield World(virtualized, name, "virtualmachines", "virtualmachineinstances")


def machine(tag: str) -> Json:
    volumes = [{"name": "os", "containerDisk": {"image": f"registry.test/os:{tag}"}}]
    guest: Json = {**GUEST, "volumes": volumes, **GRACE}
    return {
        "apiVersion": "kubevirt.io/v1",
        "kind": "VirtualMachine",
        "metadata": {"name": "vm"},
        "spec": {"runStrategy": "Always", "template": {"metadata": {"annotations": {"mark": tag}}, "spec": guest}},
    }


def _swap(world: World, tag: str) -> None:
    world.patch("virtualmachine", "vm", {"spec": machine(tag)["spec"]})


def _runs(world: World, tag: str) -> Json:
    def ready() -> Json | None:
        guest = world.find("virtualmachineinstances", "vm") or {}
        is_ready = condition(guest, "Ready").get("status") == "True"
        return guest if is_ready and guest["metadata"]["annotations"]["mark"] == tag else None

    return world.until(f"a guest of {tag} is ready", ready)


def test_a_guest_is_replaced_when_it_is_deleted(bare: World) -> None:
    """A changed template waits for the next guest; its annotations tell of which template a guest is."""
    bare.create(machine("1"))
    before = _runs(bare, "1")
    _swap(bare, "2")
    bare.until("it is seen", lambda: condition(bare.get("virtualmachines", "vm"), "RestartRequired") or None)
    assert bare.running() == {"vm": before["metadata"]["uid"]}
    bare("delete", "virtualmachineinstance", "vm", "--wait=false")
    after = _runs(bare, "2")
    assert after["spec"]["volumes"][0]["containerDisk"]["image"] == "registry.test/os:2"
    assert status_of(after)["guestOSInfo"]["versionId"] == "2"


def test_a_guest_that_never_ran_leaves_a_back_off_which_halting_clears(bare: World) -> None:
    """H3: so a rollback halts the machine, and starts it when KubeVirt has forgotten."""
    bare.create(machine("nostart"))
    bare.until("it fails", lambda: status_of(bare.get("virtualmachines", "vm")).get("startFailure"))
    bare.patch("virtualmachine", "vm", {"spec": {**machine("1")["spec"], "runStrategy": "Halted"}})

    def cleared() -> bool:
        gone = bare.find("virtualmachineinstances", "vm") is None
        return gone and "startFailure" not in status_of(bare.get("virtualmachines", "vm"))

    bare.until("KubeVirt has forgotten", cleared)
    bare.patch("virtualmachine", "vm", {"spec": {"runStrategy": "Always"}})
    _runs(bare, "1")


def test_running_and_ready_is_not_healthy(bare: World) -> None:
    """H1, H2: a guest without its agent is ready; one that dies is followed by the next at once, without a back-off."""
    bare.create(machine("noagent"))
    assert condition(_runs(bare, "noagent"), "AgentConnected") == {}
    _swap(bare, "panic")
    bare("delete", "virtualmachineinstance", "vm", "--wait=false")
    guests: set[str] = set()

    def third() -> bool:
        guests.update(bare.running().values())
        return len(guests) > 3

    bare.until("guest follows guest", third)
    assert "startFailure" not in status_of(bare.get("virtualmachines", "vm"))


def test_an_eviction_where_a_guest_would_migrate_is_denied(bare: World) -> None:
    """B12: whatever its budgets say, and also as a dry run: the API server can't be asked about such a guest."""
    migrating = machine("1")
    migrating["spec"]["template"]["spec"]["evictionStrategy"] = "LiveMigrate"
    bare.create(migrating)
    _runs(bare, "1")
    (launcher,) = bare.items("pods")
    body: Json = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": launcher["metadata"]["name"], "namespace": bare.namespace},
        "deleteOptions": {"dryRun": ["All"]},
    }
    assert bare.refused("pods", launcher["metadata"]["name"], "eviction", body) == 429
