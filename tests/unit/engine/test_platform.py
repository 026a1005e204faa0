"""Model and pin runs: when they are due, what blocks them, what they want of an instance (M1, M5, T1, T2, T6, F3)."""

from typing import Any

import pytest

from rollkeeper.engine import gates, goals, platform, run_state
from rollkeeper.engine.reasons import Wait

from .builders import REVISION, active_run, ctx, fleet, hold, instance, pair, proven, scale_set, stamp, unhealthy

NEW = "web-rev2"
TO_NEW = [pair("1.0.0", NEW), pair("1.1.0", NEW)]
OFF: dict[str, Any] = {"automatic": False}


def held(revision: str) -> dict[str, Any]:
    hold_on_model = {"revision": revision, "runName": "bad", "reason": "UpgradedUnhealthy", "time": stamp(0)}
    return {"status": {"heldModelRevisions": [hold_on_model]}}


def mode(name: str) -> dict[str, Any]:
    return {"policy": {"mode": name}}


MODEL_DUE: dict[str, tuple[dict[str, Any], dict[str, Any], bool]] = {
    "M1 the newest revision differs from the proven one": (OFF, {"revision": NEW}, True),
    "M1 nothing has changed": (OFF, {}, False),
    "M1 mode Automatic": (OFF | mode("Automatic"), {"revision": NEW}, True),
    "M1 mode Manual does nothing by itself": (OFF | mode("Manual"), {"revision": NEW}, False),
    "F3 the newest revision is held": (OFF | held(NEW), {"revision": NEW}, False),
    "T1 every instance has it already": (
        OFF,
        {"revision": NEW, "instances": {o: instance(o, revision=NEW) for o in range(10)}},
        False,
    ),
    "B10 those that have not are protected": (
        OFF,
        {
            "revision": NEW,
            "instances": {o: instance(o, revision=NEW) for o in range(9)} | {9: instance(9, protected=True)},
        },
        False,
    ),
}


@pytest.mark.parametrize("name", MODEL_DUE)
def test_model_run_is_due(name: str) -> None:
    fields, seen, due = MODEL_DUE[name]
    causes = [w.cause for w in platform.consider(ctx(scale_set(**fields), accepted=TO_NEW, **seen)).wishes]
    assert causes == (["Model"] if due else [])


TAKEN_BACK: dict[str, tuple[dict[str, Any], bool]] = {
    "T1 a run had brought an instance to it": ({"made_by": "run/1/Forward"}, True),
    "T1 a run put it back to that, so left it behind": ({"made_by": "run/2/Back"}, False),
    "H8 a run could not take it down": ({"made_by": "run/1/Forward", "terminating": True}, False),
    "B10 it is protected": ({"made_by": "run/1/Forward", "protected": True}, False),
}


@pytest.mark.parametrize(("fields", "due"), TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_t1_a_change_that_was_taken_back(fields: dict[str, Any], due: bool) -> None:
    """The newest model is the proven one again: what a completed run left behind waits, or runs would never end."""
    instances = {**fleet(3), 2: instance(2, revision=NEW, **fields)}
    found = platform.consider(ctx(scale_set(3, **OFF), instances, revisions={REVISION: 1, NEW: 2}))
    assert [w.cause for w in found.wishes] == (["Model"] if due else [])


PIN_DUE: dict[str, tuple[dict[str, Any], str | None]] = {
    "T1, M5 pinned up": ({"version": "1.1.0"}, "1.1.0"),
    "M5 pinned down": ({"version": "1.0.0", "status": {"provenImageVersion": "1.1.0"}}, "1.0.0"),
    "M5 pinned to what is proven": ({"version": "1.0.0"}, None),
    "M5 mode Manual": ({"version": "1.1.0"} | mode("Manual"), None),
    "M5 no such version": ({"version": "9.9.9"}, None),
    "M5 back to latest": ({}, None),
}


@pytest.mark.parametrize("name", PIN_DUE)
def test_pin_run_is_due(name: str) -> None:
    fields, target = PIN_DUE[name]
    proven_higher = "status" in fields
    instances = fleet(10, "1.1.0") if proven_higher else None
    wishes = platform.consider(ctx(scale_set(**OFF, **fields), instances)).wishes
    assert [w.target for w in wishes] == ([target] if target else [])
    assert all(w.cause == "Pin" and w.type == "OSImage" for w in wishes)


def test_f4b_a_run_while_nothing_is_proven_says_why_without_a_proven_version() -> None:
    nothing = scale_set(status={**proven(None), "creationVersion": "1.1.0", "creationModelRevision": REVISION})
    (wish,) = platform.consider(ctx(nothing, accepted=[pair("1.1.0")])).wishes
    assert wish.message == "version 1.1.0 is what instances are created with, and healthy ones run another"
    (wish,) = platform.consider(ctx(accepted=[pair("1.1.0")])).wishes
    assert wish.message == "version 1.1.0 is newer than 1.0.0"


def test_t5_model_before_automatic() -> None:
    wishes = platform.consider(ctx(revision=NEW, accepted=TO_NEW)).wishes
    assert [w.cause for w in wishes] == ["Model", "Automatic"]


def test_t7_what_a_model_run_replaces_does_not_count_against_it() -> None:
    broken = fleet(10, broken=range(6))
    assert platform.consider(ctx(scale_set(**OFF), broken, revision=NEW, accepted=TO_NEW)).blocked is None
    kept = {**broken, **{o: unhealthy(o, protected=True) for o in range(6)}}
    blocked = platform.consider(ctx(scale_set(**OFF), kept, revision=NEW, accepted=TO_NEW)).blocked
    assert blocked is not None
    assert blocked.reason == Wait.UNHEALTHY
    assert "6 of 10 instances unhealthy (60%, limit 20%)" in blocked.message


def test_m3_a_model_that_is_refused_blocks() -> None:
    blocked = platform.consider(ctx(scale_set(**OFF), revision=NEW)).blocked
    assert blocked is not None
    assert blocked.reason == Wait.CHECKING_MODEL


def test_b5_runs_apply_the_proven_model_while_the_newest_is_held() -> None:
    assert ctx(scale_set(**held(NEW)), revision=NEW).model == REVISION
    assert ctx(scale_set(), revision=NEW).model == NEW


def test_t2_manual_needs_the_latest_model_first() -> None:
    manual = ctx(scale_set(**mode("Manual")), revision=NEW)
    blocked = gates.model_is_applied(manual, pair("1.1.0", NEW))
    assert blocked is not None
    assert blocked.reason == Wait.MODEL_NOT_APPLIED
    assert "0-9" in blocked.message
    assert gates.model_is_applied(ctx(scale_set(**mode("Manual"))), pair("1.1.0")) is None
    leaving = {**fleet(10), 10: instance(10, revision="old", terminating=True)}
    assert gates.model_is_applied(ctx(scale_set(**mode("Manual")), leaving), pair("1.1.0")) is None


def model_run(**fields: Any) -> Any:
    run = active_run("1.0.0", type="Model", pending="0-9", **fields)
    return run.model_copy(
        update={
            "status": run.status.model_copy(update={"target_image_reference": None, "target_model_revision": NEW}),
        }
    )


def test_m1_a_model_run_leaves_each_version_as_it_is() -> None:
    mixed = ctx(instances=fleet(10, made={3: instance(3, "1.1.0")}), revision=NEW)
    a_run = run_state.load(model_run())
    assert goals.goal(a_run, mixed, 0) == pair("1.0.0", NEW)
    assert goals.goal(a_run, mixed, 3) == pair("1.1.0", NEW)


def test_m1_a_held_version_becomes_the_proven_one() -> None:
    on_held = ctx(
        scale_set(status={"heldVersions": [hold("1.1.0")]}), fleet(10, made={3: instance(3, "1.1.0")}), revision=NEW
    )
    assert goals.goal(run_state.load(model_run()), on_held, 3).version == "1.0.0"


def test_h7_an_unhealthy_instance_is_never_on_target_in_a_model_run() -> None:
    seen = ctx(instances=fleet(10, made={3: unhealthy(3, revision=NEW), 4: instance(4, revision=NEW)}), revision=NEW)
    a_run = run_state.load(model_run())
    assert not goals.is_on_target(a_run, seen, 3)
    assert goals.is_on_target(a_run, seen, 4)
