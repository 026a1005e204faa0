"""F7: a run was removed by force; the batch that it had in hand is settled from what the set knows of it (H3)."""

from collections.abc import Mapping
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet, ScaleSetStatus
from rollkeeper.engine import gates, ranges
from rollkeeper.engine.actions import Action, CreateInstance, CreateRun, DeleteInstance, WriteRun, WriteSet
from rollkeeper.engine.decide import Decision, decide
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.snapshot import Instance, Vanished

from .builders import active_run, at, ctx, fleet, instance, new_pod, pair, scale_set, snapshot, unhealthy, upgrade_run

FORWARD, BACK = "up/2/Forward", "up/2/Back"
MADE = {"made_by": FORWARD}


def hand(instances: str = "0-1", **fields: Any) -> dict[str, Any]:
    origin = pair("1.0.0")
    return {
        "runName": "up",
        "type": "OSImage",
        "number": 2,
        "instances": instances,
        "imageVersion": "1.1.0",
        "image": pair("1.1.0").image,
        "modelRevision": pair().revision,
        "automaticRollback": True,
        "origins": [
            {
                "imageVersion": origin.version,
                "image": origin.image,
                "modelRevision": origin.revision,
                "instances": instances,
            }
        ],
        **fields,
    }


def assigned(groups: Mapping[str, str]) -> list[dict[str, Any]]:
    """Version -> ordinals."""
    return [
        {
            "version": version,
            "image": pair(version).image,
            "modelRevision": pair().revision,
            "replicas": len(ranges.parse(instances)),
            "instances": instances,
        }
        for version, instances in groups.items()
    ]


def left(assignment: Mapping[str, str] | None = None, **fields: Any) -> ScaleSet:
    """A set whose active run is gone; it had 0 and 1 of 10 in hand."""
    versions = assigned(assignment or {"1.1.0": "0-1", "1.0.0": "2-9"})
    return scale_set(status={"activeRunName": "up", "batchInHand": hand(**fields), "versions": versions})


def decided(of: ScaleSet, instances: Mapping[int, Instance], **more: Any) -> Decision:
    return decide(snapshot(of, {**fleet(), **instances}, **more), at(0))


def written(actions: tuple[Action, ...]) -> ScaleSetStatus:
    (status,) = (action.status for action in actions if isinstance(action, WriteSet))
    return status


def acts(actions: tuple[Action, ...]) -> list[Action]:
    return [action for action in actions if isinstance(action, CreateInstance | DeleteInstance)]


def test_f7_what_is_in_hand_goes_on_and_no_run_starts_before_it_is_settled() -> None:
    found = decided(left(), {0: new_pod(0, **MADE), 1: new_pod(1, **MADE)})
    status = written(found.actions)
    assert (acts(found.actions), status.active_run_name) == ([], None)
    assert status.batch_in_hand is not None
    assert status.batch_in_hand.instances == "0-1"
    assert not [action for action in found.actions if isinstance(action, CreateRun)]
    blocked = next(c for c in status.conditions if c.type == "UpgradeBlocked")
    assert (blocked.status, blocked.reason) == ("True", Wait.RUN_REMOVED)
    assert found.look_at == at(55)


def test_f7_b13_what_was_not_touched_stays_as_it_is() -> None:
    status = written(decided(left(), {0: instance(0, "1.1.0", **MADE)}).actions)
    assert status.batch_in_hand is None
    assert {v.version: v.instances for v in status.versions} == {"1.1.0": "0", "1.0.0": "1-9"}


def test_f7_a_missing_pod_is_made_on_the_target() -> None:
    of = left()
    there = {o: i for o, i in fleet().items() if o != 0}
    (create,) = acts(decide(snapshot(of, there), at(0)).actions)
    assert isinstance(create, CreateInstance)
    assert (create.ordinal, create.pair, create.made_by) == (0, pair("1.1.0"), FORWARD)


def test_f7_h3_what_has_failed_is_put_back_on_what_it_ran() -> None:
    late = new_pod(0, age=61, **MADE)
    found = decided(left(), {0: late, 1: instance(1, "1.1.0", **MADE)})
    status = written(found.actions)
    assert [(a.ordinal, a.occasion) for a in acts(found.actions) if isinstance(a, DeleteInstance)] == [(0, BACK)]
    assert {v.version: v.instances for v in status.versions} == {"1.1.0": "1", "1.0.0": "0,2-9"}
    assert status.batch_in_hand is not None
    assert status.batch_in_hand.instances == "0", "1 is settled"


def test_f7_h3_the_assignment_tells_who_is_being_put_back() -> None:
    of = left({"1.0.0": "0,2-9", "1.1.0": "1"})
    gone = {o: i for o, i in {**fleet(), 1: instance(1, "1.1.0", **MADE)}.items() if o != 0}
    (create,) = acts(decide(snapshot(of, gone), at(0)).actions)
    assert isinstance(create, CreateInstance)
    assert (create.pair, create.made_by) == (pair("1.0.0"), BACK)
    back = decided(of, {0: instance(0, made_by=BACK), 1: instance(1, "1.1.0", **MADE)})
    assert written(back.actions).batch_in_hand is None
    assert written(back.actions).left_failed is None


def test_f7_t7_what_could_not_be_put_back_is_left_failed() -> None:
    of = left({"1.0.0": "0,2-9", "1.1.0": "1"})
    never = new_pod(0, "1.0.0", age=61, made_by=BACK)
    status = written(decided(of, {0: never, 1: instance(1, "1.1.0", **MADE)}).actions)
    assert (status.batch_in_hand, status.left_failed) == (None, "0")


def test_f7_t4_without_rollback_what_has_failed_stays() -> None:
    late = new_pod(0, age=61, **MADE)
    found = decided(left(automaticRollback=False), {0: late, 1: instance(1, "1.1.0", **MADE)})
    status = written(found.actions)
    assert acts(found.actions) == []
    assert (status.batch_in_hand, status.left_failed) == (None, "0")
    assert {v.version: v.instances for v in status.versions} == {"1.1.0": "0-1", "1.0.0": "2-9"}


def test_f7_h7_where_a_model_run_replaced_like_by_like_nothing_goes_back() -> None:
    same = hand("0", type="Model", imageVersion="1.0.0", image=pair().image)
    of = scale_set(status={"batchInHand": same, "versions": assigned({"1.0.0": "0-9"})})
    found = decided(of, {0: instance(0, **MADE)}, versions=("1.0.0",))
    assert acts(found.actions) == []
    assert written(found.actions).batch_in_hand is None


def test_f7_h2_a_pod_that_vanishes_is_made_again_once() -> None:
    there = {o: i for o, i in {**fleet(), 1: instance(1, "1.1.0", **MADE)}.items() if o != 0}
    gone = {0: Vanished(0, FORWARD, pair("1.1.0"))}
    status = written(decide(snapshot(left(), there, vanished=gone), at(0)).actions)
    assert status.batch_in_hand is not None
    assert status.batch_in_hand.recreated == "0"
    second = decide(snapshot(left(recreated="0"), there, vanished=gone), at(0))
    assert {v.version: v.instances for v in written(second.actions).versions} == {"1.1.0": "1", "1.0.0": "0,2-9"}


def test_f7_what_older_batches_left_unhealthy_may_be_mended_by_the_next_run() -> None:
    broken = {0: instance(0, "1.1.0", **MADE), 1: instance(1, "1.1.0", **MADE), 5: unhealthy(5, "1.1.0")}
    assert written(decided(left(), broken).actions).left_failed == "5"


def test_f7_t6_what_is_in_hand_is_not_unhealthy_and_users_wait() -> None:
    seen = {**fleet(), 0: new_pod(0, **MADE), 1: new_pod(1, **MADE)}
    world = ctx(left(), seen)
    assert world.in_hand == {0, 1}
    assert gates.nothing_is_left_in_hand(world, pair()) is not None
    (write,) = (a for a in decided(left(), seen, runs=[upgrade_run("mine")]).actions if isinstance(a, WriteRun))
    assert write.status.message is not None
    assert "UpgradeRun up was removed while it had instances 0-1 in hand" in write.status.message


def test_f7_while_the_run_is_there_the_set_knows_its_batch_and_nothing_is_in_the_way() -> None:
    run = active_run(inProgress="0-1", pending="2-9", batch=(2, "0-1"))
    seen = {**fleet(), 0: new_pod(0, **MADE), 1: new_pod(1, **MADE)}
    of = scale_set(status={"activeRunName": "up", "versions": assigned({"1.1.0": "0-1", "1.0.0": "2-9"})})
    noted = written(decided(of, seen, runs=[run]).actions).batch_in_hand
    assert noted is not None
    assert noted.model_dump(mode="json", by_alias=True) == {**hand(), "recreated": ""}
    assert gates.nothing_is_left_in_hand(ctx(left(), seen, runs=[run]), pair()) is None
