"""Which version is latest for whom, why others are not, and how far sets are behind."""

from datetime import timedelta

import pytest

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.cli.plugin import catalogue
from rollkeeper.cli.plugin.catalogue import Wanted
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.screen import Screen
from tests.unit.cli.golden import NOW, check
from tests.unit.cli.objects import Json, condition, scale_set

CUSTOM = {"gallery": "golden", "definition": "web"}


def published(version: str, *, ready: bool = True, days: int = 1, namespace: str = "default", **spec: object) -> Json:
    born = (NOW - timedelta(days=days)).isoformat()
    return {
        "metadata": {"name": f"os-{version}", "namespace": namespace, "creationTimestamp": born},
        "spec": {**CUSTOM, "version": version, "image": f"r/os:{version}", **spec},
        "status": {
            "conditions": [condition("Ready", "True" if ready else "False", "Published" if ready else "Duplicate")]
        },
    }


HOLD = {
    "image": "golden/web", "version": "1.4.0", "runName": "web-1-4-0-x7k2p", "reason": "UpgradedUnhealthy",
    "time": "2026-01-02T11:00:00Z",
}  # fmt: skip
SET = ScaleSet.model_validate(scale_set(status={"heldVersions": [HOLD]}))
ALL = [
    published("1.0.0", days=40),
    published("1.1.0", days=30),
    published("1.2.0", days=9),
    published("1.10.0", days=2),
    published("1.11.0", excludeFromLatest=True),
    published("1.12.0", ready=False),
    published("1.4.0", days=5),
    published("9.0.0", namespace="elsewhere"),
]


def _told(wanted: Wanted, shared: str | None = None) -> dict[str, tuple[tuple[str, ...], str]]:
    found = catalogue.lines(ALL, [SET], shared, wanted)
    return {line.version.spec.version: (line.latest_for, line.why_not) for line in found}


def test_latest_and_why_the_others_are_not() -> None:
    """V2, V3: by number; excluded, not ready and held are said."""
    told = _told(Wanted("web"))
    assert list(told) == ["9.0.0", "1.12.0", "1.11.0", "1.10.0", "1.4.0", "1.2.0", "1.1.0", "1.0.0"]
    assert told["1.10.0"] == (("web",), "")
    assert told["1.11.0"] == ((), "excluded from latest")
    assert told["1.12.0"] == ((), "not ready (Duplicate)")
    assert told["1.4.0"] == ((), "held (UpgradedUnhealthy, by web-1-4-0-x7k2p)")


@pytest.mark.parametrize("wide", [False, True])
def test_versions_as_a_table(wide: bool) -> None:
    found = catalogue.lines(ALL, [SET], "elsewhere", Wanted("web"))

    def draw(screen: Screen) -> None:
        screen.table(catalogue.images_table(found, wide=wide))

    check("images_wide" if wide else "images", draw)


def test_the_shared_namespace_counts_where_it_is_named() -> None:
    assert _told(Wanted("web"), "elsewhere")["9.0.0"][0] == ("web",)


def test_only_the_newest_are_listed_unless_all_are_wanted() -> None:
    many = [published(f"1.{n}.0") for n in range(30)]
    assert len(catalogue.lines(many, [], None, Wanted())) == catalogue.SHOWN
    assert len(catalogue.lines(many, [], None, Wanted(everything=True))) == 30


def test_a_region_that_a_version_does_not_list() -> None:
    """V4."""
    raw = published("1.0.0", targetRegions=[{"name": "west"}])
    line = catalogue.lines([raw], [], None, Wanted(region="east"))[0]
    assert line.why_not == "not in region east"
    assert catalogue.lines([raw], [], None, Wanted(region="west"))[0].why_not == ""


def test_other_images_are_left_out() -> None:
    assert catalogue.lines(ALL, [], None, Wanted(image=(None, None, None, "golden", "other"))) == []


def test_drift_counts_usable_versions_and_days_since_the_first_missed() -> None:
    found = [catalogue.ImageVersion.model_validate(raw) for raw in ALL]
    drift = catalogue.drift_of(SET, found, None)
    assert ([v.spec.version for v in drift.missed], drift.days(NOW)) == (["1.2.0", "1.4.0", "1.10.0"], 9)
    current = ScaleSet.model_validate(scale_set(status={"provenImageVersion": "1.10.0"}))
    told = [drift, catalogue.drift_of(current, found, None)]

    def draw(screen: Screen) -> None:
        screen.table(catalogue.drift_table(told, NOW, Options(all_namespaces=True)))

    def draw_wide(screen: Screen) -> None:
        screen.table(catalogue.drift_table(told, NOW, Options(output="wide")))

    check("drift", draw)
    check("drift_wide", draw_wide)
    assert catalogue.drift_data(drift, NOW)["versionsBehind"] == 3
