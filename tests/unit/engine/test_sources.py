"""From tags to ImageVersions: what is published, what never twice, what may go (V7)."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ImageSource, ImageVersion, ImageVersionSpec
from rollkeeper.api.v1alpha1.image_source import MOST_REMEMBERED
from rollkeeper.engine import source_status, sources
from rollkeeper.engine.conditions import find
from rollkeeper.engine.sources import Plan, Result, Tags
from rollkeeper.registry.patterns import TagPattern

from .builders import active_run, at, image_version, scale_set

D = {letter: "sha256:" + letter * 64 for letter in "abc"}


def source(status: dict[str, Any] | None = None, **spec: Any) -> ImageSource:
    named = {"gallery": "Ours", "definition": "Web", "repository": "r.example/os", **spec}
    meta = {"name": "os", "namespace": "default", "uid": "u", "generation": 1}
    return ImageSource.model_validate({"metadata": meta, "spec": named, "status": status or {}})


def published(*versions: str, digest: str = D["a"]) -> dict[str, Any]:
    return {"published": [{"tag": f"v{v}", "version": v, "digest": digest} for v in versions]}


def read(of: ImageSource, *tags: str) -> Tags:
    return sources.read(of, tags, TagPattern(of.spec.tag_pattern).version_of)


READ: dict[str, tuple[ImageSource, list[str], list[str], list[str]]] = {
    "V2 by number": (source(), ["1.9.0", "1.10.0"], ["1.10.0", "1.9.0"], []),
    "with a v": (source(), ["v1.0.0"], ["v1.0.0"], []),
    "others are none": (source(), ["latest", "1.0", "1.0.0-rc1"], [], []),
    "left out": (source(excludeTags=["1.1.0"]), ["1.0.0", "1.1.0"], ["1.0.0"], []),
    "the newest, and older ones to keep": (
        source(keep=1),
        ["1.0.0", "1.1.0", "1.2.0"],
        ["1.2.0", "1.1.0"],
        [],
    ),
    "the newest alone": (source(keep=0), ["1.0.0", "1.1.0"], ["1.1.0"], []),
    "no version although it matches": (
        source(tagPattern=r"r(.*)"),
        ["r01.2.3", "r1.0.0"],
        ["r1.0.0"],
        ["tag r01.2.3: "],
    ),
    "two of one version": (
        source(),
        ["v1.0.0", "1.0.0"],
        ["1.0.0"],
        ["tag v1.0.0: tag 1.0.0 is version 1.0.0 already"],
    ),
    "two, the other was published": (
        source(published("1.0.0")),
        ["v1.0.0", "1.0.0"],
        ["v1.0.0"],
        ["tag 1.0.0: tag v1.0.0 is version 1.0.0 already"],
    ),
    "published, and left out now": (source(published("1.0.0"), excludeTags=["v1.0.0"]), ["v1.0.0"], [], []),
}


@pytest.mark.parametrize(("of", "tags", "newest", "ignored"), READ.values(), ids=READ)
def test_reading_tags(of: ImageSource, tags: list[str], newest: list[str], ignored: list[str]) -> None:
    found = read(of, *tags)
    assert [t.tag for t in found.newest] == newest
    assert len(found.ignored) == len(ignored)
    assert all(words in sentence for words, sentence in zip(ignored, found.ignored, strict=True))


def plan(of: ImageSource, digests: dict[str, str], *there: ImageVersion) -> Plan:
    return sources.plan(of, read(of, *digests), digests, {v.spec.version: v for v in there})


def test_a_new_tag_is_published_once() -> None:
    first = plan(source(), {"v1.0.0": D["a"]})
    assert [(p.tag, p.version, p.digest) for p in first.create] == [("v1.0.0", "1.0.0", D["a"])]
    again = plan(source(published("1.0.0")), {"v1.0.0": D["a"]})
    assert (again.create, again.moved) == ((), ())
    assert again.published == first.published


def test_v7_a_moved_tag_is_told_and_not_followed() -> None:
    found = plan(source(published("1.0.0")), {"v1.0.0": D["b"]})
    assert found.create == ()
    assert found.moved == (f"tag v1.0.0 was {D['a']} and is {D['b']} now",)
    assert found.published[0].digest == D["a"], "and told again by the next scan"


def test_what_was_published_by_hand_is_left_alone() -> None:
    by_hand = image_version("1.0.0", gallery="Ours", definition="Web", image=f"r.example/os@{D['c']}")
    found = plan(source(), {"v1.0.0": D["a"]}, by_hand)
    assert found.create == ()
    assert found.moved == (f"tag v1.0.0 was {D['c']} and is {D['a']} now",)


def test_a_tag_that_went_away_is_not_published_again_when_it_is_back() -> None:
    of = source(published("1.0.0", "1.1.0"))
    without = plan(of, {"v1.1.0": D["a"]})
    assert [p.version for p in without.published] == ["1.1.0", "1.0.0"]
    later = source({"published": [p.to_json() for p in without.published]})
    assert plan(later, {"v1.1.0": D["a"], "v1.0.0": D["a"]}).create == ()


def test_what_is_older_than_what_is_kept_is_not_published_again_when_newer_tags_go() -> None:
    of = source(published("1.0.0", "1.1.0", "1.2.0"), keep=1)
    found = plan(of, {"v1.0.0": D["a"], "v1.1.0": D["a"]})
    assert found.create == ()


def test_as_many_are_remembered_as_the_status_holds() -> None:
    of = source(published(*(f"1.{n}.0" for n in range(MOST_REMEMBERED))))
    found = plan(of, {"v2.0.0": D["a"]})
    assert len(found.published) == MOST_REMEMBERED
    assert (found.published[0].version, found.published[-1].version) == ("2.0.0", "1.1.0")


def test_a_tag_without_a_digest_waits_for_the_next_scan() -> None:
    of = source()
    found = sources.plan(of, read(of, "v1.0.0"), {}, {})
    assert (found.create, found.published) == ((), ())


def test_what_is_made_of_a_tag() -> None:
    template = {
        "labels": {"team": "os"},
        "targetRegions": [{"name": "eu", "repository": "eu.example/os"}, {"name": "us", "excludeFromLatest": True}],
        "replication": "Verified",
        "automaticOSUpgradeSupported": False,
    }
    of = source(versionTemplate=template, secretRef={"name": "pull"})
    (tag,) = plan(of, {"v1.0.0": D["a"]}).create
    made = sources.manifest(of, tag)
    assert made["metadata"] == {
        "name": "os-1.0.0",
        "labels": {"team": "os", "rollkeeper.io/image-source": "os"},
        "annotations": {"rollkeeper.io/tag": "v1.0.0"},
    }
    spec = ImageVersionSpec.model_validate(made["spec"])
    assert (spec.gallery, spec.version, spec.image) == ("Ours", "1.0.0", f"r.example/os@{D['a']}")
    assert [(r.name, r.image, r.exclude_from_latest) for r in spec.target_regions] == [
        ("eu", f"eu.example/os@{D['a']}", False),
        ("us", None, True),
    ]
    assert (spec.replication, spec.automatic_os_upgrade_supported) == ("Verified", False)
    assert spec.secret_ref is not None


def made_by(version: str, of: str = "os") -> ImageVersion:
    found = image_version(version, gallery="Ours", definition="Web")
    labels = {"rollkeeper.io/image-source": of}
    return found.model_copy(update={"metadata": found.metadata.model_copy(update={"labels": labels})})


OLD = [made_by("1.0.0"), made_by("1.1.0"), made_by("1.2.0")]
OUTDATED: dict[str, tuple[int, list[ImageVersion], set[str], list[str]]] = {
    "the newest is not old": (0, [made_by("2.0.0")], set(), []),
    "older ones than are kept": (1, OLD, set(), ["1.1.0", "1.0.0"]),
    "what is in use stays, and counts not": (1, OLD, {"1.1.0"}, ["1.0.0"]),
    "all in use": (0, OLD, {"1.0.0", "1.1.0", "1.2.0"}, []),
    "as many as are kept": (3, OLD, set(), []),
    "another source's": (0, [made_by("1.0.0", "other")], set(), []),
    "made by hand": (0, [image_version("1.0.0")], set(), []),
    "newer, though its tag is gone": (0, [made_by("9.0.0")], set(), []),
}


@pytest.mark.parametrize(("keep", "there", "used", "wanted"), OUTDATED.values(), ids=OUTDATED)
def test_what_may_go(keep: int, there: list[ImageVersion], used: set[str], wanted: list[str]) -> None:
    of = source(published("2.0.0"), keep=keep)
    found = sources.outdated(of, there, of.status.published, used)
    assert [v.spec.version for v in found] == wanted


def test_nothing_goes_before_anything_was_published() -> None:
    assert sources.outdated(source(keep=0), OLD, (), ()) == ()


def test_v7_what_is_used() -> None:
    entry = {"version": "1.0.0", "image": "i", "modelRevision": "r", "replicas": 1, "instances": "0"}
    status = {"provenImageVersion": "1.1.0", "versions": [entry]}
    run = active_run("1.2.0", origin="0.9.0", origins="0")
    found = sources.used_versions([scale_set(status=status), scale_set(version="1.5.0", automatic=False)], [run])
    assert found == {"1.0.0", "1.1.0", "1.2.0", "0.9.0", "1.5.0"}


def said(of: ImageSource, tags: Tags, found: Plan) -> dict[str, tuple[str, str, str]]:
    status = source_status.scanned(of, Result(tags, (), found), at(0), None)
    return {c.type: (c.status, c.reason, c.message) for c in status.conditions}


def test_a_pattern_that_matches_nothing_says_what_to_do() -> None:
    of = source()
    found = said(of, read(of, "latest", "edge"), Plan((), (), ()))
    assert found["Ready"][:2] == ("False", "NoMatchingTags")
    assert "none of the 2 tags of r.example/os is a version" in found["Ready"][2]
    assert "set spec.tagPattern" in found["Ready"][2]
    assert found["Stalled"][0] == "True"


def test_failures_lose_nothing_and_stall_only_where_a_person_is_needed() -> None:
    of = source(published("1.0.0"))
    for reason, stalled in (("RegistryUnreachable", "False"), ("RegistryAccessDenied", "True")):
        status = source_status.failed(of, reason, "words", at(0), "now")
        assert [p.version for p in status.published] == ["1.0.0"]
        condition = find(status.conditions, "Stalled")
        assert condition is not None
        assert condition.status == stalled
        assert status.last_handled_reconcile_at == "now"


def test_a_moved_tag_is_an_event_once() -> None:
    of, found = source(published("1.0.0")), plan(source(published("1.0.0")), {"v1.0.0": D["b"]})
    assert len(source_status.newly_moved(of, found)) == 1
    scan = Result(read(of, "v1.0.0"), (), found)
    after = source_status.scanned(of, scan, at(0), None)
    told = of.model_copy(update={"status": after})
    assert source_status.newly_moved(told, found) == []
    assert source_status.scanned(told, scan, at(0), None) == after


def test_what_the_api_server_refuses_is_told_and_counts_as_not_published() -> None:
    of = source()
    found = plan(of, {"v1.0.0": D["a"], "v1.1.0": D["b"]})
    scan = Result(read(of, "v1.0.0", "v1.1.0"), (), found, {"1.1.0": "tag v1.1.0: refused, label x"})
    status = source_status.scanned(of, scan, at(0), None)
    assert [p.version for p in status.published] == ["1.0.0"], "it is tried again by the next scan"
    told = {c.type: (c.status, c.reason, c.message) for c in status.conditions}
    assert told["Ready"] == ("False", "VersionRefused", "tag v1.1.0: refused, label x")
    assert told["Stalled"][0] == "True"


def test_a_tag_that_is_no_image_is_told() -> None:
    of = source()
    scan = Result(read(of, "v1.0.0", "v1.1.0"), ("tag v1.1.0: no image",), plan(of, {"v1.0.0": D["a"]}))
    told = {c.type: (c.status, c.message) for c in source_status.scanned(of, scan, at(0), None).conditions}
    assert told["TagsIgnored"][0] == "True"
    assert "tag v1.1.0: no image: correct the tag" in told["TagsIgnored"][1]
    assert told["Ready"][0] == "True"
