"""Ranges, limits, conditions, urgency: the parts that everything else stands on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollkeeper.api.v1alpha1 import Condition, ScaleSetStatus, UpgradeRunStatus
from rollkeeper.engine import conditions, ranges
from rollkeeper.engine.conditions import Wanted
from rollkeeper.engine.limits import Share, batch_size
from rollkeeper.engine.urgency import is_urgent_for_run, is_urgent_for_set

from .builders import active_run, at, scale_set, stamp

ORDINALS = st.frozensets(st.integers(0, 10_000), max_size=200)


@given(ORDINALS)
def test_ranges_round_trip(ordinals: frozenset[int]) -> None:
    text = ranges.render(ordinals)
    assert ranges.parse(text) == ordinals
    if ordinals:
        assert ranges.parse_user(text) == ordinals


@given(ORDINALS)
def test_ranges_are_as_short_as_can_be(ordinals: frozenset[int]) -> None:
    runs = sum(o - 1 not in ordinals for o in ordinals)
    assert len([p for p in ranges.render(ordinals).split(",") if p]) == runs


@pytest.mark.parametrize(
    ("ordinals", "text"),
    [([], ""), ([0], "0"), ([0, 1], "0-1"), ([3, 1, 2, 7], "1-3,7"), ([0, 2, 4], "0,2,4")],
)
def test_render(ordinals: list[int], text: str) -> None:
    assert ranges.render(ordinals) == text


@pytest.mark.parametrize(
    ("text", "ordinals"),
    [("0-3,7", {0, 1, 2, 3, 7}), ("7,0-3", {0, 1, 2, 3, 7}), (" 1 - 2 , 2-3", {1, 2, 3}), ("5-5", {5}), ("007", {7})],
    ids=lambda value: f"T4 {value}",
)
def test_what_users_write(text: str, ordinals: set[int]) -> None:
    assert ranges.parse_user(text) == ordinals


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "'' is no ordinal"),
        ("1,,2", "'' is no ordinal"),
        ("a", "'a' is no ordinal and no range: write for example 0-3,7"),
        ("-1", "'-1' is no ordinal"),
        ("1-2-3", "'1-2-3' is no ordinal"),
        ("3-1", "range 3-1 runs backwards: write 1-3"),
        ("1234567", "is no ordinal"),
    ],
    ids=lambda value: f"T4 {value}",
)
def test_an_impossible_range_is_refused_with_a_sentence(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ranges.parse_user(text)


SIZES = [(20, 10, 2), (20, 9, 1), (20, 5, 1), (20, 3, 1), (20, 1, 1), (20, 14, 2), (20, 15, 3), (20, 1000, 200)]
SIZES += [(100, 7, 7), (1, 10, 1), (1, 250, 2), (50, 3, 1), (99, 2, 1), (20, 0, 1)]


@pytest.mark.parametrize(
    ("percent", "replicas", "size"),
    SIZES,
    ids=lambda value: f"B1 {value}",
)
def test_a_batch_is_rounded_down_at_least_one(percent: int, replicas: int, size: int) -> None:
    assert batch_size(percent, replicas) == size


@given(st.integers(1, 100), st.integers(1, 10_000))
def test_b1_a_batch_never_exceeds_its_percentage_but_for_the_one(percent: int, replicas: int) -> None:
    size = batch_size(percent, replicas)
    assert size == 1 or size * 100 <= percent * replicas
    assert (size + 1) * 100 > percent * replicas


SHARES = [(2, 10, 20, False), (3, 10, 20, True), (1, 5, 20, False), (1, 4, 20, True), (0, 10, 0, False)]
SHARES += [(1, 10, 0, True), (10, 10, 100, False), (0, 0, 20, False), (201, 1000, 20, True), (1, 0, 20, True)]


@pytest.mark.parametrize(
    ("count", "total", "limit", "exceeded"),
    SHARES,
    ids=lambda value: f"B9 {value}",
)
def test_limits_are_strict(count: int, total: int, limit: int, exceeded: bool) -> None:
    assert Share(count, total, limit).exceeded is exceeded


@pytest.mark.parametrize(
    ("share", "sentence"),
    [
        (Share(5, 20, 20), "5 of 20 upgraded instances unhealthy (25%, limit 20%)"),
        (Share(1, 3, 20), "1 of 3 upgraded instances unhealthy (33.3%, limit 20%)"),
        (Share(0, 0, 20), "0 of 0 upgraded instances unhealthy (0%, limit 20%)"),
    ],
    ids=["B9 whole", "B9 broken", "B9 none"],
)
def test_the_message_has_the_numbers(share: Share, sentence: str) -> None:
    assert share.sentence("upgraded instances unhealthy") == sentence


OLD = (Condition(type="Ready", status="True", reason="Fine", message="a", last_transition_time=at(-100)),)
CONDITIONS = {
    "same": (Wanted("Ready", "True", "Fine", "a"), -100),
    "other message": (Wanted("Ready", "True", "Fine", "b"), -100),
    "other reason": (Wanted("Ready", "True", "Great", "a"), -100),
    "other status": (Wanted("Ready", "False", "Fine", "a"), 0),
    "other type": (Wanted("Stalled", "True", "Fine", "a"), 0),
}


@pytest.mark.parametrize(("wanted", "since"), CONDITIONS.values(), ids=CONDITIONS)
def test_the_transition_time_moves_only_with_the_status(wanted: Wanted, since: float) -> None:
    (found,) = conditions.merge(OLD, [wanted], 7, at(0))
    assert (found.status, found.reason, found.message) == (wanted.status, wanted.reason, wanted.message)
    assert found.last_transition_time == at(since)
    assert found.observed_generation == 7


def test_a_message_keeps_within_the_schema() -> None:
    (found,) = conditions.merge((), [Wanted("Ready", "True", "Fine", "x" * 50_000)], 1, at(0))
    assert len(found.message) == 32768


CONDITION = {"type": "Ready", "status": "True", "reason": "Fine", "message": "a", "lastTransitionTime": stamp(0)}
SET_CHANGES = {
    "counts wait": ({"readyReplicas": 3, "unhealthyReplicas": 1}, False),
    "a sentence waits": ({"conditions": [{**CONDITION, "message": "b"}]}, False),
    "a condition that turns does not": ({"conditions": [{**CONDITION, "status": "False"}]}, True),
    "a reason does not": ({"conditions": [{**CONDITION, "reason": "Other"}]}, True),
    "a new generation does not": ({"conditions": [{**CONDITION, "observedGeneration": 2}]}, True),
    "I4 the active run does not": ({"activeRunName": "up"}, True),
    "I9 the assignment waits until an instance is made": (
        {"versions": [{"version": "1.0.0", "image": "i", "modelRevision": "r", "replicas": 1, "instances": "0"}]},
        False,
    ),
    "F4b the creation version does not": ({"creationVersion": "1.0.0"}, True),
    "F4 what is proven does not": ({"provenImageVersion": "1.0.0"}, True),
    "nothing": ({}, False),
}


@pytest.mark.parametrize(("change", "urgent"), SET_CHANGES.values(), ids=SET_CHANGES)
def test_writes_of_a_set_that_can_wait(change: dict[str, object], urgent: bool) -> None:
    old = ScaleSetStatus.model_validate({"conditions": [CONDITION]})
    new = ScaleSetStatus.model_validate({"conditions": [CONDITION], **change})
    assert is_urgent_for_set(old, new) is urgent


FAILURE = {"instance": 1, "reason": "HealthTimeout", "message": "m", "time": stamp(0)}
RUN_CHANGES = {
    "a sentence waits": ({"message": "new"}, False),
    "places wait": ({"instances": {"succeeded": "0"}}, False),
    "H3 a failure does not": ({"failures": [FAILURE]}, True),
    "H3 a counted failure does not": (
        {"failureReasons": [{"reason": "HealthTimeout", "environment": False, "count": 1}]},
        True,
    ),
    "I9 a batch does not": ({"currentBatch": {"number": 1, "instances": "0", "startTime": stamp(0)}}, True),
    "H2 a pod made again does not": (
        {"currentBatch": {"number": 1, "instances": "0", "recreated": "0", "startTime": stamp(0)}},
        True,
    ),
    "B8 a relapse does not": ({"relapses": [{"instances": "0", "since": stamp(0)}]}, True),
    "F9 an end does not": ({"runningStatus": {"code": "Completed"}}, True),
}


@pytest.mark.parametrize(("change", "urgent"), RUN_CHANGES.values(), ids=RUN_CHANGES)
def test_writes_of_a_run_that_can_wait(change: dict[str, object], urgent: bool) -> None:
    old = active_run(pending="0").status
    new = UpgradeRunStatus.model_validate({**old.to_json(), **change})
    assert is_urgent_for_run(old, new) is urgent


def test_i7_the_builders_set_is_valid() -> None:
    assert scale_set(3).spec.replicas == 3
