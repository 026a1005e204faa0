"""run.advance: B6 to B8, B11, B13, B14, T4, T7, I5: each outcome of one step."""

from dataclasses import replace
from typing import Any

import pytest

from rollkeeper.engine import ranges, run
from rollkeeper.engine.reasons import Code
from rollkeeper.engine.run import Advanced, Stop

from .builders import at, ctx, fleet, instance, new_pod, scale_set, state, unhealthy

CANCEL = Stop(Code.CANCELLED_BY_USER, "cancelled")
OPT_OUT = Stop(Code.OPTED_OUT, "opted out")
PAUSE = Stop(None, "paused")
FORWARD = "up/1/Forward"


def advance(stops: tuple[Stop, ...] = (), *, seconds: float = 0, status: Any = None, **fields: Any) -> Advanced:
    """A step of a run to 1.1.0 over ten instances, `world` being those that differ from healthy on 1.0.0."""
    world, replicas = fields.pop("world", {}), fields.pop("replicas", 10)
    more = {key: fields.pop(key) for key in ("versions", "assigned", "vanished") if key in fields}
    done = ranges.parse(fields.get("succeeded", ""))
    upgraded = {o: instance(o, "1.1.0", made_by="up/0/Forward") for o in done}
    instances = {**fleet(replicas), **upgraded, **world}
    present = {o: i for o, i in instances.items() if i is not None}
    seen = ctx(scale_set(replicas, status=status or {}), present, seconds=seconds, **more)
    return run.advance(state(**fields), seen, stops)


def broken(*ordinals: int, version: str = "1.0.0") -> dict[int, Any]:
    return {o: unhealthy(o, version) for o in ordinals}


BATCH: dict[str, Any] = {"inProgress": "0-1", "pending": "2-9", "batch": (1, "0-1")}
ENDS: dict[str, tuple[dict[str, Any], tuple[Stop, ...], Code | None]] = {
    "B14 goes on": ({"succeeded": "0-1", "pending": "2-9"}, (), None),
    "B14 completed": ({"succeeded": "0-9"}, (), Code.COMPLETED),
    "B14 completed before cancel": ({"succeeded": "0-9"}, (CANCEL,), Code.COMPLETED),
    "B14 completed with failures": (
        {"succeeded": "1-9", "failed": "0", "rolledBack": "0"},
        (),
        Code.COMPLETED_WITH_FAILURES,
    ),
    "B8 20% exactly passes": ({"succeeded": "1-4", "failed": "0", "rolledBack": "0", "pending": "5-9"}, (), None),
    "B8 over the limit": (
        {"succeeded": "1-3", "failed": "0", "rolledBack": "0", "pending": "4-9"},
        (),
        Code.UPGRADED_UNHEALTHY,
    ),
    "B8 before completed": (
        {"succeeded": "2-7", "failed": "0-1,8-9", "rolledBack": "0-1,8-9"},
        (),
        Code.UPGRADED_UNHEALTHY,
    ),
    "B8 before cancel": ({"failed": "0", "rolledBack": "0", "pending": "1-9"}, (CANCEL,), Code.UPGRADED_UNHEALTHY),
    "B8 not those unhealthy before": (
        {"succeeded": "1-2", "failed": "0", "rolledBack": "0", "uncounted": "0", "pending": "3-9"},
        (),
        None,
    ),
    "B8 on target at the start does not count": (
        {"succeeded": "1-9", "failed": "0", "rolledBack": "0", "origins": "0-1"},
        (),
        Code.UPGRADED_UNHEALTHY,
    ),
    "B14 relapse before completed": ({"succeeded": "0-9", "relapses": {"3": -5}, "world": broken(3)}, (), None),
    "B14 relapse before cancel": (
        {"succeeded": "0-4", "pending": "5-9", "relapses": {"3": -5}, "world": broken(3)},
        (CANCEL,),
        None,
    ),
    "B14 cancel": ({"succeeded": "0-1", "pending": "2-9"}, (CANCEL,), Code.CANCELLED_BY_USER),
    "B14 the first stop decides": ({"pending": "0-9"}, (CANCEL, OPT_OUT, PAUSE), Code.CANCELLED_BY_USER),
    "B14 opt-out before pause": ({"pending": "0-9"}, (OPT_OUT, PAUSE), Code.OPTED_OUT),
    "B14 paused": ({"succeeded": "0-1", "pending": "2-9"}, (PAUSE,), None),
    "B14 cancel before B6": ({"pending": "0-9", "world": broken(1, 2, 3)}, (CANCEL,), Code.CANCELLED_BY_USER),
    "B14 pause before B6": ({"pending": "0-9", "world": broken(1, 2, 3)}, (PAUSE,), None),
    "B6 over the limit": (
        {"pending": "0-9", "startedBy": "Platform", "world": broken(1, 2, 3)},
        (),
        Code.UNHEALTHY_DURING,
    ),
    "B6 20% exactly passes": ({"pending": "0-9", "startedBy": "Platform", "world": broken(1, 2)}, (), None),
    "B6 starting ones don't count": (
        {
            "pending": "0-9",
            "startedBy": "Platform",
            "status": {"starting": "0-3"},
            "world": {o: new_pod(o, "1.0.0") for o in range(4)},
        },
        (),
        None,
    ),
    "B6 protected ones count": (
        {"pending": "0-9", "world": {o: unhealthy(o, protected=True) for o in (1, 2, 3)}},
        (),
        Code.UNHEALTHY_DURING,
    ),
    "B6 not the last: nothing is pending": (
        {"succeeded": "0-5", "skipped": "6-9", "world": broken(6, 7, 8, 9)},
        (),
        Code.COMPLETED,
    ),
    "T7 a user's run mends": ({"pending": "0-9", "world": broken(1, 2, 3)}, (), None),
    "T7 an automatic run only what was left failed": (
        {"pending": "0-9", "startedBy": "Platform", "status": {"leftFailed": "1"}, "world": broken(1, 2, 3)},
        (),
        None,
    ),
    "B13 cancel waits for what is touched": ({**BATCH, "world": {0: None}}, (CANCEL,), None),
    "B13 cancel acts at once on untouched ones": (BATCH, (CANCEL,), Code.CANCELLED_BY_USER),
    "B13 pause too": (BATCH, (PAUSE,), None),
}
# A run's status and the set's status are told apart by who reads them: `status` in a row is the set's.


@pytest.mark.parametrize(("fields", "stops", "code"), ENDS.values(), ids=ENDS)
def test_what_follows(fields: dict[str, Any], stops: tuple[Stop, ...], code: Code | None) -> None:
    found = advance(stops, **fields)
    assert (found.end and found.end.code) == code


MESSAGES: dict[str, tuple[dict[str, Any], tuple[Stop, ...], str]] = {
    "B9 B8": (
        {"succeeded": "1-3", "failed": "0", "rolledBack": "0", "pending": "4-9"},
        (),
        "1 of 4 upgraded instances unhealthy (25%, limit 20%)",
    ),
    "B9 B6": (
        {"pending": "0-9", "startedBy": "Platform", "world": broken(1, 2, 3)},
        (),
        "3 of 10 instances unhealthy (30%, limit 20%)",
    ),
    "completed": ({"succeeded": "0-9"}, (), "10 of 10 instances run 1.1.0"),
    "completed, some left": ({"succeeded": "0-8", "skipped": "9"}, (), "9 of 10 instances run 1.1.0; left: 9"),
    "B14 relapse": (
        {"succeeded": "0-9", "relapses": {"3": -5}, "world": broken(3)},
        (),
        "upgraded instances 3 turned unhealthy: waits until they have recovered",
    ),
    "next batch": ({"succeeded": "0-1", "pending": "2-9"}, (), "batch 1: replacing 2-3"),
    "B13 a stop, and the batch in hand": (
        {**BATCH, "world": {0: new_pod(0, made_by=FORWARD)}},
        (CANCEL,),
        "cancelled; first the batch in hand ends: ",
    ),
}


@pytest.mark.parametrize(("fields", "stops", "said"), MESSAGES.values(), ids=MESSAGES)
def test_what_is_said(fields: dict[str, Any], stops: tuple[Stop, ...], said: str) -> None:
    found = advance(stops, **fields)
    assert (found.end.message if found.end else found.look.message).startswith(said)


NEXT: dict[str, tuple[dict[str, Any], str, str]] = {
    # the world, the next batch, those of it that B8 will not count if they fail
    "B1": ({"pending": "0-9"}, "0-1", ""),
    "T7 the unhealthy one first": ({"pending": "0-9", "world": broken(9)}, "0,9", "9"),
    "T7 unhealthy ones first": ({"pending": "0-9", "world": broken(8, 9)}, "8-9", "8-9"),
    "B3 an automatic run keeps its order": (
        {"pending": "0-9", "startedBy": "Platform", "world": broken(9)},
        "0",
        "",
    ),
    "B3 prioritizeUnhealthyInstances": (
        {
            "pending": "0-9",
            "startedBy": "Platform",
            "policy": {"prioritizeUnhealthyInstances": True},
            "world": broken(9),
        },
        "0,9",
        "9",
    ),
    "T7 left failed ones first": (
        {"pending": "0-9", "startedBy": "Platform", "status": {"leftFailed": "8-9"}, "world": broken(8, 9)},
        "8-9",
        "8-9",
    ),
    "T4 on target already": ({"pending": "0-9", "world": {0: instance(0, "1.1.0")}}, "1-2", ""),
    "B10 protected": ({"pending": "0-9", "world": {0: instance(0, protected=True)}}, "1-2", ""),
    "T4 a subset": ({"pending": "4-6", "instances": "4-6"}, "4-5", ""),
}


@pytest.mark.parametrize(("fields", "wanted", "uncounted"), NEXT.values(), ids=NEXT)
def test_the_next_batch(fields: dict[str, Any], wanted: str, uncounted: str) -> None:
    found = advance(**fields).state
    assert found.batch is not None
    assert ranges.render(found.batch.instances) == wanted == ranges.render(found.tally.in_progress)
    assert ranges.render(found.tally.uncounted) == uncounted
    assert found.origins.keys() >= found.batch.instances, "I9: what each of it ran stands there before the act"


PLACES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "I5 on target and healthy": ({"world": {0: instance(0, "1.1.0")}}, {"succeeded": "0"}),
    "I5 on target and unhealthy": ({"world": broken(0, version="1.1.0")}, {"skipped": "0"}),
    "I5 starting on the target": (
        {"status": {"starting": "0"}, "world": {0: new_pod(0, "1.1.0", made_by="ScaleOut")}},
        {"pending": "0,2-9"},
    ),
    "B10 protected": ({"world": {0: instance(0, protected=True)}}, {"skipped": "0"}),
    "B10 protected on target": ({"world": {0: instance(0, "1.1.0", protected=True)}}, {"succeeded": "0"}),
    "B11 joined": ({"replicas": 12}, {"pending": "2-11"}),
    "B11 removed": ({"replicas": 8}, {"pending": "1-7"}),
    "B11 never given anything: not yet": (
        {"replicas": 11, "world": {10: None}, "assigned": range(10)},
        {"pending": "1-9"},
    ),
}


@pytest.mark.parametrize(("fields", "places"), PLACES.values(), ids=PLACES)
def test_where_instances_stand(fields: dict[str, Any], places: dict[str, str]) -> None:
    tally = advance(pending="0-9", **fields).state.tally
    assert {place: ranges.render(getattr(tally, place)) for place in places} == places


def test_b11_removed_instances_leave_every_count() -> None:
    everywhere: dict[str, Any] = {
        "succeeded": "0-4",
        "failed": "8",
        "rolledBack": "8",
        "skipped": "9",
        "pending": "5-6",
        "inProgress": "7",
    }
    tally = advance(replicas=5, batch=(2, "7-8"), uncounted="8", **everywhere).state.tally
    assert ranges.render(tally.members) == "0-4"
    assert (tally.rolled_back, tally.uncounted) == (frozenset(), frozenset())


RELAPSES: dict[str, tuple[dict[str, Any], dict[int, float], str]] = {
    # the world, the clocks that run then (since when), who is put back
    "B8 turns unhealthy": ({"world": broken(3, version="1.1.0")}, {3: 0}, ""),
    "B8 still unhealthy": ({"world": broken(3, version="1.1.0"), "relapses": {"3": -29}}, {3: -29}, ""),
    "B8 too long": ({"world": broken(3, version="1.1.0"), "relapses": {"3": -30}}, {}, "3"),
    "B8 missing too": ({"world": {3: None}, "relapses": {"3": -30}}, {}, "3"),
    "B8 healthy for a moment": (
        {"world": {3: instance(3, "1.1.0", ready_since=at(-29))}, "relapses": {"3": -60}},
        {3: -60},
        "",
    ),
    "B8 unbroken health": ({"world": {3: instance(3, "1.1.0", ready_since=at(-30))}, "relapses": {"3": -60}}, {}, ""),
    "B8 again: the old start": (
        {"world": broken(3, version="1.1.0"), "relapses": {"3": -31}},
        {},
        "3",
    ),
    "B8 at most B1's number at a time": (
        {"world": broken(1, 2, 3, version="1.1.0"), "relapses": {"1-3": -30}},
        {3: -30},
        "1-2",
    ),
    "B8 not those on target at the start": ({"world": broken(9, version="1.1.0"), "origins": "0-8"}, {}, ""),
}


@pytest.mark.parametrize(("fields", "clocks", "back"), RELAPSES.values(), ids=RELAPSES)
def test_relapses(fields: dict[str, Any], clocks: dict[int, float], back: str) -> None:
    found = advance(succeeded="0-9", **fields).state
    assert dict(found.relapses) == {o: at(since) for o, since in clocks.items()}
    assert ranges.render(found.putting_back) == back
    assert (found.batch is not None) == bool(back)


def test_b8_a_relapse_without_rollback_stays_as_it_is() -> None:
    found = advance(succeeded="0-9", world=broken(3, version="1.1.0"), relapses={"3": -30}, rollback=False)
    assert found.state.tally.failed == {3}
    assert found.state.batch is None
    assert found.end is not None
    assert found.end.code == Code.COMPLETED_WITH_FAILURES


def test_b13_untouched_ones_go_back_to_pending() -> None:
    found = advance((PAUSE,), world={0: new_pod(0, made_by=FORWARD)}, **BATCH).state
    assert (found.tally.in_progress, ranges.render(found.tally.pending)) == (frozenset({0}), "1-9")
    assert found.origins.keys() == {0}


@pytest.mark.parametrize(
    ("seconds", "batch"), [pytest.param(9, False, id="B7 waits"), pytest.param(10, True, id="B7 is over")]
)
def test_a_pause_between_batches(seconds: float, batch: bool) -> None:
    done = {"number": 1, "instances": "0-1", "startTime": at(-60).isoformat(), "completedTime": at(0).isoformat()}
    fields: dict[str, Any] = {"succeeded": "0-1", "pending": "2-9", "policy": {"pauseTimeBetweenBatchesSeconds": 10}}
    run_state = state(**fields)
    finished = type(run_state.run.status).model_validate({"batches": [{**done, "succeeded": 2, "failed": 0}]}).batches
    upgraded = {o: instance(o, "1.1.0", made_by=FORWARD) for o in (0, 1)}
    seen = ctx(scale_set(), {**fleet(), **upgraded}, seconds=seconds)
    found = run.advance(replace(run_state, batches=finished), seen, ())
    assert (found.state.batch is not None) is batch
    assert found.look.until == (None if batch else at(10))
