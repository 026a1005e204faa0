"""Bad input gets a clear error, and nothing is lost (H5, M3, I2, T4, V2, V7)."""

import pytest

from hack.localcluster import ClusterError
from tests.cluster.audit import Json
from tests.cluster.fleet import data_disk, fleet, published, users_run
from tests.cluster.manifests import PROBED, made, template
from tests.cluster.replay import code_of, status_of
from tests.cluster.world import World, condition, places

UNKNOWN_MOUNT = template({**PROBED, "volumeMounts": [{"name": "nowhere", "mountPath": "/data"}]})
"""The API server refuses such pods: there is no volume of that name. Only it knows; the schema lets it pass."""


def _uids(world: World) -> list[str]:
    return [pod["metadata"]["uid"] for pod in world.pods()]


def test_image_that_exists_nowhere(live: World) -> None:
    """H5, H3, B8: the kubelet's reason stands in the failure; what ran before runs again."""
    hasty = {"provisioningTimeoutSeconds": 5, "healthTimeoutSeconds": 5}
    upgrades = {"enableAutomaticOSUpgrade": True}
    policy = {"automaticOSUpgradePolicy": upgrades, "rollingUpgradePolicy": hasty}
    live.create(published("1.0.0"), fleet(2, upgradePolicy=policy))
    live.until_healthy("1.0.0", 2)
    nowhere = published("1.1.0")
    nowhere["spec"]["image"] = "registry.test/os:bad-1.1.0"
    live.create(nowhere)
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
    (failure,) = status_of(run)["failures"]
    assert (failure["instance"], failure["reason"]) == (0, "ImagePullBackOff")
    assert "registry.test/os:bad-1.1.0" in failure["message"]
    live.until_healthy("1.0.0", 2)
    assert live.versions() == ["1.0.0"] * 2


def test_new_set_whose_template_is_refused(live: World) -> None:
    """M3: found before anything is made, told in the server's words; mended by correcting it."""
    live.create(published("1.0.0"), fleet(2, template=UNKNOWN_MOUNT, volumeClaimTemplates=[data_disk()]))
    stalled = live.until_condition("web", "Stalled", "True", "InvalidModel")
    assert "volumeMounts" in stalled["message"]
    assert "nowhere" in stalled["message"]
    assert condition(live.get("scalesets", "web"), "Ready")["status"] == "False"
    assert (live.pods(), live.claims()) == ([], {})
    live.patch("scaleset", "web", {"spec": {"template": template(PROBED)}})
    live.until_healthy("1.0.0", 2)


def test_existing_set_whose_template_is_refused(live: World) -> None:
    """M3, T5: the upgrade is blocked and nothing is touched; it goes on when the template is mended."""
    live.create(published("1.0.0"), fleet(2))
    live.until_healthy("1.0.0", 2)
    before = _uids(live)
    live.patch("scaleset", "web", {"spec": {"template": UNKNOWN_MOUNT}})
    live.create(published("1.1.0"))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "ModelRefused")
    assert "nowhere" in blocked["message"]
    live.create(users_run("mine", "1.1.0"))
    error = status_of(live.until_run("mine", "Faulted"))["error"]
    assert (error["code"], "nowhere" in error["message"]) == ("InvalidModel", True)
    assert [r["metadata"]["name"] for r in live.items("upgraderuns")] == ["mine"]
    assert _uids(live) == before
    live.patch("scaleset", "web", {"spec": {"template": template(PROBED)}})
    live.until_healthy("1.1.0", 2)


def test_names_taken_by_somebody_elses_pods(live: World) -> None:
    """I2: they are not touched; the set says which pod is in its way, and goes on when it is gone."""
    foreign: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "web-1"},
        "spec": template({"name": "other", "image": "registry.test/other:1"})["spec"],
    }
    live.create(foreign)
    before = live.get("pods", "web-1")["metadata"]
    live.create(published("1.0.0"), fleet(3))
    stalled = live.until_condition("web", "Stalled", "True", "NameTaken")
    assert "web-1" in stalled["message"]
    there = live.get("pods", "web-1")["metadata"]
    assert (there["uid"], there.get("ownerReferences")) == (before["uid"], None)
    assert [label for label in there.get("labels", {}) if label.startswith("rollkeeper")] == []
    live("delete", "pod", "web-1")
    live.until_healthy("1.0.0", 3)


def test_claims_that_were_there_are_taken_as_they_are(live: World) -> None:
    """I2, I3: the data disk of an earlier set, or of a StatefulSet, is used, not written."""
    left = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **data_disk()}
    left["metadata"] = {"name": "data-web-0", "labels": {"mine": "yes"}}
    live.create(left)
    before = live.get("persistentvolumeclaims", "data-web-0")["metadata"]
    live.create(published("1.0.0"), fleet(2, volumeClaimTemplates=[data_disk()]))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"))
    live.until_healthy("1.1.0", 2)
    after = live.get("persistentvolumeclaims", "data-web-0")["metadata"]
    assert (after["uid"], after["labels"]) == (before["uid"], {"mine": "yes"})
    assert list(live.claims()) == ["data-web-0", "data-web-1"]


def test_run_for_a_set_that_does_not_exist(live: World) -> None:
    """T4: it says so, and starts when the set appears."""
    live.create(published("1.0.0"), users_run("early", "1.0.0"))
    waiting = live.until("the run says what it waits for", lambda: _with_message(live.get("upgraderuns", "early")))
    assert code_of(waiting) == "Pending"
    assert f"no ScaleSet web in namespace {live.namespace}" in status_of(waiting)["message"]
    assert condition(waiting, "Finished")["reason"] == "ScaleSetNotFound"
    live.create(fleet(2, automatic=False))
    assert places(live.until_run("early", "Completed")) == {"succeeded": [0, 1]}
    live.until_healthy("1.0.0", 2)


def _with_message(run: Json) -> Json | None:
    return run if status_of(run).get("message") else None


def test_versions_that_do_not_parse_are_refused(live: World) -> None:
    """V2: by the API server, with what to write instead."""
    for manifest in (published("1.0"), published("v1.0.0"), users_run("mine", "1.0.0-rc1")):
        with pytest.raises(ClusterError) as refusal:
            live.create(manifest)
        assert "is not a version" in str(refusal.value)
        assert "three numbers" in str(refusal.value)
    assert live.items("imageversions") == []


def test_two_image_versions_of_one_number(live: World) -> None:
    """V7: the older one wins; the other one says so, and takes its place when it is gone."""
    live.create(published("1.0.0", name="first"))
    live.until_condition("first", "Ready", "True", "Published", kind="imageversions")
    live.create(published("1.0.0", "-second", name="second"), published("1.0.0", "-third", name="third"))
    duplicate = live.until_condition("second", "Ready", "False", "Duplicate", kind="imageversions")
    assert "ImageVersion first" in duplicate["message"]
    live.create(fleet(1))
    live.until_healthy("1.0.0", 1)
    (pod,) = live.pods()
    assert pod["spec"]["containers"][0]["image"] == "registry.test/os:1.0.0"
    uid = pod["metadata"]["uid"]
    live("delete", "imageversion", "second", "third")
    assert _uids(live) == [uid]


def test_platform_is_for_the_controller_alone(live: World) -> None:
    """T4: a run that only says it was started by the platform is refused, with what to do."""
    live.create(published("1.0.0"), fleet(2, automatic=False))
    live.until_healthy("1.0.0", 2)
    forged = made("UpgradeRun", "forged", {"scaleSetName": "web", "imageVersion": "1.0.0", "startedBy": "Platform"})
    live.create(forged)
    error = status_of(live.until_run("forged", "Faulted"))["error"]
    assert error["code"] == "InvalidStartedBy"
    assert "leave it out" in error["message"]
