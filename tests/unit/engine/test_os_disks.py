"""B5, H3: the clones of golden claims that machines run, and those that nobody needs any more."""

from dataclasses import replace
from typing import Any

import pytest

from rollkeeper.engine import os_disks, versions
from rollkeeper.engine.decide import decide
from rollkeeper.engine.snapshot import OSDisk

from .builders import NOW, active_run, ctx, image_version, instance, pair, scale_set, snapshot

VOLUMES = [{"name": "data", "containerDisk": {}}, {"name": "root", "persistentVolumeClaim": {}}]
MACHINE = {"spec": {"template": {"spec": {"volumes": VOLUMES}}}}
OF_CLAIMS: dict[str, Any] = {"template": None, "virtualMachineTemplate": MACHINE, "osVolumeName": "root"}
ONE = pair("1.0.0")


def disk(name: str = "root-web-0-a", version: str = "1.0.0", ordinal: int = 0) -> OSDisk:
    return OSDisk(name, f"uid-{name}", ordinal, version, ONE.revision)


def runs(version: str = "1.0.0", **more: Any) -> Any:
    return instance(0, version, claims=frozenset({"root-web-0-a", "data-web-0"}), **more)


OBSOLETE = {
    "what it runs": (disk(), {0: runs()}, False),
    "what it ran before": (disk("root-web-0-b"), {0: runs()}, True),
    "another version": (disk("root-web-0-b", "1.1.0"), {0: runs()}, True),
    "a change that is not finished": (disk("root-web-0-b"), {0: runs(unfinished=True)}, False),
    "a change to come": (disk("root-web-0-b", "1.1.0"), {0: runs("1.1.0")}, False),
    "a machine that is to be made again": (disk(), {}, False),
    "the same, on another version": (disk("root-web-0-b", "1.1.0"), {}, True),
    "one that was scaled away": (disk(ordinal=1), {0: runs()}, True),
}


@pytest.mark.parametrize(("found", "instances", "goes"), OBSOLETE.values(), ids=OBSOLETE)
def test_b5_what_goes(found: OSDisk, instances: dict[int, Any], goes: bool) -> None:
    seen = replace(ctx(scale_set(1, **OF_CLAIMS), instances, os_disks=(found,)), assignment={0: ONE})
    assert [action.uid for action in os_disks.obsolete(seen)] == ([found.uid] if goes else [])


def test_h3_none_goes_while_a_run_may_put_it_back() -> None:
    left = (disk("root-web-0-b"),)
    resting = snapshot(scale_set(1, **OF_CLAIMS), {0: runs()}, os_disks=left)
    assert [a.name for a in decide(resting, NOW).actions if isinstance(a, os_disks.DeleteOSDisk)] == ["root-web-0-b"]
    of, run = scale_set(1, status={"activeRunName": "up"}, **OF_CLAIMS), active_run(inProgress="0", batch=(1, "0"))
    rolling = snapshot(of, {0: runs()}, os_disks=left, runs=[run])
    assert [a for a in decide(rolling, NOW).actions if isinstance(a, os_disks.DeleteOSDisk)] == []


def test_f7_none_goes_while_what_a_removed_run_had_in_hand_may_be_put_back() -> None:
    new, origin = pair("1.1.0"), {"imageVersion": "1.0.0", "image": ONE.image, "modelRevision": ONE.revision}
    target = {"imageVersion": "1.1.0", "image": new.image, "modelRevision": new.revision, "automaticRollback": True}
    batch = {
        "runName": "up",
        "type": "OSImage",
        "number": 1,
        "instances": "0",
        "origins": [{**origin, "instances": "0"}],
    }
    versions_now = [
        {"version": "1.1.0", "image": new.image, "modelRevision": new.revision, "instances": "0", "replicas": 1}
    ]
    status = {"activeRunName": "up", "batchInHand": {**batch, **target}, "versions": versions_now}
    tried = runs("1.1.0", made_by="up/1/Forward", running=False, ready_since=None)
    left = snapshot(scale_set(1, status=status, **OF_CLAIMS), {0: tried}, os_disks=(disk("root-web-0-b"),))
    assert [a for a in decide(left, NOW).actions if isinstance(a, os_disks.DeleteOSDisk)] == []


def test_v1_a_set_sees_the_versions_that_its_os_disks_can_be() -> None:
    published = (image_version("1.0.0"), image_version("1.1.0", image=None, claimName="golden"))
    assert versions.catalogue_of(scale_set(1), published).keys() == {"1.0.0"}
    found = versions.catalogue_of(scale_set(1, **OF_CLAIMS), published)
    assert {version: one.image for version, one in found.items()} == {"1.1.0": "claim://golden"}
