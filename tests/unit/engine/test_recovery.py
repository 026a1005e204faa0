"""F4: a status that was lost is worked out again: proven, holds, history, attempts."""

from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSetStatus, UpgradeRun
from rollkeeper.engine import decide, recovery
from rollkeeper.engine.actions import WriteSet
from rollkeeper.engine.reasons import Code
from rollkeeper.engine.snapshot import Instance

from .builders import at, ctx, finished, fleet, instance, new_pod, platform, proven, scale_set, snapshot

LOST = scale_set(status=proven(None))


def recovered(instances: dict[int, Instance], *runs: UpgradeRun, **world: Any) -> ScaleSetStatus:
    found = recovery.consider(ctx(LOST, instances, runs=runs, **world))
    assert found is not None
    return found


def broken(**fields: Any) -> UpgradeRun:
    """An automatic run to 1.2.0 that its failures stopped."""
    told = {"failed": "0", "rolledBack": "0", "reasons": {"Oops": (1, False)}}
    run = platform(version="1.2.0", name="to-1.2.0", **told, **fields)
    return finished("Faulted", Code.UPGRADED_UNHEALTHY, **run)


def test_f4_proven_is_what_most_healthy_instances_run() -> None:
    seen = {**fleet(6), **{o: instance(o, "1.1.0") for o in (6, 7, 8)}, 9: new_pod(9, "1.1.0")}
    status = recovered(seen)
    assert (status.proven_image_version, status.proven_model_revision) == ("1.0.0", "web-rev1")
    assert status.held_versions == ()


def test_f4_nothing_else_is_done_in_that_moment() -> None:
    found = decide.decide(snapshot(LOST, fleet(), versions=("1.0.0", "1.1.0")), at(0))
    assert [type(action) for action in found.actions] == [WriteSet]
    assert found.look_at == at(0)


def test_f4_without_instances_or_with_a_creation_pair_nothing_was_lost() -> None:
    begun = scale_set(status={**proven(None), "creationVersion": "1.0.0"})
    assert recovery.consider(ctx(LOST, {})) is None
    assert recovery.consider(ctx(begun, fleet())) is None
    assert recovery.consider(ctx(scale_set(), fleet())) is None


def test_f3_f6_f8_what_runs_left_is_worked_out_again() -> None:
    good = finished("Completed", **platform(name="to-1.1.0", succeeded="0-9", created=-60), ended=-50)
    status = recovered(fleet(version="1.1.0"), broken(attempt=3, created=-30, ended=-20), good)
    assert [(h.version, h.reason, h.run_name) for h in status.held_versions] == [
        ("1.2.0", "UpgradedUnhealthy", "to-1.2.0")
    ]
    assert status.held_versions[0].time == at(-20)
    assert [e.run_name for e in status.os_upgrade_history] == ["to-1.2.0", "to-1.1.0"]
    assert [(r.target, r.attempt, r.not_before) for r in status.retry] == [("1.2.0", 3, None)]
    assert status.proven_image_version == "1.1.0"


def test_f3_a_hold_that_a_later_run_ended_stays_ended() -> None:
    mended = finished("Completed", name="mended", version="1.2.0", succeeded="0-9", ended=-10)
    assert recovered(fleet(version="1.2.0"), mended, broken(ended=-20)).held_versions == ()


def test_v5_a_users_downgrade_is_remembered() -> None:
    down = finished("Completed", name="down", version="1.0.0", succeeded="0-9", origin="1.1.0", ended=-10)
    (hold,) = recovered(fleet(), down).held_versions
    assert (hold.version, hold.above, hold.reason, hold.time) == ("1.0.0", True, "UserDowngrade", at(-10))


def test_f7_runs_of_an_earlier_set_of_this_name_say_nothing() -> None:
    later = scale_set(status=proven(None))
    later = later.model_copy(update={"metadata": later.metadata.model_copy(update={"creation_timestamp": at(-5)})})
    found = recovery.consider(ctx(later, fleet(), runs=[broken(created=-30)]))
    assert found is not None
    assert found.held_versions == ()


def test_runs_that_never_began_say_nothing() -> None:
    refused = finished("Faulted", Code.IMAGE_VERSION_NOT_FOUND, name="nowhere")
    refused = refused.model_copy(update={"status": refused.status.model_copy(update={"policy": None})})
    assert recovered(fleet(), refused).os_upgrade_history == ()
