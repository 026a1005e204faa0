"""What of a version concerns the sets that follow its image (V3, V4, V7)."""

from collections.abc import Callable
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.engine.sight import seen

from .builders import image_version


def with_status(version: ImageVersion, **status: Any) -> ImageVersion:
    found = {**version.to_json(), "status": {**version.status.to_json(), **status}}
    return ImageVersion.model_validate(found)


def unknown(version: ImageVersion) -> ImageVersion:
    condition = {**version.status.conditions[0].to_json(), "status": "Unknown"}
    return with_status(version, conditions=[condition])


def told_more(version: ImageVersion) -> ImageVersion:
    condition = {**version.status.conditions[0].to_json(), "reason": "EndOfLife", "message": "words"}
    return with_status(version, conditions=[condition])


REPLICATED = [{"region": "eu", "state": "Completed", "image": "i"}]

CONCERNS: dict[str, Callable[[ImageVersion], ImageVersion]] = {
    "V3 excluded": lambda v: v.model_copy(update={"spec": v.spec.model_copy(update={"exclude_from_latest": True})}),
    "V3 not ready": lambda _: image_version("1.0.0", ready=False),
    "V3 deleted": lambda _: image_version("1.0.0", deleting=True),
    "V4 replicated": lambda v: with_status(v, replicationStatus=REPLICATED),
    "V8 resolved": lambda v: with_status(v, resolvedImage="r@sha256:a"),
}


@pytest.mark.parametrize("change", CONCERNS.values(), ids=CONCERNS)
def test_what_concerns_sets(change: Callable[[ImageVersion], ImageVersion]) -> None:
    version = image_version("1.0.0")
    assert seen(version) == seen(image_version("1.0.0"))
    assert seen(change(version)) != seen(version)


def test_what_a_version_says_of_itself_concerns_no_set() -> None:
    version = image_version("1.0.0")
    assert seen(told_more(version)) == seen(version)


def test_a_version_concerns_nobody_before_it_is_known_whether_it_can_be_used() -> None:
    version = image_version("1.0.0")
    assert seen(None) is None
    assert seen(with_status(version, conditions=[])) is None
    assert seen(unknown(version)) is None
    assert seen(version) is not None
