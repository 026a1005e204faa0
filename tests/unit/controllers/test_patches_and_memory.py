"""Merge patches (RFC 7386), and what only trying can tell."""

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rollkeeper.api.v1alpha1 import ScaleSetStatus
from rollkeeper.controllers.memory import SetMemory
from rollkeeper.controllers.patches import difference, status_patch

JsonMap = dict[str, Any]
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def apply(target: Any, patch: Any) -> Any:
    """RFC 7386, as the RFC writes it."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result


PATCHES: dict[str, tuple[JsonMap, JsonMap, JsonMap]] = {
    "nothing": ({"a": 1}, {"a": 1}, {}),
    "changed": ({"a": 1, "b": 2}, {"a": 1, "b": 3}, {"b": 3}),
    "new": ({}, {"a": 1}, {"a": 1}),
    "gone": ({"a": 1}, {}, {"a": None}),
    "nested": ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}}, {"a": {"c": 3}}),
    "nested and gone": ({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, {"a": {"c": None}}),
    "emptied": ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": None}}),
    "lists are replaced whole": ({"a": [1, 2]}, {"a": [1]}, {"a": [1]}),
    "a list emptied": ({"a": [1]}, {"a": []}, {"a": []}),
    "a map instead of a value": ({"a": 1}, {"a": {"b": 1}}, {"a": {"b": 1}}),
    "a value instead of a map": ({"a": {"b": 1}}, {"a": 1}, {"a": 1}),
    "an empty map is not nothing": ({}, {"a": {}}, {"a": {}}),
}


@pytest.mark.parametrize(("old", "new", "patch"), PATCHES.values(), ids=PATCHES)
def test_difference(old: JsonMap, new: JsonMap, patch: JsonMap) -> None:
    assert difference(old, new) == patch
    assert apply(old, patch) == new


LEAVES = st.one_of(st.integers(0, 3), st.text("ab", max_size=2), st.lists(st.integers(0, 2), max_size=2))
OBJECTS = st.recursive(
    st.dictionaries(st.sampled_from("abc"), LEAVES, max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), st.one_of(LEAVES, inner), max_size=3),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # building the strategy takes a second on a busy machine
@given(OBJECTS, OBJECTS)
def test_applying_the_patch_to_the_old_gives_the_new(old: JsonMap, new: JsonMap) -> None:
    before = copy.deepcopy(old)
    assert apply(old, difference(old, new)) == new
    assert difference(new, new) == {}, "I7"
    assert old == before


def test_defaults_that_were_never_stored_are_written() -> None:
    old = ScaleSetStatus.model_validate({})
    patch = status_patch(old, ScaleSetStatus(observed_generation=1))
    assert (patch["observedGeneration"], patch["replicas"]) == (1, 0)
    stored = ScaleSetStatus.model_validate(patch)
    assert status_patch(stored, stored) == {}, "I7"


def test_what_is_none_now_is_removed() -> None:
    old = ScaleSetStatus.model_validate({**ScaleSetStatus().to_json(), "activeRunName": "up"})
    assert status_patch(old, old.model_copy(update={"active_run_name": None})) == {"activeRunName": None}


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("after", "wait"), [(0, 2), (1, 2), (2, 2), (4, 4), (10, 10), (30, 30), (600, 30), (-60, 2)], ids=lambda v: f"{v}s"
)
def test_each_further_no_waits_longer_up_to_30s(after: float, wait: float) -> None:
    memory = SetMemory()
    memory.refused(3, "QuotaExceeded", "full", "Repair", NOW)
    memory.refused(3, "QuotaExceeded", "still full", "Repair", at(after))
    found = memory.refusals[3]
    assert (found.since, found.retry_at, found.message) == (NOW, at(after + wait), "still full")


@pytest.mark.parametrize(
    ("reason", "made_by"),
    [("Forbidden", "up/1/Forward"), ("QuotaExceeded", "up/1/Back")],
    ids=["H5 another reason", "H3 made for something else"],
)
def test_another_no_begins_anew(reason: str, made_by: str) -> None:
    memory = SetMemory()
    memory.refused(3, "QuotaExceeded", "full", "up/1/Forward", NOW)
    memory.refused(3, reason, "no", made_by, at(20))
    assert memory.refusals[3].since == at(20)


def test_a_yes_ends_it() -> None:
    memory = SetMemory()
    memory.refused(3, "QuotaExceeded", "full", "Repair", NOW)
    memory.accepted(3)
    memory.accepted(4)
    assert memory.refusals == {}
