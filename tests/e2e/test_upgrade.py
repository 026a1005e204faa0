"""The story of one scale set with real containers and data disks, step by step."""

import itertools
import signal

import pytest

from tests.e2e.images import image
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site, until

WEB = "web"
PODS = ("web-0", "web-1", "web-2", "web-3")
pytestmark = pytest.mark.usefixtures("in_order")

ROLL_SECONDS = 240
UPGRADED_UNHEALTHY = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"


def publish(site: Site, version: str) -> None:
    site.apply(image_version(WEB, version, image(version)))


def disks(site: Site) -> dict[str, str]:
    """The unique file of each data disk."""
    return {pod: site.shell(pod, "cat /data/mine") for pod in PODS}


def starts(site: Site, pod: str) -> list[str]:
    """The versions that an instance's data disk has seen, restarts of the same left out."""
    return [version for version, _ in itertools.groupby(site.shell(pod, "cat /data/log").split())]


def uids(site: Site) -> dict[str, str]:
    return {name: pod["metadata"]["uid"] for name, pod in site.pods(WEB).items()}


def served(site: Site) -> dict[str, str]:
    return {pod: site.served(pod) for pod in PODS}


def all_on(version: str) -> dict[str, str]:
    return dict.fromkeys(PODS, version)


@pytest.fixture(scope="module")
def marks(site: Site) -> dict[str, str]:
    """What is written to each data disk at the start."""
    return {pod: f"{pod} of {site.namespace}" for pod in PODS}


def test_first_version_is_installed(site: Site, marks: dict[str, str]) -> None:
    publish(site, "1.0.0")
    site.apply(scale_set(WEB, len(PODS)))
    site.wait_for_proven(WEB, "1.0.0", len(PODS), 180)
    assert served(site) == all_on("1.0.0")
    for pod, mark in marks.items():
        site.shell(pod, f"echo '{mark}' > /data/mine; echo left > /left")
    assert site.runs(WEB, "1.0.0") == [], "a first creation takes no run"


def test_new_version_rolls_one_by_one(site: Site, marks: dict[str, str]) -> None:
    with site.watching(WEB) as watch:
        publish(site, "1.1.0")
        status = site.finished(site.run_to(WEB, "1.1.0"), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Completed"
    assert [batch["instances"] for batch in status["batches"]] == ["0", "1", "2", "3"]
    assert [batch["succeeded"] for batch in status["batches"]] == [1, 1, 1, 1]
    assert watch.fewest_ready() == len(PODS) - 1
    site.wait_for_proven(WEB, "1.1.0", len(PODS), 30)
    assert served(site) == all_on("1.1.0")
    assert disks(site) == marks
    assert {pod: starts(site, pod) for pod in PODS} == {pod: ["1.0.0", "1.1.0"] for pod in PODS}


def test_root_file_system_is_new(site: Site) -> None:
    assert {pod: site.shell(pod, "cat /left 2>&1 || true") for pod in PODS} == dict.fromkeys(
        PODS, "cat: can't open '/left': No such file or directory"
    )


def test_broken_version_is_put_back(site: Site, marks: dict[str, str]) -> None:
    before = uids(site)
    with site.watching(WEB) as watch:
        publish(site, "1.2.0")
        status = site.finished(site.run_to(WEB, "1.2.0"), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Faulted"
    assert status["error"]["code"] == UPGRADED_UNHEALTHY
    assert status["error"]["message"].startswith("1 of 1 upgraded instances unhealthy (100%, limit 20%)")
    assert status["instances"]["rolledBack"] == "0"
    assert status["progress"]["pendingInstanceCount"] == 3
    assert status["failures"][0]["reason"] == "HealthTimeout"
    assert watch.fewest_ready() == len(PODS) - 1
    assert served(site) == all_on("1.1.0")
    assert disks(site) == marks
    assert starts(site, "web-0") == ["1.0.0", "1.1.0", "1.2.0", "1.1.0"]
    assert starts(site, "web-1") == ["1.0.0", "1.1.0"]
    assert {name for name, uid in uids(site).items() if uid != before[name]} == {"web-0"}


def test_broken_version_is_held(site: Site) -> None:
    site.wait_for_proven(WEB, "1.1.0", len(PODS), 30)
    held = site.get("scaleset", WEB)["status"]["heldVersions"]
    assert [(hold["version"], hold["reason"]) for hold in held] == [("1.2.0", "UpgradedUnhealthy")]


def test_run_outlives_a_killed_controller(site: Site, marks: dict[str, str]) -> None:
    with site.watching(WEB) as watch:
        publish(site, "1.3.0")
        run = site.run_to(WEB, "1.3.0")
        until("the second batch", lambda: second_batch(site, run), ROLL_SECONDS)
        assert site.controller.end(signal.SIGKILL) == -signal.SIGKILL
        site.controller.start()
        status = site.finished(run, ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Completed"
    assert [batch["instances"] for batch in status["batches"]] == ["0", "1", "2", "3"]
    assert watch.fewest_ready() == len(PODS) - 1
    site.wait_for_proven(WEB, "1.3.0", len(PODS), 30)
    assert served(site) == all_on("1.3.0")
    assert disks(site) == marks
    assert starts(site, "web-3") == ["1.0.0", "1.1.0", "1.3.0"]
    assert len(site.runs(WEB, "1.2.0")) == 1, "a held version is not tried again"


def second_batch(site: Site, run: str) -> bool | None:
    batch = site.get("upgraderun", run)["status"].get("currentBatch") or {}
    return True if batch.get("number", 0) >= 2 else None


def test_deletion_leaves_the_data_disks(site: Site) -> None:
    site.kubectl("delete", "scaleset", WEB, "--timeout=60s", seconds=90)
    until("no pod of the set", lambda: None if site.pods(WEB) else True, 60)
    claims = {claim["metadata"]["name"]: claim["status"]["phase"] for claim in site.every("persistentvolumeclaims")}
    assert {name: claims.get(name) for name in map("data-{}".format, PODS)} == {f"data-{pod}": "Bound" for pod in PODS}


def test_new_set_takes_the_data_disks_up(site: Site, marks: dict[str, str]) -> None:
    site.apply(scale_set(WEB, len(PODS)))
    site.wait_for_proven(WEB, "1.3.0", len(PODS), 120)
    assert disks(site) == marks
