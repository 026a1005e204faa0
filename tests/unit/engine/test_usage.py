"""Which versions a set uses (V7)."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.api.v1alpha1.image_version import UsedBy
from rollkeeper.engine import publishing, usage, versions
from rollkeeper.engine.actions import WriteRun, WriteSet
from rollkeeper.engine.usage import Use
from tests.unit.engine.builders import IMAGE, NAME, at, image_version, proven, scale_set, stamp

JsonMap = dict[str, Any]


def group(version: str, instances: str, replicas: int, revision: str = "web-rev1") -> JsonMap:
    image = f"registry/web:{version}"
    return {
        "version": version,
        "image": image,
        "modelRevision": revision,
        "replicas": replicas,
        "instances": instances,
    }


def run(code: str = "RollingForward") -> UpgradeRun:
    """From 1.0.0 on instance 0 to 1.1.0."""
    origin = {"imageVersion": "1.0.0", "image": "registry/web:1.0.0", "modelRevision": "web-rev1", "instances": "0"}
    status = {
        "runningStatus": {"code": code, "startTime": stamp(0)},
        "targetImageReference": {**IMAGE, "version": "1.1.0"},
        "origins": [origin],
    }
    spec = {"scaleSetName": "web"}
    return UpgradeRun.model_validate({"metadata": {"name": "r"}, "spec": spec, "status": status})


BACK = "UpgradeRun r may put it back"
TARGET = "target of UpgradeRun r"
USES: dict[str, tuple[JsonMap, list[UpgradeRun], dict[tuple[str, str], str]]] = {
    "instances run it, and it is proven": (
        {"versions": [group("1.0.0", "0-2", 3)]},
        [],
        {(NAME, "1.0.0"): "3 instances, proven"},
    ),
    "proven, and nothing runs it": ({"versions": [group("1.0.0", "", 0)]}, [], {(NAME, "1.0.0"): "proven"}),
    "one instance left behind": (
        {"versions": [group("1.0.0", "0-1", 2), group("0.9.0", "2", 1)]},
        [],
        {(NAME, "1.0.0"): "2 instances, proven", (NAME, "0.9.0"): "1 instance"},
    ),
    "being created from": (
        {**proven(None), "creationVersion": "1.0.0", "versions": [group("1.0.0", "0", 1)]},
        [],
        {(NAME, "1.0.0"): "1 instance, being created from"},
    ),
    "created from once, and nothing runs it": ({**proven(None), "creationVersion": "1.0.0"}, [], {}),
    "of another image": (
        {"versions": [group("1.0.0", "0", 1), group("2.0.0", "1", 1, "web-old")], **proven("2.0.0")}
        | {"provenImage": "Contoso/Web/0"},
        [],
        {(NAME, "1.0.0"): "1 instance", ("Contoso/Web/0", "2.0.0"): "1 instance, proven"},
    ),
    "an active run": (
        {"versions": [group("1.0.0", "1", 1), group("1.1.0", "0", 1)]},
        [run()],
        {(NAME, "1.0.0"): f"1 instance, proven, {BACK}", (NAME, "1.1.0"): f"1 instance, {TARGET}"},
    ),
    "a finished run": (
        {"versions": [group("1.0.0", "0", 1)]},
        [run("Completed")],
        {(NAME, "1.0.0"): "1 instance, proven"},
    ),
}


@pytest.mark.parametrize(("status", "runs", "expected"), USES.values(), ids=USES)
def test_v7_what_a_set_uses(status: JsonMap, runs: list[UpgradeRun], expected: dict[tuple[str, str], str]) -> None:
    images = {"web-rev1": NAME, "web-old": "Contoso/Web/0"}
    found = usage.of(scale_set(3, status=status), runs, images.get)
    assert {numbered: str(use) for numbered, use in found.items()} == expected
    moving = {numbered for numbered, use in found.items() if usage.is_moving({("default", "web"): use})}
    assert moving == {numbered for numbered, said in expected.items() if "UpgradeRun" in said}


def test_v7_a_decision_is_known_before_it_is_carried_out() -> None:
    before = scale_set(1, status={"versions": [group("1.0.0", "0", 1)]})
    status = scale_set(1, status={"versions": [group("1.2.0", "0", 1)]}).status
    todo = [WriteRun("r", run().status, urgent=True), WriteSet(status, urgent=True)]
    found = usage.after(before, [run("Pending")], todo, {}.get)
    assert {number for _, number in found} == {"1.0.0", "1.1.0", "1.2.0"}
    assert {number for _, number in usage.after(before, [], [], {}.get)} == {"1.0.0"}


def test_v7_who_a_deletion_waits_for_is_told() -> None:
    users = {("default", f"s{n}"): Use(n) for n in range(1, 8)}
    said = usage.what_deletion_waits_for(users, "default")
    assert "ScaleSet s1 (1 instance), ScaleSet s2 (2 instances)" in said
    assert "2 more scale sets" in said
    assert "ScaleSet default/s1" in usage.what_deletion_waits_for(users, "images")
    assert usage.what_deletion_waits_for({}, "default") == ""
    assert usage.count(users) == UsedBy(scale_sets=7, instances=28)


def test_v7_a_deletion_that_waits_stands_in_the_conditions() -> None:
    going = image_version("1.0.0", deleting=True)
    used_by = UsedBy(scale_sets=1, instances=2)
    status = publishing.status_of_going(going, "is used by web", used_by, at(5))
    (ready,) = [c for c in status.conditions if c.type == "Ready"]
    assert (ready.status, ready.reason, ready.message) == ("False", "InUse", "is used by web")
    assert status.used_by == used_by
    again = publishing.status_of_going(going.model_copy(update={"status": status}), "is used by web", used_by, at(9))
    assert again == status


def test_v7_a_duplicate_waits_until_the_older_is_gone() -> None:
    older = image_version("1.0.0", name="older", created=-9, deleting=True)
    younger = image_version("1.0.0", name="younger", created=-1)
    status = publishing.status_of(younger, [older, younger], at(0))
    assert [c.reason for c in status.conditions] == ["Duplicate"]
    assert "is not gone yet" in status.conditions[0].message


def test_v7_nothing_begins_to_use_what_is_going() -> None:
    going = image_version("1.0.0", deleting=True)
    for status, expected in ((proven(None), None), ({**proven(None), "creationVersion": "1.0.0"}, "1.0.0")):
        pinned = scale_set(2, version="1.0.0", status=status)
        found = versions.creation_version(pinned, versions.catalogue_of(pinned, [going]))
        assert (found.version if found else None) == expected
