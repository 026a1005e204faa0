"""Sets of virtual machines, as the commands show them."""

from typing import Any

from rollkeeper.cli.plugin import members, status
from rollkeeper.cli.plugin.views import SetView, instances

JsonMap = dict[str, Any]
SET: JsonMap = {
    "metadata": {"name": "web", "uid": "set"},
    "spec": {
        "replicas": 2,
        "imageReference": {"gallery": "golden", "definition": "os"},
        "health": {"source": "Probe"},
        "virtualMachineTemplate": {"spec": {}},
    },
    "status": {"provenImageVersion": "1.1.0", "versions": [{"version": "1.1.0", "instances": "0-1"}]},
}
MARK = {"rollkeeper.io/made-by": "run/1/Forward"}


def machine(ordinal: int, **spec: Any) -> JsonMap:
    meta = {
        "name": f"web-{ordinal}",
        "uid": f"vm-{ordinal}",
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "labels": {"rollkeeper.io/image-version": "1.1.0"},
        "annotations": MARK,
        "ownerReferences": [{"uid": "set", "controller": True}],
    }
    return {"kind": "VirtualMachine", "metadata": meta, "spec": {"runStrategy": "Always", **spec}}


def guest(ordinal: int, os_version: str) -> JsonMap:
    meta = {
        "name": f"web-{ordinal}",
        "uid": f"vmi-{ordinal}",
        "annotations": MARK,
        "ownerReferences": [{"uid": f"vm-{ordinal}", "controller": True}],
    }
    since = "2026-01-01T00:01:00Z"
    told = {
        "phase": "Running",
        "phaseTransitionTimestamps": [{"phase": "Running", "phaseTransitionTimestamp": since}],
        "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}],
        "guestOSInfo": {"versionId": os_version},
    }
    return {"kind": "VirtualMachineInstance", "metadata": meta, "status": told}


def lines(*objects: JsonMap) -> list[tuple[str, str, str, str]]:
    return [(i.name, i.version, i.health, i.why) for i in instances(SetView(SET), None, objects)]


def test_machines_and_their_guests_are_listed() -> None:
    found = [resource.plural for resource in members.resources_of(SET)]
    assert found == ["virtualmachines", "virtualmachineinstances", "pods"]
    assert [resource.plural for resource in members.resources_of({"spec": {"template": {}}})] == ["pods"]


def test_a_machine_is_shown_as_its_guest_is() -> None:
    found = lines(machine(0), machine(1, runStrategy="Halted"), guest(0, "41"))
    assert found[0] == ("web-0", "1.1.0", "healthy", "")
    assert found[1][:3] == ("web-1", "1.1.0", "unhealthy")
    assert "PowerOff" in found[1][3]


def test_what_is_missing_is_told_in_words_of_machines() -> None:
    found = lines(machine(0))
    assert found[0][2:] == ("unhealthy", "its guest has not started yet")
    assert found[1][2:] == ("missing", "its virtual machine is not there")


def test_a_guest_that_says_another_version_is_a_warning() -> None:
    """Only where it numbers itself as versions are: `41` says nothing about 1.1.0."""
    found = lines(machine(0), guest(0, "1.0.0"))
    assert found[0] == ("web-0", "1.1.0", "healthy", "the guest says that it runs 1.0.0")
    assert lines(machine(0), guest(0, "1.1.0"))[0][3] == ""


def test_a_scene_of_machines() -> None:
    read = status.scene(SET, [], [machine(0), machine(1), guest(0, "41"), guest(1, "41")])
    assert [line.health for line in read.lines] == ["healthy", "healthy"]
