"""V1 to V5: parsing, comparing, what counts as latest, what automatic upgrades go to, what holds keep away."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.engine import versions

from .builders import REVISION, hold, image_version, proven, scale_set

GOOD = [
    ("0.0.0", (0, 0, 0)),
    ("1.2.3", (1, 2, 3)),
    ("10.20.30", (10, 20, 30)),
    ("2147483647.0.1", (2147483647, 0, 1)),
]
BAD = ["", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.03", "-1.2.3", "1.2.x", "v1.2.3", "1.2.3 ", "1.2.3\n"]
BAD += ["2147483648.0.0", "99999999999.0.0", "1..3", "latest", "\u0661.0.0", "1.0.0-rc1", "+1.0.0"]


@pytest.mark.parametrize(("text", "numbers"), GOOD, ids=[f"V2 {text}" for text, _ in GOOD])
def test_versions_are_three_numbers(text: str, numbers: tuple[int, int, int]) -> None:
    assert versions.parse_version(text) == numbers


@pytest.mark.parametrize("text", BAD, ids=[f"V2 {text!r}" for text in BAD])
def test_what_is_no_version_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no version: write Major.Minor.Patch, .* without leading zeros"):
        versions.parse_version(text)


@pytest.mark.parametrize(
    ("higher", "lower"),
    [("1.10.0", "1.9.0"), ("2.0.0", "1.99.99"), ("1.0.10", "1.0.9"), ("10.0.0", "9.0.0")],
    ids=lambda text: f"V2 {text}",
)
def test_versions_compare_number_by_number(higher: str, lower: str) -> None:
    assert versions.is_higher(higher, lower)
    assert not versions.is_higher(lower, higher)
    assert not versions.is_higher(higher, higher)


def test_v1_names_of_images() -> None:
    custom = {"gallery": "Ours", "definition": "Web"}
    assert versions.image_name(scale_set().spec.image_reference) == "Contoso/Web/1"
    assert versions.image_name(scale_set(image=custom).spec.image_reference) == "Ours/Web"


v = image_version
LATEST = {
    "V2 numbers, not dates": ([v("1.9.0", created=-1), v("1.10.0", created=-99)], "1.10.0"),
    "V3 excluded": ([v("1.0.0"), v("1.1.0", excludeFromLatest=True)], "1.0.0"),
    "V3 not ready": ([v("1.0.0"), v("1.1.0", ready=False)], "1.0.0"),
    "V3 being deleted": ([v("1.0.0"), v("1.1.0", deleting=True)], "1.0.0"),
    "V3 other OS type": ([v("1.0.0"), v("1.1.0", osType="Windows")], "1.0.0"),
    "V3 other image": ([v("1.0.0"), v("1.1.0", sku="2")], "1.0.0"),
    "V3 custom image of the same name": ([v("1.0.0"), v("9.0.0", gallery="Contoso", definition="Web")], "1.0.0"),
    "V3 not for automatic upgrades counts": ([v("1.0.0"), v("1.1.0", automaticOSUpgradeSupported=False)], "1.1.0"),
    "V3 end of life counts": ([v("1.1.0", endOfLifeTime="2020-01-01T00:00:00Z")], "1.1.0"),
    "V3 none": ([v("1.0.0", excludeFromLatest=True)], None),
    "V3 nothing published": ([], None),
}


@pytest.mark.parametrize(("published", "wanted"), LATEST.values(), ids=LATEST)
def test_latest(published: list[ImageVersion], wanted: str | None) -> None:
    a_set = scale_set()
    found = versions.latest(a_set, versions.catalogue_of(a_set, published))
    assert (found and found.version) == wanted


HELD = {
    "V3 nothing held": ([], {}, "1.3.0", "1.3.0"),
    "F3 the highest held": ([hold("1.3.0")], {}, "1.2.0", "1.2.0"),
    "F3 of another image": ([hold("1.3.0", image="Contoso/Web/2")], {}, "1.3.0", "1.3.0"),
    "F3 released": ([hold("1.3.0", run="r1")], {"rollkeeper.io/release-hold": "1.3.0/r1"}, "1.3.0", "1.3.0"),
    "F3 another run's hold released": (
        [hold("1.3.0", run="r2")],
        {"rollkeeper.io/release-hold": "1.3.0/r1"},
        "1.2.0",
        "1.2.0",
    ),
    "F3 two holds, one released": (
        [hold("1.3.0", run="r1"), hold("1.3.0", run="r2")],
        {"rollkeeper.io/release-hold": "1.3.0/r1"},
        "1.2.0",
        "1.2.0",
    ),
    "V5 above": ([hold("1.1.0", above=True)], {}, "1.1.0", "1.1.0"),
    "V5 above, the proven one exempt": ([hold("0.9.0", above=True)], {}, "1.0.0", "1.0.0"),
    "V5 above, with an exception": ([hold("1.0.0", above=True, but=["1.2.0"])], {}, "1.2.0", "1.2.0"),
    "F3 never the proven one": ([hold("1.0.0"), hold("1.1.0"), hold("1.2.0"), hold("1.3.0")], {}, "1.0.0", "1.0.0"),
}


@pytest.mark.parametrize(("holds", "annotations", "automatic", "users"), HELD.values(), ids=HELD)
def test_holds(holds: list[dict[str, object]], annotations: dict[str, str], automatic: str, users: str) -> None:
    a_set = scale_set(status={"heldVersions": holds}, annotations=annotations)
    catalogue = versions.catalogue_of(a_set, [v(f"1.{n}.0") for n in range(4)])
    found, for_users = (
        versions.automatic_target(a_set, catalogue, REVISION),
        versions.latest_for_user(a_set, catalogue, REVISION),
    )
    assert (found and found.version, for_users and for_users.version) == (automatic, users)
    latest = versions.latest(a_set, catalogue)
    assert latest is not None
    assert latest.version == "1.3.0", "V3: first creation does not ask for holds"


@pytest.mark.parametrize(
    ("created", "held"),
    [pytest.param(-10, True, id="V5 existed then"), pytest.param(10, False, id="V5 published later")],
)
def test_a_hold_above_covers_what_existed(created: float, held: bool) -> None:
    a_set = scale_set(status={"heldVersions": [hold("0.9.0", above=True)]})
    catalogue = versions.catalogue_of(a_set, [v("1.0.0"), v("2.0.0", created=created)])
    found = versions.automatic_target(a_set, catalogue, REVISION)
    assert found is not None
    assert found.version == ("1.0.0" if held else "2.0.0")


def test_v5_a_hold_above_covers_what_was_not_eligible_then() -> None:
    a_set = scale_set(status={"heldVersions": [hold("0.9.0", above=True)]})
    was_excluded = v("2.0.0", created=-10)  # excluded then, not any more
    found = versions.automatic_target(a_set, versions.catalogue_of(a_set, [v("1.0.0"), was_excluded]), REVISION)
    assert found is not None
    assert found.version == "1.0.0"


def test_v5_the_exemption_ends_with_being_proven() -> None:
    a_set = scale_set(status={**proven("0.9.0"), "heldVersions": [hold("0.9.0", above=True)]})
    catalogue = versions.catalogue_of(a_set, [v("0.9.0"), v("1.0.0")])
    found = versions.automatic_target(a_set, catalogue, REVISION)
    assert found is not None
    assert found.version == "0.9.0"


SUPPORTED: dict[str, tuple[dict[str, Any], str]] = {
    "V3 platform image": ({}, "1.0.0"),
    "V3 custom image always is": ({"gallery": "Ours", "definition": "Web"}, "1.1.0"),
}


@pytest.mark.parametrize(("image", "wanted"), SUPPORTED.values(), ids=SUPPORTED)
def test_automatic_os_upgrade_supported(image: dict[str, Any], wanted: str) -> None:
    a_set = scale_set(image=image) if image else scale_set()
    published = [v("1.0.0", **image), v("1.1.0", automaticOSUpgradeSupported=False, **image)]
    found = versions.automatic_target(a_set, versions.catalogue_of(a_set, published), REVISION)
    assert found is not None
    assert found.version == wanted


SAME_NUMBER = {
    "own namespace wins": ([v("1.0.0", namespace="images"), v("1.0.0", image="own")], "own"),
    "own namespace wins, other order": ([v("1.0.0", image="own"), v("1.0.0", namespace="images")], "own"),
    "a duplicate does not count": ([v("1.0.0", ready=False, name="b"), v("1.0.0", image="first")], "first"),
    "only the shared one is there": ([v("1.0.0", namespace="images", image="shared")], "shared"),
    "own excluded hides the shared": ([v("1.0.0", excludeFromLatest=True), v("1.0.0", namespace="images")], None),
}


@pytest.mark.parametrize(("published", "wanted"), SAME_NUMBER.values(), ids=SAME_NUMBER)
def test_versions_of_equal_number(published: list[ImageVersion], wanted: str | None) -> None:
    a_set = scale_set()
    found = versions.latest(a_set, versions.catalogue_of(a_set, published))
    assert (found and found.image) == wanted


PINNED = {
    "V1, F4b pinned": ("1.0.0", "Linux", "1.0.0"),
    "F4b pinned, excluded": ("1.1.0", "Linux", "1.1.0"),
    "F4b pinned, other OS": ("1.0.0", "Windows", None),
    "F4b pinned, not there": ("7.0.0", "Linux", None),
    "F4b latest": ("latest", "Linux", "1.0.0"),
}


@pytest.mark.parametrize(("asked", "os_type", "wanted"), PINNED.values(), ids=PINNED)
def test_creation_version(asked: str, os_type: str, wanted: str | None) -> None:
    a_set = scale_set(version=asked, automatic=False, osType=os_type)
    catalogue = versions.catalogue_of(a_set, [v("1.0.0"), v("1.1.0", excludeFromLatest=True)])
    found = versions.creation_version(a_set, catalogue)
    assert (found and found.version) == wanted
