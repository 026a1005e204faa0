"""B5, H3, F5: OS disks that are clones of golden claims."""

import asyncio
from typing import Any

import pytest

from rollkeeper.engine import revisions
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances.claim_view import ClaimView, read_claim
from rollkeeper.instances.errors import GoldenClaimMissingError
from rollkeeper.instances.virtual_machines.machine_spec import System, build_machine
from rollkeeper.instances.virtual_machines.machine_view import read_machine
from rollkeeper.instances.virtual_machines.os_disks import OSDisks
from rollkeeper.kube.resources import CLAIMS
from rollkeeper.kube.store import Store
from tests.simulation.memory_api import MemoryApi
from tests.unit.instances.test_machines import NOW, of_machines

JsonMap = dict[str, Any]

VOLUMES = [{"name": "root", "persistentVolumeClaim": {"claimName": "ignored", "hotpluggable": False}}]
SET = of_machines(virtualMachineTemplate={"spec": {"template": {"spec": {"volumes": VOLUMES}}}}, osVolumeName="root")
GOLDEN: JsonMap = {
    "metadata": {"name": "golden"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "fast",
        "volumeName": "pv-1",
        "resources": {"requests": {"storage": "8Gi"}},
    },
}
ONE = Pair("1.0.0", "claim://golden", "web-r")


class Disks:
    """OS disks in a cluster in memory that has a golden claim."""

    def __init__(self, golden: JsonMap | None = GOLDEN) -> None:
        self.api = MemoryApi()
        self.claims: Store[ClaimView] = Store(read_claim, index=lambda c: (c.namespace, c.scale_set))
        if golden is not None:
            self.api.server.create(CLAIMS, "default", golden)

    def ensure(self, made_by: str, pair: Pair = ONE, ordinal: int = 1) -> str:
        return asyncio.run(OSDisks(self.api, self.claims).ensure(SET, "root", ordinal, pair, made_by))

    def claim(self, name: str) -> JsonMap:
        return dict(self.api.server.get(CLAIMS, "default", name))


def test_b5_each_machine_gets_a_clone_of_its_versions_claim() -> None:
    disks = Disks()
    name = disks.ensure("FirstCreation")
    assert name.startswith("root-web-1-")
    made = disks.claim(name)
    assert made["spec"]["dataSource"] == {"kind": "PersistentVolumeClaim", "name": "golden"}
    assert (made["spec"]["storageClassName"], made["spec"]["accessModes"]) == ("fast", ["ReadWriteOnce"])
    assert "volumeName" not in made["spec"], "that is the golden claim's own"
    view = disks.claims.get(("default", name))
    assert view is not None
    assert (view.is_os_disk, view.ordinal, view.image_version, view.model_revision) == (True, 1, "1.0.0", "web-r")
    assert disks.ensure("FirstCreation", ordinal=2) != name


def test_i8_making_one_is_safe_to_repeat() -> None:
    disks = Disks()
    name = disks.ensure("run/1/Forward")
    assert disks.ensure("run/1/Forward") == name
    disks.claims.remove_key(("default", name), disks.claim(name)["metadata"]["uid"])
    assert disks.ensure("run/1/Forward") == name, "the cache may be late"


def test_h3_f5_who_goes_back_gets_the_disk_that_it_had() -> None:
    disks = Disks()
    had = disks.ensure("run/1/Forward")
    assert [disks.ensure(why) for why in ("other/1/Back", "Repair")] == [had, had]
    assert disks.ensure("other/1/Forward") != had, "a run gives a new disk, of the same version too"


def test_h7_put_back_is_not_put_on_what_this_batch_gave() -> None:
    disks = Disks()
    had, given = disks.ensure("FirstCreation"), disks.ensure("run/1/Forward")
    assert had != given
    assert disks.ensure("run/1/Back") == had


def test_b5_a_golden_claim_that_is_missing_is_named() -> None:
    with pytest.raises(GoldenClaimMissingError, match="the claim golden, and there is none in default"):
        Disks(golden=None).ensure("FirstCreation")


def test_container_disks_need_none() -> None:
    assert Disks(golden=None).ensure("FirstCreation", Pair("1.0.0", "registry.test/os:1", "web-r")) == ""


def test_b5_the_machine_runs_its_own_claim_and_the_model_knows_none() -> None:
    model = revisions.model_of(SET.spec)
    assert model["virtualMachineTemplate"]["spec"]["template"]["spec"]["volumes"] == [
        {"name": "root", "persistentVolumeClaim": {"hotpluggable": False}}
    ]
    made = build_machine(SET, model, 1, ONE, "ScaleOut", System(claim="root-web-1-abc"))
    made["metadata"] |= {"uid": "vm", "creationTimestamp": NOW.isoformat()}
    assert read_machine(made, None).claims == {"root-web-1-abc", "data-web-1"}
