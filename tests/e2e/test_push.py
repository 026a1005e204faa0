"""A push to a registry is all it takes: real containers run what was pushed, by digest (V4, V8, B8, H3, F3)."""

from collections.abc import Iterator

import pytest

from hack.localregistry import LocalRegistry
from tests.e2e.manifests import image_source, scale_set
from tests.e2e.registry import push, registry_for
from tests.e2e.site import Site

PUSHED = "pushed"
REPOSITORY = "rollkeeper-e2e/pushed"
PODS = ("pushed-0", "pushed-1")
ROLL_SECONDS = 180
pytestmark = pytest.mark.usefixtures("in_order")


@pytest.fixture(scope="module")
def registry(site: Site) -> Iterator[LocalRegistry]:
    with registry_for(site.cluster, site.folder / "registry") as started:
        yield started
        site.kubectl("delete", "imagesource,scaleset", PUSHED, "--timeout=60s", seconds=90)


@pytest.fixture(scope="module")
def pushed(registry: LocalRegistry) -> dict[str, str]:
    """References by version, by digest; the first one is there."""
    return {"1.0.0": f"{registry.host}/{REPOSITORY}@{push(registry, REPOSITORY, '1.0.0')}"}


def images(site: Site) -> set[str]:
    """What the instances are to run."""
    return {pod["spec"]["containers"][0]["image"] for pod in site.pods(PUSHED).values()}


def running(site: Site) -> set[str]:
    """What the kubelets say that they run."""
    return {pod["status"]["containerStatuses"][0]["imageID"] for pod in site.pods(PUSHED).values()}


def served(site: Site) -> set[str]:
    return {site.served(pod) for pod in PODS}


def test_the_first_tag_is_installed(site: Site, registry: LocalRegistry, pushed: dict[str, str]) -> None:
    site.apply(image_source(PUSHED, f"{registry.host}/{REPOSITORY}"), scale_set(PUSHED, len(PODS)))
    site.wait_for_proven(PUSHED, "1.0.0", len(PODS), ROLL_SECONDS)
    assert images(site) == {pushed["1.0.0"]}
    assert served(site) == {"1.0.0"}


def test_a_push_rolls(site: Site, registry: LocalRegistry, pushed: dict[str, str]) -> None:
    """V8: nothing but the push: the next scan finds it."""
    pushed["1.1.0"] = f"{registry.host}/{REPOSITORY}@{push(registry, REPOSITORY, '1.1.0')}"
    status = site.finished(site.run_to(PUSHED, "1.1.0"), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Completed"
    site.wait_for_proven(PUSHED, "1.1.0", len(PODS), 30)
    assert images(site) == {pushed["1.1.0"]}
    assert running(site) == {pushed["1.1.0"]}, "pulled from that registry, by digest"
    assert served(site) == {"1.1.0"}


def test_a_push_of_a_broken_image_is_put_back_and_held(
    site: Site, registry: LocalRegistry, pushed: dict[str, str]
) -> None:
    push(registry, REPOSITORY, "1.2.0")
    status = site.finished(site.run_to(PUSHED, "1.2.0"), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Faulted"
    assert status["instances"]["rolledBack"] == "0"
    site.wait_for_proven(PUSHED, "1.1.0", len(PODS), 30)
    assert running(site) == {pushed["1.1.0"]}
    assert served(site) == {"1.1.0"}
    held = site.get("scaleset", PUSHED)["status"]["heldVersions"]
    assert [(hold["version"], hold["reason"]) for hold in held] == [("1.2.0", "UpgradedUnhealthy")]
    assert len(site.runs(PUSHED, "1.2.0")) == 1
