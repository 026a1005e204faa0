"""A changed SKU: another image, whose versions have nothing to do with those before (V6)."""

from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, fleet, gate
from tests.cluster.manifests import made
from tests.cluster.replay import code_of, status_of
from tests.cluster.world import World

PLATFORM = {"publisher": "contoso", "offer": "web"}


def _published(sku: str, version: str, tail: str = "") -> Json:
    image = f"registry.test/{sku}:{version}{tail}"
    return made("ImageVersion", f"{sku}-{version}", {**PLATFORM, "sku": sku, "version": version, "image": image})


def _change_sku(world: World, sku: str) -> None:
    world.patch("scaleset", "web", {"spec": {"imageReference": {"sku": sku}}})


def _images(world: World) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in world.pods()}


def _ended_model_run(world: World, code: str) -> Json:
    def ended() -> Json | None:
        runs = [r for r in world.items("upgraderuns") if r["spec"]["type"] == "Model" and code_of(r) == code]
        return runs[0] if runs and not runs[0]["metadata"].get("finalizers") else None

    return world.until(f"a Model run is {code}", ended)


def test_a_changed_sku(live: World) -> None:
    """V6, F4: a Model run to latest of the new image, though its number is lower; that is proven then."""
    image = {**PLATFORM, "sku": "one"}
    live.create(_published("one", "2.0.0"), _published("two", "1.0.0"), fleet(4, 50, imageReference=image))
    live.until_healthy("2.0.0", 4)
    _change_sku(live, "two")
    run = _ended_model_run(live, "Completed")
    assert status_of(run)["targetImageReference"]["sku"] == "two"
    scale_set = live.until_healthy("1.0.0", 4)
    assert status_of(scale_set)["provenImage"] == "contoso/web/two"
    assert status_of(scale_set).get("osUpgradeHistory", []) == []
    assert all("/two:1.0.0" in found for found in _images(live))


def test_a_changed_sku_that_fails(live: World) -> None:
    """V6, H3, F3: instances get image and version back; what was proven stays so; the model is held."""
    image = {**PLATFORM, "sku": "one"}
    live.create(_published("one", "2.0.0"), _published("two", "1.0.0", BROKEN), fleet(4, 50, imageReference=image))
    live.until_healthy("2.0.0", 4)
    _change_sku(live, "two")
    run = _ended_model_run(live, "Faulted")
    assert status_of(run)["instances"]["rolledBack"] == "0-1"
    scale_set = live.until_healthy("2.0.0", 4)
    assert status_of(scale_set)["provenImage"] == "contoso/web/one"
    assert [h["runName"] for h in status_of(scale_set)["heldModelRevisions"]] == [run["metadata"]["name"]]
    assert all("/one:2.0.0" in found for found in _images(live))


def test_until_the_new_image_is_proven_the_old_one_serves(live: World) -> None:
    """V6, F5, B11: repair and scale-out get the old image in mid-run; upgraded ones are made again on the new one."""
    image = {**PLATFORM, "sku": "one"}
    versions = [_published("one", "2.0.0"), _published("two", "1.0.0")]
    live.create(*versions, gate(1), fleet(3, percent=34, imageReference=image))
    live.until_healthy("2.0.0", 3)
    _change_sku(live, "two")
    live.until("a run stands still", lambda: any(_in_hand(run) == "1" for run in live.items("upgraderuns")))
    before = live.uids()
    live("scale", "scaleset/web", "--replicas=4")
    live("delete", "pod", "web-0", "web-2", "--wait=false")
    live.until(
        "they are made anew",
        lambda: len(live.uids()) == 4 and not {before["web-0"], before["web-2"]} & set(live.uids().values()),
    )
    assert live.versions() == ["1.0.0", "2.0.0", "2.0.0", "2.0.0"]
    live.open_gate()
    _ended_model_run(live, "Completed")
    live.until_healthy("1.0.0", 4)
    assert _images(live) == {"registry.test/two:1.0.0"}


def _in_hand(run: Json) -> str | None:
    found: str | None = status_of(run).get("currentBatch", {}).get("instances")
    return found
