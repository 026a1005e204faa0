"""V8, V4: what registries say of a version, and what becomes of it in its status."""

from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.engine import publishing, regions, resolution, resolved, versions
from rollkeeper.engine.conditions import find
from rollkeeper.engine.resolution import Finding

from .builders import IMAGE, NAME, at, image_version, pair, scale_set

TAG = "registry/web:1.0.0"
D1, D2 = ("registry/web@sha256:" + letter * 64 for letter in "ab")
GONE = Finding(None, "RegistryUnreachable", "registry does not answer", "Unknown")


def v(status: dict[str, Any] | None = None, **spec: Any) -> ImageVersion:
    """A version as its publisher made it, with the status that it has got since."""
    made = image_version("1.0.0", **spec).to_json()
    return ImageVersion.model_validate({**made, "status": status or {}})


def seen(version: ImageVersion, findings: dict[str, Finding] | None) -> ImageVersion:
    """The version after a reconcile."""
    status = publishing.status_of(version, [version], at(0), findings)
    return version.model_copy(update={"status": status})


def said(version: ImageVersion, type_: str) -> tuple[str, str]:
    condition = find(version.status.conditions, type_)
    assert condition is not None
    return condition.status, condition.reason


def test_a_new_version_waits_for_its_registrys_first_answer() -> None:
    waiting = seen(v(), {})
    assert said(waiting, "Ready") == ("Unknown", "Resolving")
    assert said(waiting, "Resolved") == ("Unknown", "Resolving")
    there = seen(waiting, {TAG: Finding(D1)})
    assert (said(there, "Ready"), said(there, "Resolved")) == (("True", "Published"), ("True", "Resolved"))
    assert there.status.resolved_image == D1


def test_the_first_resolution_counts_for_ever() -> None:
    """V8."""
    there = seen(v(), {TAG: Finding(D1)})
    for later in ({TAG: Finding(D2)}, {TAG: GONE}, {}, None):
        assert seen(there, later).status.resolved_image == D1
    assert resolution.open_questions(there) == ()


def test_an_unreachable_registry_leaves_the_tag_and_says_so() -> None:
    without = seen(v(), {TAG: GONE})
    assert said(without, "Ready") == ("True", "Published")
    assert said(without, "Resolved") == ("False", "RegistryUnreachable")
    condition = find(without.status.conditions, "Resolved")
    assert condition is not None
    assert condition.message == f"registry does not answer; until it can be resolved, instances get the tag {TAG}"
    assert regions.at(without, None).image == TAG
    assert resolution.open_questions(without) == (TAG,), "it is asked for again"
    assert seen(without, {}).status == without.status, "T9: a restart of the controller takes nothing back"
    assert seen(without, {TAG: Finding(D1)}).status.resolved_image == D1


def test_a_version_that_was_ready_before_registries_were_asked_stays_so() -> None:
    ready = seen(v(), None)
    assert find(ready.status.conditions, "Resolved") is None
    assert said(seen(ready, {}), "Ready") == ("True", "Published")


def test_a_digest_needs_no_registry() -> None:
    pinned = v(image=D1)
    assert resolution.open_questions(pinned) == ()
    there = seen(pinned, {})
    assert there.status.resolved_image == D1
    assert said(there, "Ready") == ("True", "Published")


def test_a_duplicate_waits_for_nobody() -> None:
    older = image_version("1.0.0", name="a-first", created=-99999)
    status = publishing.status_of(v(), [older], at(0), {})
    condition = find(status.conditions, "Ready")
    assert condition is not None
    assert (condition.status, condition.reason) == ("False", "Duplicate")


EU, US = {"name": "eu"}, {"name": "us", "image": "us/web:1"}
NOT_YET = Finding(None, "ManifestNotFound", "the registry has no us/web:1", "Replicating")
DENIED = Finding(None, "RegistryAccessDenied", "refused", "Failed")

STATES: dict[str, tuple[str, dict[str, Finding] | None, list[tuple[str, str, str]]]] = {
    "assumed, asked": (
        "Assumed",
        {TAG: Finding(D1), "us/web:1": Finding(D2)},
        [("eu", "Completed", ""), ("us", "Completed", "")],
    ),
    "assumed, not asked yet": ("Assumed", {}, [("eu", "Completed", ""), ("us", "Unknown", "asking the registry")]),
    "assumed, out of reach": ("Assumed", {"us/web:1": GONE}, [("eu", "Completed", ""), ("us", "Completed", "")]),
    "assumed, nobody asks": ("Assumed", None, [("eu", "Completed", ""), ("us", "Completed", "")]),
    "verified, not asked yet": ("Verified", {}, [("eu", "Unknown", ""), ("us", "Unknown", "")]),
    "verified, one there": (
        "Verified",
        {TAG: Finding(D1), "us/web:1": NOT_YET},
        [("eu", "Completed", ""), ("us", "Replicating", "the registry has no us/web:1")],
    ),
    "verified, denied": (
        "Verified",
        {TAG: DENIED, "us/web:1": GONE},
        [("eu", "Failed", "refused"), ("us", "Unknown", "registry does not answer")],
    ),
    "verified, nobody asks": (
        "Verified",
        None,
        [("eu", "Unknown", "resolveDigests is off"), ("us", "Unknown", "resolveDigests is off")],
    ),
}


@pytest.mark.parametrize(("replication", "findings", "wanted"), STATES.values(), ids=STATES)
def test_replication_status(
    replication: str, findings: dict[str, Finding] | None, wanted: list[tuple[str, str, str]]
) -> None:
    """V4."""
    found = seen(v(targetRegions=[EU, US], replication=replication), findings).status.replication_status
    assert [(r.region, r.state) for r in found] == [(region, state) for region, state, _ in wanted]
    for entry, (_, _, words) in zip(found, wanted, strict=True):
        assert words in entry.message


def test_v4_a_region_that_was_there_once_stays_there() -> None:
    there = seen(v(targetRegions=[EU, US], replication="Verified"), {TAG: Finding(D1), "us/web:1": Finding(D2)})
    assert resolution.open_questions(there) == ()
    assert seen(there, {TAG: GONE, "us/web:1": NOT_YET}).status == there.status
    assert regions.at(there, "us").image == D2
    assert regions.at(there, "eu").image == D1


def test_a_region_that_is_added_later_is_asked_for_alone() -> None:
    there = seen(v(targetRegions=[EU], replication="Verified"), {TAG: Finding(D1)})
    more = v(there.status.to_json(), targetRegions=[EU, US], replication="Verified")
    assert resolution.open_questions(more) == ("us/web:1",)
    assert said(seen(more, {}), "Ready") == ("True", "Published")


def test_verified_digests_are_asked_for_too() -> None:
    version = v(image=D1, targetRegions=[EU], replication="Verified")
    assert resolution.open_questions(version) == (D1,)
    assert seen(version, {D1: Finding(D1)}).status.replication_status[0].state == "Completed"


# What a set keeps of it.


def kept(**status: Any) -> Any:
    return scale_set(status={"resolvedImages": [{"image": NAME, "version": "1.0.0", "reference": D1}], **status})


def catalogue(a_set: Any, image: str) -> versions.Catalogue:
    return resolved.pin(a_set, versions.catalogue_of(a_set, [image_version("1.0.0", image=image)]))


def test_the_sets_own_memory_wins_over_a_version_published_anew() -> None:
    assert catalogue(kept(), D2)["1.0.0"].image == D1
    assert catalogue(scale_set(), D2)["1.0.0"].image == D2


def test_v6_it_is_for_one_image() -> None:
    other = scale_set(
        image={**IMAGE, "sku": "2"},
        status={"resolvedImages": [{"image": NAME, "version": "1.0.0", "reference": D1}]},
    )
    published = image_version("1.0.0", sku="2", image=D2)
    assert resolved.pin(other, versions.catalogue_of(other, [published]))["1.0.0"].image == D2
    old = pair("1.0.0")
    entries = resolved.remember(other, catalogue(other, D2), [old])
    assert [(e.image, e.reference) for e in entries] == [(NAME, D1)], "instances still on the old image add nothing"


def test_only_digests_are_remembered_and_only_the_first() -> None:
    one = scale_set()
    tagged, digested = pair("1.0.0"), pair("1.0.0").__class__("1.0.0", D1, "web-rev1")
    assert resolved.remember(one, catalogue(one, tagged.image), [tagged]) == ()
    (entry,) = resolved.remember(one, catalogue(one, D1), [digested])
    assert (entry.image, entry.version, entry.reference) == (NAME, "1.0.0", D1)
    assert resolved.remember(kept(), catalogue(kept(), D2), [digested]) == kept().status.resolved_images


def test_memory_is_bounded() -> None:
    entries = [{"image": NAME, "version": f"1.{n}.0", "reference": D1} for n in range(60)]
    full = scale_set(status={"resolvedImages": entries})
    left = resolved.remember(full, {}, [])
    assert [e.version for e in left] == [f"1.{n}.0" for n in range(59, 39, -1)]
