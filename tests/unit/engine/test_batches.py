"""B2, B3: which instances make the next batch; and what an instance of the batch in hand needs (H2, H3, H8, B12)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from rollkeeper.engine import batch as batch_of
from rollkeeper.engine import batches, ranges
from rollkeeper.engine.actions import CreateInstance, DeleteInstance, EvictInstance
from rollkeeper.engine.snapshot import Instance, Refusal, Vanished

from .builders import at, ctx, fleet, instance, new_pod, pair, problem, scale_set, state, unhealthy

WIDE = {"maxBatchInstancePercent": 50}


def zoned(zones: str, versions: Mapping[int, str] | None = None) -> dict[int, Instance]:
    """One instance a letter, `-` where the zone is not known."""
    return {o: instance(o, (versions or {}).get(o, "1.0.0"), zone=z.strip("-")) for o, z in enumerate(zones)}


SELECT: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    # the world, the run's policy, who goes first, the batch
    "B1 20% of 10": ({}, {}, "", "0-1"),
    "B1 at least one": ({"replicas": 3}, {}, "", "0"),
    "B1 all": ({}, {"maxBatchInstancePercent": 100}, "", "0-9"),
    "B2 one outside is unavailable": ({"broken": [5]}, {}, "", "0"),
    "B2 it is in the batch itself": ({"broken": [0]}, {}, "", "0-1"),
    "B2 starting ones count as unavailable": ({"made": {7: new_pod(7, "1.0.0")}}, {}, "", "0"),
    "B2 missing ones count as unavailable": ({"missing": [7]}, {}, "", "0"),
    "B2 nothing left: one unhealthy": ({"broken": [5, 6]}, {}, "", "5"),
    "B2 nothing left, far over": ({"broken": [5, 6, 7]}, {}, "", "5"),
    "B2 nothing left, none unhealthy: one": (
        {"starting": "8-9", "made": {o: new_pod(o, "1.0.0") for o in (8, 9)}},
        {},
        "",
        "0",
    ),
    "B2 a dropped one shrinks it further": ({"broken": [1, 7]}, {}, "", "1"),
    "B3 the lowest version first": ({"made": {6: instance(6, "0.9.0"), 8: instance(8, "0.1.0")}}, {}, "", "6,8"),
    "B3 numbers, not letters": ({"version": "1.10.0", "made": {6: instance(6, "1.9.0")}}, {}, "", "0,6"),
    "B4 one zone": ({"made": zoned("abcabcabca")}, {"maxBatchInstancePercent": 50}, "", "0,3,6,9"),
    "B4 never the next zone's": ({"made": zoned("aabbbbbbbb")}, {"maxBatchInstancePercent": 50}, "", "0-1"),
    "B4 over all zones": ({"made": zoned("abcabcabca")}, {**WIDE, "enableCrossZoneUpgrade": True}, "", "0-1,3,6,9"),
    "B4 unknown zones last": ({"made": zoned("--bbbaaaaa")}, {"maxBatchInstancePercent": 30}, "", "5-7"),
    "B3 zones before versions": ({"made": zoned("bbaa", {0: "0.1.0"}), "replicas": 4}, WIDE, "", "2-3"),
    "B3, B4 some first, in one zone": ({"broken": [7, 8], "zones": "abcabcabca"}, WIDE, "7-8", "7"),
    "B3 some first (T7)": ({"broken": [8, 9]}, {}, "8-9", "8-9"),
    "B3 some first, then by version": ({"broken": [9], "made": {5: instance(5, "0.9.0")}}, {}, "9", "5,9"),
}


@pytest.mark.parametrize(("world", "policy", "first", "wanted"), SELECT.values(), ids=SELECT)
def test_select(world: dict[str, Any], policy: dict[str, Any], first: str, wanted: str) -> None:
    rest = dict(world)
    replicas, status = rest.pop("replicas", 10), {"starting": rest.pop("starting", "")}
    zones = rest.pop("zones", "")
    instances = fleet(replicas, rest.pop("version", "1.0.0"), **rest)
    instances |= {o: replace(instances[o], zone=zone) for o, zone in enumerate(zones)}
    seen = ctx(scale_set(replicas, status=status), instances)
    run = state(pending=f"0-{replicas - 1}", policy=policy)
    assert ranges.render(batches.select(run, seen, ranges.parse(first))) == wanted


@pytest.mark.parametrize(("pending", "wanted"), [("", ""), ("3-9", "3-4"), ("9", "9")], ids=lambda v: f"B3 {v!r}")
def test_only_pending_ones(pending: str, wanted: str) -> None:
    assert ranges.render(batches.select(state(pending=pending), ctx(), frozenset())) == wanted


FORWARD, BACK = "up/1/Forward", "up/1/Back"


def gone(made_by: str, version: str = "1.1.0") -> dict[str, Any]:
    return {"instances": {}, "vanished": {0: Vanished(0, made_by, pair(version))}}


def refused(since: float, made_by: str = FORWARD) -> dict[str, Any]:
    refusal = Refusal("QuotaExceeded", "exceeded quota", at(since), at(2), made_by)
    return {"instances": {}, "refusals": {0: refusal}}


def one(seen: Instance) -> dict[str, Any]:
    return {"instances": {0: seen}}


def made(**fields: Any) -> Instance:
    return new_pod(0, made_by=FORWARD, **fields)


GOING: dict[str, Any] = {"terminating": True, "made_by": "FirstCreation"}
SETTLE: dict[str, tuple[dict[str, Any], str, str]] = {
    # the world, where instance 0 stands then, the reason that it failed for
    "untouched": (one(instance(0)), "in_progress", ""),
    "terminating": (one(instance(0, **GOING, terminating_until=at(30))), "in_progress", ""),
    "H8 in its time": (one(instance(0, **GOING, terminating_until=at(-29))), "in_progress", ""),
    "H8 stuck": (one(instance(0, **GOING, terminating_until=at(-30))), "failed", "TerminationStuck"),
    "gone": ({"instances": {}}, "in_progress", ""),
    "new, starts": (one(made(age=59)), "in_progress", ""),
    "new, healthy": (one(instance(0, "1.1.0", made_by=FORWARD)), "succeeded", ""),
    "H2 out of time": (one(made(age=60)), "failed", "ProvisioningTimeout"),
    "H5 its reason": (one(made(age=60, problem=problem())), "failed", "ImagePullBackOff"),
    "H2 vanished once": (gone(FORWARD), "in_progress", ""),
    "H2 vanished twice": ({**gone(FORWARD), "recreated": "0"}, "failed", "PodDeleted"),
    "H2 made again once, not there yet": ({"instances": {}, "recreated": "0"}, "in_progress", ""),
    "H2 the pod before the batch vanished": ({**gone("Repair"), "recreated": "0"}, "in_progress", ""),
    "H2 an earlier run of this name": ({**gone(FORWARD, "1.0.0"), "recreated": "0"}, "in_progress", ""),
    "I9 a pod of an earlier run of this name": (one(instance(0, "1.0.0", made_by=FORWARD)), "in_progress", ""),
    "B12 an eviction that was refused": (refused(-600, ""), "in_progress", ""),
    "H5 refused, in its time": (refused(-59), "in_progress", ""),
    "H5 refused for too long": (refused(-60), "failed", "QuotaExceeded"),
}


@pytest.mark.parametrize(("world", "place", "reason"), SETTLE.values(), ids=SETTLE)
def test_settle(world: dict[str, Any], place: str, reason: str) -> None:
    seen = {key: value for key, value in world.items() if key != "recreated"}
    run = state(inProgress="0", batch=(1, "0"), recreated=world.get("recreated", ""), rollback=False)
    found, _ = batch_of.settle(run, ctx(scale_set(1), **seen))
    assert getattr(found.tally, place) == {0}
    assert [f.reason for f in found.failures] == ([reason] if reason else [])


def test_h2_a_pod_that_is_made_again_is_noted_before() -> None:
    run = state(inProgress="0", batch=(1, "0"))
    found, _ = batch_of.settle(run, ctx(scale_set(1), **gone(FORWARD)))
    assert found.batch is not None
    assert found.batch.recreated == {0}


def test_h8_counts_in_b6_not_in_b8() -> None:
    stuck = instance(0, **GOING, terminating_until=at(-30))
    run = state(inProgress="0", batch=(1, "0"))
    found, _ = batch_of.settle(run, ctx(scale_set(1), one(stuck)["instances"]))
    assert found.upgraded == frozenset()
    assert found.putting_back == frozenset(), "it can't be put back"


SETTLED: dict[str, tuple[dict[str, Any], bool]] = {
    "in progress": ({"inProgress": "0"}, False),
    "succeeded": ({"succeeded": "0"}, True),
    "failed, to be put back": ({"failed": "0"}, False),
    "failed, rollback is off": ({"failed": "0", "rollback": False}, True),
    "rolledBack": ({"failed": "0", "rolledBack": "0"}, True),
    "rollbackFailed": ({"failed": "0", "rollbackFailed": "0"}, True),
}


@pytest.mark.parametrize(("run", "settled"), SETTLED.values(), ids=[f"section 0 {name}" for name in SETTLED])
def test_what_is_settled_belongs_to_the_batch_no_longer(run: dict[str, Any], settled: bool) -> None:
    assert state(batch=(1, "0"), origins="0", **run).exclusive == frozenset(() if settled else {0})


BACK_AGAIN: dict[str, tuple[dict[str, Any], str]] = {
    "still the broken one": (one(made(age=100)), ""),
    "made again": (one(new_pod(0, "1.0.0", made_by=BACK)), ""),
    "H3 the create that was refused was another": (refused(-600), ""),
    "H3 refused for too long itself": (refused(-60, BACK), "rollback_failed"),
    "H3 healthy": (one(instance(0, "1.0.0", made_by=BACK)), "rolled_back"),
    "H3 not healthy in time": (one(new_pod(0, "1.0.0", made_by=BACK, age=60)), "rollback_failed"),
    "H8 stuck": (
        one(instance(0, terminating=True, terminating_until=at(-30), made_by=FORWARD)),
        "rollback_failed",
    ),
}


@pytest.mark.parametrize(("world", "place"), BACK_AGAIN.values(), ids=BACK_AGAIN)
def test_putting_back(world: dict[str, Any], place: str) -> None:
    run = state(failed="0", batch=(1, "0"), origins="0")
    found, _ = batch_of.settle(run, ctx(scale_set(1), **world))
    assert found.tally.failed == {0}, "H3: either way it has failed"
    assert (found.tally.rolled_back, found.tally.rollback_failed) == (
        frozenset({0} if place == "rolled_back" else ()),
        frozenset({0} if place == "rollback_failed" else ()),
    )


ACTS: dict[str, tuple[dict[str, Any], dict[str, Any], object]] = {
    "B12 a healthy one is evicted": ({"inProgress": "0"}, one(instance(0)), EvictInstance),
    "B12 an unhealthy one is deleted": ({"inProgress": "0"}, one(unhealthy(0)), DeleteInstance),
    "terminating: wait": ({"inProgress": "0"}, one(instance(0, terminating=True)), None),
    "gone: make it": ({"inProgress": "0"}, {"instances": {}}, pair("1.1.0")),
    "made: wait": ({"inProgress": "0"}, one(made()), None),
    "I9 made by an earlier run of this name": (
        {"inProgress": "0"},
        one(instance(0, "1.0.0", made_by=FORWARD)),
        EvictInstance,
    ),
    "H3 the failed one is deleted": ({"failed": "0"}, one(made(age=100)), DeleteInstance),
    "B12 a rollback is deleted though ready": (
        {"failed": "0"},
        one(instance(0, "1.1.0", made_by=FORWARD)),
        DeleteInstance,
    ),
    "H3 put back on its origin": ({"failed": "0"}, {"instances": {}}, pair("1.0.0")),
    "H3 not where rollback is off": ({"failed": "0", "rollback": False}, {"instances": {}}, None),
    "H3 made: wait": ({"failed": "0"}, one(new_pod(0, "1.0.0", made_by=BACK)), None),
    "refused: wait": ({"inProgress": "0"}, refused(-1), None),
}


@pytest.mark.parametrize(("run", "world", "wanted"), ACTS.values(), ids=ACTS)
def test_plan(run: dict[str, Any], world: dict[str, Any], wanted: object) -> None:
    found = batch_of.plan(state(batch=(1, "0"), **run), ctx(scale_set(1), **world))
    if wanted is None:
        assert found == []
        return
    (action,) = found
    if isinstance(action, CreateInstance):
        assert action.pair == wanted
        assert action.made_by == (FORWARD if "inProgress" in run else BACK)
    else:
        assert type(action) is wanted
        assert action.uid == "uid-0"


TOUCHED: dict[str, tuple[str, dict[str, Any], bool]] = {
    # where the run has instance 0, the world, touched
    "its old pod": ("inProgress", one(instance(0)), False),
    "missing": ("inProgress", {"instances": {}}, True),
    "terminating, whoever took it down": ("inProgress", one(instance(0, terminating=True)), True),
    "made by this batch": ("inProgress", one(made()), True),
    "put back by this batch": ("failed", one(instance(0, made_by=BACK)), True),
    "made by an earlier batch": ("inProgress", one(instance(0, made_by="up/0/Forward")), False),
}


@pytest.mark.parametrize(("place", "world", "wanted"), TOUCHED.values(), ids=[f"section 0 {name}" for name in TOUCHED])
def test_touched(place: str, world: dict[str, Any], wanted: bool) -> None:
    run = state(**{place: "0"}, batch=(1, "0"))
    assert batch_of.is_touched(run, ctx(scale_set(1), **world), 0) is wanted


def test_h6_putting_back_does_not_wait_for_the_broken_one() -> None:
    """A pod that hangs in its start is deleted in the moment of its verdict."""
    seen = ctx(scale_set(1), **one(made(age=100)))
    run, _ = batch_of.settle(state(inProgress="0", batch=(1, "0")), seen)
    assert run.tally.failed == {0}
    assert [type(action) for action in batch_of.plan(run, seen)] == [DeleteInstance]


def test_b12_the_run_says_which_budget_refuses() -> None:
    refusal = Refusal("EvictionRefused", "The disruption budget web needs 9 healthy pods", at(-5), at(2), "")
    seen = ctx(refusals={1: refusal})
    run = state(inProgress="0-1", batch=(1, "0-1"))
    said = batch_of.waiting_for_eviction(run, seen)
    assert said == "web-1 can't be evicted: The disruption budget web needs 9 healthy pods"
