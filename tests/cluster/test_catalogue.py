"""Which versions a set gets: regions (V4)."""

from tests.cluster.audit import Json
from tests.cluster.fleet import fleet, published
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition


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


def test_a_set_without_a_region_says_that_it_needs_one(live: World) -> None:
    """V4: NoRegion, with the way out; a version for everywhere is that."""
    live.create(_for("1.0.0", {"name": "eu"}), fleet(1))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "NoRegion")
    assert "publish a version without spec.targetRegions" in blocked["message"]
    assert live.pods() == []
    live.create(published("1.0.1"))
    live.until_healthy("1.0.1", 1)
    assert condition(live.get("scalesets", "web"), "UpgradeBlocked")["status"] == "False"
