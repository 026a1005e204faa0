"""Virtual machines as instances: what is written, what is read, what is patched (B5, H1, H2, H5, F5)."""

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine import references, revisions
from rollkeeper.engine.actions import SwapImage
from rollkeeper.engine.snapshot import Application, Instance, Pair
from rollkeeper.instances.virtual_machines.machine_instance import instance_of
from rollkeeper.instances.virtual_machines.machine_spec import System, build_machine, swap_patch
from rollkeeper.instances.virtual_machines.machine_view import read_guest, read_machine
from tests.simulation.objects_of_ours import scale_set as manifest

JsonMap = dict[str, Any]

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
PAIR = Pair("1.1.0", "registry.test/os:1.1.0", "web-r")
TEMPLATE: JsonMap = {
    "metadata": {"labels": {"team": "a"}},
    "spec": {
        "instancetype": {"name": "small"},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {
                "domain": {"devices": {"disks": [{"name": "os"}, {"name": "data"}], "interfaces": [{"name": "net"}]}},
                "volumes": [
                    {"name": "cloud", "cloudInitNoCloud": {"secretRef": {"name": "init"}}},
                    {"name": "os", "containerDisk": {"image": "ignored", "imagePullPolicy": "Always"}},
                ],
            },
        },
    },
}
DISK: JsonMap = {"metadata": {"name": "data"}, "spec": {"storageClassName": "fast"}}


def of_machines(**spec: Any) -> ScaleSet:
    made = manifest(3)
    del made["spec"]["template"]
    made["metadata"] |= {"namespace": "default", "uid": "set"}
    made["spec"] |= {"virtualMachineTemplate": copy.deepcopy(TEMPLATE), "volumeClaimTemplates": [DISK], **spec}
    return ScaleSet.model_validate(made)


def machine(**spec: Any) -> JsonMap:
    of = of_machines(**spec)
    made = build_machine(of, revisions.model_of(of.spec), 1, PAIR, "ScaleOut", System(guest_agent=True))
    return {**made, "metadata": {**made["metadata"], "uid": "vm", "creationTimestamp": NOW.isoformat()}}


def volumes(made: JsonMap) -> dict[str, JsonMap]:
    return {v["name"]: v for v in made["spec"]["template"]["spec"]["volumes"]}


def test_m1_the_model_is_the_machine_without_the_image_of_its_os_disk() -> None:
    model = revisions.model_of(of_machines().spec)
    assert model["osVolumeName"] == "os"
    guest = model["virtualMachineTemplate"]["spec"]["template"]["spec"]
    assert guest["volumes"][1] == {"name": "os", "containerDisk": {"imagePullPolicy": "Always"}}
    other = copy.deepcopy(TEMPLATE)
    other["spec"]["template"]["spec"]["volumes"][1]["containerDisk"]["image"] = "another"
    assert revisions.model_of(of_machines(virtualMachineTemplate=other).spec) == model
    assert "runStrategy" not in model["virtualMachineTemplate"]["spec"]


def test_t8_what_a_machine_relies_on() -> None:
    found = references.of_model(revisions.model_of(of_machines().spec))
    assert [str(reference) for reference in found] == ["Secret init"]


def test_b5_a_machine_gets_the_versions_image_and_its_own_disks() -> None:
    made = machine()
    assert made["metadata"]["name"] == "web-1"
    assert made["spec"]["runStrategy"] == "Always"
    assert made["spec"]["instancetype"] == {"name": "small"}
    assert volumes(made)["os"]["containerDisk"] == {"image": PAIR.image, "imagePullPolicy": "Always"}
    assert volumes(made)["data"]["persistentVolumeClaim"] == {"claimName": "data-web-1"}
    labels = made["metadata"]["labels"]
    assert (labels["team"], labels["rollkeeper.io/image-version"]) == ("a", "1.1.0")
    inner = made["spec"]["template"]["metadata"]["labels"]
    assert (inner["app"], inner["rollkeeper.io/scale-set"], inner["rollkeeper.io/ordinal"]) == ("web", "web", "1")


CHANGE = SwapImage(
    1, "vm", Pair("1.2.0", "registry.test/os:1.2.0", "web-r"), "run/1/Forward", "why", held_to_budgets=True
)


def patched(raw: JsonMap, *, start_anew: bool = False) -> dict[str, Any]:
    of = of_machines()
    operations = swap_patch(of, revisions.model_of(of.spec), raw, CHANGE, System(), NOW, start_anew=start_anew)
    return {f"{o['op']} {o['path']}": o.get("value") for o in operations}


def test_b5_a_swap_tests_whose_disk_it_changes() -> None:
    made = patched(machine())
    assert made["test /metadata/uid"] == "vm"
    assert made["test /spec/template/spec/volumes/1/name"] == "os"
    template = made["replace /spec/template"]
    assert volumes({"spec": {"template": template}})["os"]["containerDisk"]["image"] == "registry.test/os:1.2.0"
    annotations = made["add /metadata/annotations"]
    assert annotations["rollkeeper.io/made-by"] == "run/1/Forward"
    assert "rollkeeper.io/guest-agent" not in annotations
    marks = {"rollkeeper.io/made-by", "rollkeeper.io/changed"}
    assert {k: annotations[k] for k in marks} == {k: template["metadata"]["annotations"][k] for k in marks}
    assert "add /spec/runStrategy" not in made
    assert "add /spec/instancetype" not in made


def test_h3_a_machine_that_is_to_start_anew_is_halted_in_the_same_call() -> None:
    made = patched(machine(), start_anew=True)
    assert made["add /spec/runStrategy"] == "Halted"
    assert made["add /metadata/annotations"]["rollkeeper.io/starting-anew"] == "true"


def test_b5_a_machine_stays_who_it_is() -> None:
    raw = machine()
    domain = raw["spec"]["template"]["spec"]["domain"]
    domain["firmware"] = {"uuid": "u", "bootloader": {"bios": {}}}
    domain["devices"]["interfaces"][0]["macAddress"] = "02:00:00:00:00:01"
    domain["devices"]["disks"][1]["serial"] = "s"
    after = patched(raw)["replace /spec/template"]["spec"]["domain"]
    assert after["firmware"] == {"uuid": "u"}
    assert after["devices"]["interfaces"][0]["macAddress"] == "02:00:00:00:00:01"
    assert after["devices"]["disks"] == [{"name": "os"}, {"name": "data", "serial": "s"}]


def at(seconds: int) -> str:
    return (NOW + timedelta(seconds=seconds)).isoformat()


def guest(made_by: str = "ScaleOut", phase: str = "Running", **more: Any) -> JsonMap:
    conditions = [
        {"type": type_, "status": "True", "lastTransitionTime": at(second)}
        for type_, second in more.pop("conditions", {"Ready": 5, "AgentConnected": 7}).items()
    ]
    phases = [{"phase": "Running", "phaseTransitionTimestamp": at(3)}] if more.pop("ran", True) else []
    meta = {
        "name": "web-1",
        "uid": "vmi",
        "annotations": {"rollkeeper.io/made-by": made_by},
        "ownerReferences": [{"uid": "vm", "controller": True}],
        **more,
    }
    return {"metadata": meta, "status": {"phase": phase, "phaseTransitionTimestamps": phases, "conditions": conditions}}


def seen(raw: JsonMap, running: JsonMap | None, before: datetime | None = None) -> Instance:
    return instance_of(read_machine(raw, None), read_guest(running, None) if running else None, started_before=before)


def test_h1_a_machine_runs_when_its_guest_and_the_guests_agent_do() -> None:
    instance = seen(machine(), guest())
    assert (instance.running, instance.ready, instance.unfinished, instance.swapping) == (True, True, False, False)
    assert instance.running_since == instance.ready_since == NOW + timedelta(seconds=7)
    assert instance.first_started == NOW + timedelta(seconds=3)
    silent = seen(machine(), guest(conditions={"Ready": 5}))
    assert (silent.running, silent.problem and silent.problem.reason) == (False, "GuestAgentMissing")


def test_h2_a_guest_that_follows_another_does_not_move_the_health_clock() -> None:
    assert seen(machine(), guest(), NOW).first_started == NOW


def test_i8_a_guest_of_before_the_change_is_still_to_be_taken_down() -> None:
    changed = machine()
    changed["metadata"]["annotations"] |= {"rollkeeper.io/made-by": "run/1/Forward", "rollkeeper.io/changed": at(60)}
    instance = seen(changed, guest())
    assert (instance.unfinished, instance.swapping, instance.running) == (True, True, False)
    assert instance.created == NOW + timedelta(seconds=60)
    assert not seen(changed, guest(deletionTimestamp=at(61))).unfinished


def halted(*, ours: bool, backs_off: bool = False) -> JsonMap:
    made = machine()
    made["spec"]["runStrategy"] = "Halted"
    if ours:
        made["metadata"]["annotations"]["rollkeeper.io/starting-anew"] = "true"
    made["status"] = {"startFailure": {"consecutiveFailCount": 1}} if backs_off else {}
    return made


def test_a_machine_that_somebody_halted_is_left_alone() -> None:
    instance = seen(halted(ours=False), None)
    assert (instance.unfinished, instance.problem and instance.problem.reason) == (False, "PowerOff")


def test_h3_a_machine_that_we_halted_starts_when_kubevirt_has_forgotten_its_failures() -> None:
    assert seen(halted(ours=True), None).unfinished
    assert not seen(halted(ours=True, backs_off=True), None).unfinished
    assert not seen(halted(ours=True), guest(deletionTimestamp=at(1))).unfinished


def test_a_mark_of_ours_does_not_outlive_its_use() -> None:
    """Somebody has started the machine before us: left there, the mark would make us start what they halt later."""
    started = halted(ours=True)
    started["spec"]["runStrategy"] = "Always"
    assert seen(started, guest()).unfinished


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("ErrImagePull", "ImagePullBackOff"),
        ("ErrorUnschedulable", "Unschedulable"),
        ("WaitingForVolumeBinding", "VolumeAttach"),
        ("Starting", None),
    ],
)
def test_h5_what_is_wrong_in_kubevirts_words(status: str, reason: str | None) -> None:
    problem = seen({**machine(), "status": {"printableStatus": status}}, None).problem
    assert (problem.reason if problem else None) == reason


def test_h4_what_an_application_says_stands_on_the_launcher() -> None:
    said = Application("Healthy", NOW, "")
    launcher = replace(seen(machine(), guest()), application=said, application_settled=NOW)
    of, runs = read_machine(machine(), None), read_guest(guest(), None)
    assert instance_of(of, runs, launcher).application == said
    assert instance_of(of, runs, launcher).application_settled == NOW
    ended = read_guest(guest(phase="Failed"), None)
    assert instance_of(of, ended, launcher).application is None
