"""Images changed in place by a real kubelet: the pod stays, whatever becomes of the new container (B5, E2, H3)."""

from typing import Any

import pytest

from tests.e2e.images import SAME, image
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site

Json = dict[str, Any]
SET = "stay"
PODS = ("stay-0", "stay-1")
ROLL_SECONDS = 180
NOTES = {"name": "notes", "mountPath": "/notes"}
pytestmark = pytest.mark.usefixtures("in_order")


def manifest() -> Json:
    """With custom data that takes two seconds, and notes in an emptyDir, which lives as long as the pod."""
    script = "sleep 2; echo custom >>/notes/order; cat /www/version >/www/custom"
    made = scale_set(SET, len(PODS), provisioning_seconds=60, spec={"customData": {"inline": script}})
    made["spec"]["upgradePolicy"]["replacementMethod"] = "InPlaceIfPossible"
    pod = made["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "notes", "emptyDir": {}}]
    pod["containers"][0]["volumeMounts"].append(NOTES)
    return made


def publish(site: Site, version: str, reference: str | None = None) -> Json:
    """The status of the run to a version, when it has ended."""
    site.apply(image_version(SET, version, reference or image(version)))
    return site.finished(site.run_to(SET, version), ROLL_SECONDS)


def places(site: Site) -> dict[str, tuple[str, str, str]]:
    """Which pod stands for each instance, its address and its node."""
    found = site.pods(SET)
    return {n: (p["metadata"]["uid"], p["status"]["podIP"], p["spec"]["nodeName"]) for n, p in found.items()}


def restarts(site: Site) -> list[int]:
    return [site.pods(SET)[pod]["status"]["containerStatuses"][0]["restartCount"] for pod in PODS]


def found(site: Site, file: str) -> list[str]:
    return [site.shell(pod, f"cat {file} 2>/dev/null || true") for pod in PODS]


@pytest.fixture(scope="module")
def before(site: Site) -> dict[str, tuple[str, str, str]]:
    """Where the instances are from their first creation on."""
    return places(site)


def test_first_version(site: Site) -> None:
    site.apply(image_version(SET, "1.0.0", image("1.0.0")), manifest())
    site.wait_for_proven(SET, "1.0.0", len(PODS), 120)
    for pod in PODS:
        site.shell(pod, "echo kept >/notes/kept; echo kept >/data/kept; echo left >/left")


def test_pods_stay_and_the_os_disk_is_new(site: Site, before: dict[str, tuple[str, str, str]]) -> None:
    """B5."""
    status = publish(site, "1.1.0")
    assert status["runningStatus"]["code"] == "Completed"
    assert [batch["instances"] for batch in status["batches"]] == ["0", "1"]
    assert places(site) == before
    assert [site.served(pod) for pod in PODS] == ["1.1.0", "1.1.0"]
    assert restarts(site) == [1, 1]
    assert found(site, "/notes/kept") == found(site, "/data/kept") == ["kept", "kept"]
    assert found(site, "/left") == ["", ""]


def test_custom_data_has_run_again(site: Site) -> None:
    """E2."""
    assert found(site, "/notes/order") == ["custom\ncustom", "custom\ncustom"]
    assert found(site, "/www/custom") == ["1.1.0", "1.1.0"]


def test_a_broken_version_is_put_back_in_place(site: Site, before: dict[str, tuple[str, str, str]]) -> None:
    """H3."""
    status = publish(site, "1.2.0")
    assert status["runningStatus"]["code"] == "Faulted"
    assert status["instances"]["rolledBack"] == "0"
    assert status["failures"][0]["reason"] == "HealthTimeout"
    assert places(site) == before
    assert [site.served(pod) for pod in PODS] == ["1.1.0", "1.1.0"]
    assert restarts(site) == [3, 1]


def test_a_version_without_an_image_is_put_back_in_place(site: Site, before: dict[str, tuple[str, str, str]]) -> None:
    """H5. Nobody listens on port 1 of a node's loopback interface."""
    status = publish(site, "1.2.1", "127.0.0.1:1/nowhere:1.2.1")
    assert status["runningStatus"]["code"] == "Faulted"
    assert status["instances"]["rolledBack"] == "0"
    assert status["failures"][0]["reason"] == "RegistryUnreachable"
    assert places(site) == before
    assert [site.served(pod) for pod in PODS] == ["1.1.0", "1.1.0"]


def test_the_same_content_under_another_tag(site: Site, before: dict[str, tuple[str, str, str]]) -> None:
    """Neither the image's id nor its name tells the containers apart then."""
    assert publish(site, "1.3.0")["runningStatus"]["code"] == "Completed"
    assert publish(site, SAME)["runningStatus"]["code"] == "Completed"
    assert places(site) == before
    site.wait_for_proven(SET, SAME, len(PODS), 30)
    assert [site.served(pod) for pod in PODS] == ["1.3.0", "1.3.0"]
