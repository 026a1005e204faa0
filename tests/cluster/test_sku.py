"""A changed SKU: another image, whose versions have nothing to do with those before (V6)."""

from tests.cluster.audit import Json
from tests.cluster.fleet import BROKEN, fleet
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
