"""V4: which versions count for a set, by its region; what it says when none does; T9's loss of the region."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.engine import gates, regions, stops, target, up_to_date, versions
from rollkeeper.engine.platform import consider as wishes_of
from rollkeeper.engine.platform import run_name
from rollkeeper.engine.queue import Queue
from rollkeeper.engine.reasons import Code, State, Wait
from rollkeeper.engine.snapshot import Pair
from rollkeeper.engine.target import Refused

from .builders import active_run, ctx, image_version, pair, platform, scale_set, upgrade_run

EU, US = {"name": "eu"}, {"name": "us"}


def v(version: str, *there: dict[str, Any], **fields: Any) -> ImageVersion:
    return image_version(version, targetRegions=list(there), **fields)


def known(version: ImageVersion, **fields: Any) -> ImageVersion:
    """With an entry in status.replicationStatus."""
    status = {**version.status.to_json(), "replicationStatus": [fields]}
    return ImageVersion.model_validate({**version.to_json(), "status": status})


SEEN: dict[str, tuple[str | None, ImageVersion, tuple[str, bool, bool]]] = {
    "V4 none listed, a set with a region": ("eu", v("1.0.0"), ("registry/web:1.0.0", True, False)),
    "V4 none listed, a set without": (None, v("1.0.0"), ("registry/web:1.0.0", True, False)),
    "V4 listed": ("eu", v("1.0.0", US, EU), ("registry/web:1.0.0", True, False)),
    "V4 not listed": ("eu", v("1.0.0", US), ("registry/web:1.0.0", False, False)),
    "V4 a set without a region": (None, v("1.0.0", EU), ("registry/web:1.0.0", False, False)),
    "V4 an image of the region's own": ("eu", v("1.0.0", {**EU, "image": "eu/web:1"}), ("eu/web:1", True, False)),
    "V4 another region's image": (
        "eu",
        v("1.0.0", EU, {**US, "image": "us/web:1"}),
        ("registry/web:1.0.0", True, False),
    ),
    "V3 excluded there": ("eu", v("1.0.0", {**EU, "excludeFromLatest": True}), ("registry/web:1.0.0", True, True)),
    "V3 excluded elsewhere": (
        "eu",
        v("1.0.0", EU, {**US, "excludeFromLatest": True}),
        ("registry/web:1.0.0", True, False),
    ),
    "V3 excluded altogether": ("eu", v("1.0.0", EU, excludeFromLatest=True), ("registry/web:1.0.0", True, True)),
    "V4 regions are told apart by case": ("EU", v("1.0.0", EU), ("registry/web:1.0.0", False, False)),
}


@pytest.mark.parametrize(("region", "version", "wanted"), SEEN.values(), ids=SEEN)
def test_a_version_in_a_region(region: str | None, version: ImageVersion, wanted: tuple[str, bool, bool]) -> None:
    there = regions.at(version, region)
    assert (there.image, there.listed, there.excluded) == wanted


VERIFIED = v("1.1.0", EU, replication="Verified")
OWN = v("1.1.0", {**EU, "image": "eu/web:1"}, replication="Verified")
THERE: dict[str, tuple[ImageVersion, bool]] = {
    "V4 assumed": (v("1.1.0", EU), True),
    "V4 assumed, an image of its own not asked for yet": (v("1.1.0", {**EU, "image": "eu/web:1"}), False),
    "V4 verified, not asked yet": (VERIFIED, False),
    "V4 verified, not there yet": (
        known(VERIFIED, region="eu", state="Replicating", image="registry/web:1.1.0"),
        False,
    ),
    "V4 verified": (known(VERIFIED, region="eu", state="Completed", image="registry/web:1.1.0"), True),
    "V4 verified elsewhere": (known(VERIFIED, region="us", state="Completed", image="registry/web:1.1.0"), False),
    "V4 verified for an image that the region had before": (
        known(OWN, region="eu", state="Completed", image="registry/web:1.1.0"),
        False,
    ),
}


@pytest.mark.parametrize(("version", "wanted"), THERE.values(), ids=THERE)
def test_replicated(version: ImageVersion, wanted: bool) -> None:
    """V4."""
    assert regions.at(version, "eu").replicated == wanted
    a_set = scale_set(region="eu")
    found = versions.latest(a_set, versions.catalogue_of(a_set, [v("1.0.0"), version]))
    assert found is not None
    assert found.version == ("1.1.0" if wanted else "1.0.0")


def test_t9_a_registry_that_goes_away_ends_nothing() -> None:
    """A region that is listed, and verified no more, is not lost."""
    the_set = scale_set(region="eu")
    active = active_run(name=run_name(the_set, "1.1.0", 1), pending="0-9", **platform())
    seen = ctx(the_set, versions=["1.0.0", VERIFIED], runs=[active])
    assert stops.reasons_to_stop(active, pair("1.1.0"), seen, wishes_of(seen), Queue()) == ()


def test_what_is_not_replicated_yet_is_told() -> None:
    seen = ctx(scale_set(region="eu"), versions=["1.0.0", VERIFIED])
    found = target.resolve(upgrade_run(version="1.1.0"), seen)
    assert isinstance(found, Refused)
    assert "is not replicated to region eu yet: see status.replicationStatus" in found.message


LATEST: dict[str, tuple[str | None, list[ImageVersion], str | None]] = {
    "V4 the newest of the region": ("eu", [v("1.0.0"), v("1.1.0", EU), v("1.2.0", US)], "1.1.0"),
    "V4 the other region": ("us", [v("1.0.0"), v("1.1.0", EU), v("1.2.0", US)], "1.2.0"),
    "V4 no region": (None, [v("1.0.0"), v("1.1.0", EU)], "1.0.0"),
    "V4 nothing left": (None, [v("1.1.0", EU)], None),
    "V3 excluded in the region": ("eu", [v("1.0.0"), v("1.1.0", {**EU, "excludeFromLatest": True})], "1.0.0"),
}


@pytest.mark.parametrize(("region", "published", "wanted"), LATEST.values(), ids=LATEST)
def test_latest_and_automatic_target(region: str | None, published: list[ImageVersion], wanted: str | None) -> None:
    a_set = scale_set(region=region)
    catalogue = versions.catalogue_of(a_set, published)
    for choose in (versions.latest, versions.creation_version):
        found = choose(a_set, catalogue)
        assert (found and found.version) == wanted
    chosen = versions.automatic_target(a_set, catalogue, "web-rev1")
    assert (chosen and chosen.version) == wanted


def test_a_pin_to_a_version_that_is_elsewhere() -> None:
    seen = ctx(scale_set(version="1.1.0", automatic=False, region="eu"), versions=["1.0.0", v("1.1.0", US)])
    said = up_to_date.condition(seen.snapshot.scale_set.status, seen, None)
    assert (said.status, said.reason) == ("False", State.NO_IMAGE_VERSION)
    assert "version 1.1.0 of Contoso/Web/1 is not for region eu: add that to the spec.targetRegions" in said.message
    assert wishes_of(seen).wishes == ()


def test_a_run_that_names_a_version_that_is_elsewhere() -> None:
    seen = ctx(scale_set(region="eu"), versions=["1.0.0", v("1.1.0", US)])
    found = target.resolve(upgrade_run(version="1.1.0"), seen)
    assert isinstance(found, Refused)
    assert found.code == Code.NOT_REPLICATED
    assert "not for region eu" in found.message


def test_a_run_gets_the_image_of_the_region() -> None:
    published = v("1.1.0", {**EU, "image": "eu/web:1.1.0"})
    published = known(published, region="eu", state="Completed", image="eu/web:1.1.0")
    seen = ctx(scale_set(region="eu"), versions=["1.0.0", published])
    assert target.resolve(upgrade_run(version="1.1.0"), seen) == Pair("1.1.0", "eu/web:1.1.0", "web-rev1")
    assert [wish.pair.image for wish in wishes_of(seen).wishes] == ["eu/web:1.1.0"]


NO_REGION: dict[str, tuple[str | None, list[ImageVersion], bool]] = {
    "V4 all are elsewhere": (None, [v("1.0.0", EU), v("1.1.0", US)], True),
    "V4 one is everywhere": (None, [v("1.0.0"), v("1.1.0", US)], False),
    "V4 the one that is everywhere is excluded": (None, [v("1.0.0", excludeFromLatest=True), v("1.1.0", US)], True),
    "V4 the set has a region": ("eu", [v("1.0.0", US)], False),
    "V4 nothing published": (None, [], False),
}


@pytest.mark.parametrize(("region", "published", "blocked"), NO_REGION.values(), ids=NO_REGION)
def test_no_region(region: str | None, published: list[ImageVersion], blocked: bool) -> None:
    found = gates.no_region(ctx(scale_set(region=region), versions=published))
    assert (found is not None) == blocked
    if found is not None:
        assert found.reason == Wait.NO_REGION


UNSUPPORTED: dict[str, tuple[dict[str, Any], list[ImageVersion], bool]] = {
    "V3 the latest": ({}, [v("1.0.0"), v("1.1.0", automaticOSUpgradeSupported=False)], True),
    "V3 an older one": ({}, [v("1.0.0", automaticOSUpgradeSupported=False), v("1.1.0")], False),
    "V3 all of them": ({}, [v("1.0.0", automaticOSUpgradeSupported=False)], True),
    "V3 the latest is elsewhere": ({}, [v("1.0.0"), v("1.1.0", US, automaticOSUpgradeSupported=False)], False),
    "T1 nobody asks for automatic upgrades": (
        {"automatic": False},
        [v("1.0.0", automaticOSUpgradeSupported=False)],
        False,
    ),
}


@pytest.mark.parametrize(("of", "published", "blocked"), UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_a_set_that_follows_an_unsupported_image(
    of: dict[str, Any], published: list[ImageVersion], blocked: bool
) -> None:
    found = gates.not_supported(ctx(scale_set(**of), versions=published))
    assert (found is not None) == blocked
    if found is not None:
        assert found.reason == Wait.NOT_SUPPORTED
        assert "create an UpgradeRun to go to it, or follow another sku" in found.message


def test_v3_custom_images_are_always_supported() -> None:
    custom = {"gallery": "Ours", "definition": "Web"}
    published = image_version("1.0.0", automaticOSUpgradeSupported=False, **custom)
    assert gates.not_supported(ctx(scale_set(image=custom), versions=[published])) is None


def test_no_region_says_what_to_do() -> None:
    found = gates.no_region(ctx(scale_set(), versions=[v("1.0.0", EU)]))
    assert found is not None
    assert "publish a version without spec.targetRegions" in found.message
    assert "create the scale set anew with spec.region" in found.message


WITHDRAWN: dict[str, tuple[ImageVersion, list[Code]]] = {
    "T9 loses the set's region": (v("1.1.0", US), [Code.TARGET_WITHDRAWN]),
    "T9 excluded in the region": (v("1.1.0", {**EU, "excludeFromLatest": True}), [Code.TARGET_WITHDRAWN]),
    "T9 excluded elsewhere": (v("1.1.0", EU, {**US, "excludeFromLatest": True}), []),
    "V4 is meant for everywhere now": (v("1.1.0"), []),
    "T9 a registry outage ends nothing": (v("1.1.0", EU, ready=False), []),
}


@pytest.mark.parametrize(("version", "wanted"), WITHDRAWN.values(), ids=WITHDRAWN)
def test_the_target_of_an_active_run(version: ImageVersion, wanted: list[Code]) -> None:
    the_set = scale_set(region="eu")
    active = active_run(name=run_name(the_set, "1.1.0", 1), pending="0-9", **platform())
    seen = ctx(the_set, versions=["1.0.0", version], runs=[active])
    found = stops.reasons_to_stop(active, pair("1.1.0"), seen, wishes_of(seen), Queue())
    assert [stop.code for stop in found] == wanted
