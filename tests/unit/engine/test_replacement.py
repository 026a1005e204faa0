"""Where an image is changed in place, and where it takes a new pod (`replacementMethod`; B5, B12, E1, H3)."""

from typing import Any

import pytest

from rollkeeper.engine import batch as batch_of
from rollkeeper.engine import replacement
from rollkeeper.engine.actions import DeleteInstance, EvictInstance, SwapImage
from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.snapshot import Instance, Pair, Refusal
from tests.unit.engine.builders import REVISION, at, ctx, instance, pair, scale_set, state, unhealthy

FORWARD, BACK = "up/1/Forward", "up/1/Back"


def in_place(**fields: Any) -> RunState:
    """An active run whose pods are to stay where they can."""
    return state(**{"policy": {"replacementMethod": "InPlaceIfPossible"}, **fields})


def world(one: Instance, **more: Any) -> dict[str, Any]:
    return {"instances": {0: one}, **more}


def refused(seconds: float) -> dict[int, Refusal]:
    return {0: Refusal(Failure.SWAP_REFUSED, "no images from there", at(-10), at(seconds), FORWARD)}


SAME_IMAGE = instance(0, pair=Pair("1.0.0", "registry/web:1.1.0", REVISION))
ACTS: dict[str, tuple[dict[str, Any], dict[str, Any], object]] = {
    # where the run has instance 0, the world, the act; for a swap whether it is held to budgets
    "B12 a healthy one is held to budgets": ({"inProgress": "0"}, world(instance(0)), True),
    "B12 an unhealthy one is not": ({"inProgress": "0"}, world(unhealthy(0)), False),
    "H3 put back in place, no budget is asked": ({"failed": "0"}, world(instance(0, "1.1.0", made_by=FORWARD)), False),
    "H3 also where the new container waits": (
        {"failed": "0"},
        world(unhealthy(0, "1.1.0", made_by=FORWARD, swapping=True, running=False)),
        False,
    ),
    "B5 another model": ({"inProgress": "0"}, world(instance(0, revision="web-old")), EvictInstance),
    "E1 a Task": ({"inProgress": "0"}, world(instance(0), with_tasks=frozenset({REVISION})), EvictInstance),
    "E1 a Task, put back": (
        {"failed": "0"},
        world(instance(0, "1.1.0", made_by=FORWARD), with_tasks=frozenset({REVISION})),
        DeleteInstance,
    ),
    "V8 the same image by another number": ({"inProgress": "0"}, world(SAME_IMAGE), EvictInstance),
    "its pod has ended": ({"inProgress": "0"}, world(unhealthy(0, finished=True)), DeleteInstance),
    "its node is lost": ({"inProgress": "0"}, world(unhealthy(0, node_ready=False)), DeleteInstance),
    "the API server refused: wait": ({"inProgress": "0"}, world(instance(0), refusals=refused(1)), None),
    "the API server refused: by a new pod": (
        {"inProgress": "0"},
        world(instance(0), refusals=refused(-1)),
        EvictInstance,
    ),
    "B13 done: wait": ({"inProgress": "0"}, world(instance(0, "1.1.0", made_by=FORWARD)), None),
    "terminating: wait": ({"inProgress": "0"}, world(instance(0, terminating=True)), None),
}


@pytest.mark.parametrize(("run", "seen", "wanted"), ACTS.values(), ids=ACTS)
def test_in_place_or_not(run: dict[str, Any], seen: dict[str, Any], wanted: object) -> None:
    """B5, B12, E1, H3."""
    found = batch_of.plan(in_place(batch=(1, "0"), **run), ctx(scale_set(1), **seen))
    if wanted is None:
        assert found == []
        return
    (action,) = found
    if not isinstance(wanted, bool):
        assert type(action) is wanted
        return
    assert isinstance(action, SwapImage)
    goal, mark = ("1.1.0", FORWARD) if "inProgress" in run else ("1.0.0", BACK)
    assert (action.uid, action.pair, action.made_by) == ("uid-0", pair(goal), mark)
    assert action.held_to_budgets is wanted


def test_recreate_stays_recreate() -> None:
    (action,) = batch_of.plan(state(inProgress="0", batch=(1, "0")), ctx(scale_set(1), {0: instance(0)}))
    assert isinstance(action, EvictInstance)


SAID: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "in place": ({"policy": {"replacementMethod": "InPlaceIfPossible"}}, {}, "0-1 in place"),
    "recreated, as asked": ({"policy": {}}, {}, "0-1"),
    "E1 a Task": ({}, {"with_tasks": frozenset({REVISION})}, "0-1 by new pods (Task extensions run in new pods only)"),
    "B5 another model": ({"revision": "web-new"}, {}, "0-1 by new pods (the model changes)"),
}


@pytest.mark.parametrize(("run", "seen", "wanted"), SAID.values(), ids=SAID)
def test_the_batch_says_how(run: dict[str, Any], seen: dict[str, Any], wanted: str) -> None:
    found = ctx(scale_set(2), **seen)
    assert replacement.forward(in_place(inProgress="0-1", batch=(1, "0-1"), **run), found, frozenset({0, 1})) == wanted
    failed = in_place(failed="0-1", batch=(1, "0-1"), **run)
    assert replacement.back(failed, found, frozenset({0, 1})) == wanted


def test_a_batch_of_both_kinds_says_so() -> None:
    run = in_place(inProgress="0", batch=(1, "0-1"), pending="1")
    origins = {0: pair("1.0.0"), 1: pair("1.0.0", "web-old")}
    run = RunState(**{**{f: getattr(run, f) for f in run.__dataclass_fields__}, "origins": origins})
    said = replacement.forward(run, ctx(scale_set(2)), frozenset({0, 1}))
    assert said == "0 in place, 1 by new pods (the model changes)"


def test_b12_the_run_says_which_budget_keeps_an_image() -> None:
    refusal = Refusal("EvictionRefused", "The disruption budget web needs 9 healthy pods", at(-5), at(2), "")
    said = batch_of.waiting_for_eviction(in_place(inProgress="0-1", batch=(1, "0-1")), ctx(refusals={1: refusal}))
    assert said == "web-1 can't be replaced: The disruption budget web needs 9 healthy pods"
