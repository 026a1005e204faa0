"""Which versions a set gets: regions (V4, T9), supported ones (V3), those of its own and the shared namespace (V1)."""

from pathlib import Path

import pytest

from hack.localcluster import LocalCluster
from tests.cluster.audit import Json
from tests.cluster.fleet import fleet, gate, published, users_run
from tests.cluster.manifests import PLATFORM, made
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "catalogue"


def _for(version: str, *regions: Json) -> Json:
    manifest = published(version)
    manifest["spec"]["targetRegions"] = list(regions)
    return manifest


def _images(world: World, name: str) -> set[str]:
    pods = [p for p in world.pods() if p["metadata"]["labels"]["rollkeeper.io/scale-set"] == name]
    return {p["spec"]["containers"][0]["image"] for p in pods}


def test_publishing_to_a_region_rolls_the_sets_there(live: World) -> None:
    """V4: the others follow when their region is added, with the image that is theirs."""
    live.create(published("1.0.0"))
    live.create(*(fleet(2, 50, name=name, region=name) for name in ("eu", "us")), fleet(1, name="nowhere"))
    for name, replicas in (("eu", 2), ("us", 2), ("nowhere", 1)):
        live.until_healthy("1.0.0", replicas, name)
    live.create(_for("1.1.0", {"name": "us"}))
    live.until_healthy("1.1.0", 2, "us")
    assert {r["spec"]["scaleSetName"] for r in live.items("upgraderuns")} == {"us"}
    assert status_of(live.get("scalesets", "eu"))["latestImageVersion"] == "1.0.0"
    there = [{"name": "us"}, {"name": "eu", "image": "eu.registry.test/os:1.1.0"}]
    live.patch("imageversion", "os-1.1.0", {"spec": {"targetRegions": there}})
    live.until_healthy("1.1.0", 2, "eu")
    assert _images(live, "eu") == {"eu.registry.test/os:1.1.0"}
    assert _images(live, "us") == {"registry.test/os:1.1.0"}
    assert _images(live, "nowhere") == {"registry.test/os:1.0.0"}
    assert condition(live.get("scalesets", "nowhere"), "UpToDate")["status"] == "True"


WITHDRAWN = {
    "no longer there": ([{"name": "us"}], "no longer for region eu"),
    "excluded there": ([{"name": "us"}, {"name": "eu", "excludeFromLatest": True}], "was excluded from latest"),
}


@pytest.mark.parametrize(("regions", "says"), WITHDRAWN.values(), ids=WITHDRAWN)
def test_a_region_is_taken_back_in_mid_run(live: World, regions: list[Json], says: str) -> None:
    """T9, V4, V3, F1: the run there ends, and what it has brought stays; with its region back it goes on."""
    live.create(published("1.0.0"), gate(1), fleet(3, 34, region="eu"))
    live.until_healthy("1.0.0", 3)
    everywhere: list[Json] = [{"name": "us"}, {"name": "eu"}]
    live.create(_for("1.1.0", *everywhere))
    name = live.until_gated("1.1.0", 1)
    live.patch("imageversion", "os-1.1.0", {"spec": {"targetRegions": regions}})
    error = status_of(live.until_run(name, "Cancelled"))["error"]
    assert (error["code"], says in error["message"]) == ("TargetWithdrawn", True)
    assert live.versions() == ["1.1.0", "1.0.0", "1.0.0"]
    live.open_gate()
    assert status_of(live.until_healthy("1.0.0", 3))["latestImageVersion"] == "1.0.0"
    live.patch("imageversion", "os-1.1.0", {"spec": {"targetRegions": everywhere}})
    live.until_run_to("1.1.0", "Completed", attempt=2)
    live.until_healthy("1.1.0", 3)


def test_a_set_that_follows_an_unsupported_image_says_so(live: World) -> None:
    """V3: automatic upgrades leave it out; a run of the user's own goes to it."""
    for number, supported in (("1.0.0", True), ("1.1.0", False)):
        spec = {**PLATFORM, "version": number, "image": f"registry.test/os:{number}"}
        live.create(made("ImageVersion", f"os-{number}", {**spec, "automaticOSUpgradeSupported": supported}))
        if number == "1.0.0":
            live.create(fleet(1, imageReference=PLATFORM))
            live.until_healthy("1.0.0", 1)
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "ImageNotSupported")
    assert "the latest version 1.1.0 of contoso/linux/lts does not support automatic upgrades" in blocked["message"]
    live.create(users_run("mine", "1.1.0"))
    live.until_run("mine", "Completed")
    live.until_healthy("1.1.0", 1)


def test_versions_of_another_os_are_not_seen(live: World) -> None:
    """V3, E4: a higher number of the same image for Windows is nothing for instances that run Linux."""
    live.create(published("1.0.0"), fleet(1))
    live.until_healthy("1.0.0", 1)
    windows = published("1.1.0")
    windows["spec"]["osType"] = "Windows"
    live.publish(windows)
    live.create(published("1.0.1"))
    live.until_run_to("1.0.1", "Completed")
    assert status_of(live.until_healthy("1.0.1", 1))["latestImageVersion"] == "1.0.1"


def test_own_and_shared_versions(live: World, simulated: LocalCluster) -> None:
    """V1: a set sees those of its own namespace and of the shared one; on equal numbers its own wins."""
    gallery = {"gallery": "shared", "definition": live.namespace}
    shared = World(simulated, "default")
    for number in ("1.0.0", "1.1.0"):
        spec = {**gallery, "version": number, "image": f"registry.test/shared:{number}"}
        shared.create(made("ImageVersion", f"{live.namespace}-{number}", spec))
    try:
        spec = {**gallery, "version": "1.1.0", "image": "registry.test/own:1.1.0"}
        live.create(made("ImageVersion", "own", spec))
        live.until_condition("own", "Ready", "True", "Published", kind="imageversions")
        live.create(fleet(1, imageReference=gallery))
        live.until_healthy("1.1.0", 1)
        assert _images(live, "web") == {"registry.test/own:1.1.0"}
        live.patch("imageversion", "own", {"spec": {"excludeFromLatest": True}})
        live.until(
            "the shared one counts",
            lambda: status_of(live.get("scalesets", "web")).get("latestImageVersion") == "1.0.0",
        )
    finally:
        for number in ("1.0.0", "1.1.0"):
            shared("delete", "imageversion", f"{live.namespace}-{number}", "--wait=false")


def test_a_version_past_its_end_of_life_works_and_warns(live: World) -> None:
    """V7: the end may be set later; nothing is rolled or withdrawn because of it."""
    live.create(published("1.0.0"), fleet(1))
    live.until_healthy("1.0.0", 1)
    live.patch("imageversion", "os-1.0.0", {"spec": {"endOfLifeTime": "2020-01-31T00:00:00Z"}})
    told = live.until_condition("os-1.0.0", "Ready", "True", "EndOfLife", kind="imageversions")
    assert told["message"] == "past its end of life since 2020-01-31: publish a newer version"
    live("scale", "scaleset", "web", "--replicas=2")
    live.until_healthy("1.0.0", 2)
    warnings = live.until("a warning is there", lambda: [e for e in live.items("events") if e["reason"] == "EndOfLife"])
    assert [(e["type"], e["regarding"]["name"], e["note"]) for e in warnings] == [
        ("Warning", "os-1.0.0", told["message"])
    ]


def test_the_examples_work(live: World) -> None:
    """All that is there is applied; versions can be used, though nobody has their registry; the source says so."""
    live("apply", "--filename", str(EXAMPLES))
    names = [version["metadata"]["name"] for version in live.items("imageversions")]
    assert len(names) == sum(file.read_text().count("kind: ImageVersion") for file in EXAMPLES.glob("*.yaml"))
    for name in names:
        live.until(f"{name} can be used", lambda name=name: _is_ready(live.get("imageversions", name)))
    (source,) = live.items("imagesources")
    live.until("the source was tried", lambda: condition(live.get("imagesources", source["metadata"]["name"]), "Ready"))
    windows = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2019-Datacenter"}
    live.create(
        fleet(0, imageReference=windows, osType="Windows", windowsConfiguration={"enableAutomaticUpdates": False})
    )
    live.until(
        "a set follows one of them",
        lambda: status_of(live.get("scalesets", "web")).get("latestImageVersion") == "17763.2183.210914",
    )


def _is_ready(version: Json) -> bool:
    return bool(condition(version, "Ready").get("status") == "True")


def test_a_set_without_a_region_says_that_it_needs_one(live: World) -> None:
    """V4: NoRegion, with the way out; a version for everywhere is that."""
    live.create(_for("1.0.0", {"name": "eu"}), fleet(1))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "NoRegion")
    assert "publish a version without spec.targetRegions" in blocked["message"]
    assert live.pods() == []
    live.create(published("1.0.1"))
    live.until_healthy("1.0.1", 1)
    assert condition(live.get("scalesets", "web"), "UpgradeBlocked")["status"] == "False"
