"""What reading the rules against the code has found: one rule a test."""

from dataclasses import replace
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import UpgradeRun
from rollkeeper.engine import automatic, decide, housekeeping, origin, queue, run, scaling, stops, up_to_date
from rollkeeper.engine import batch as batch_of
from rollkeeper.engine.actions import CreateInstance, DeleteRevision, WriteRun, WriteSet
from rollkeeper.engine.assignment import Assignment
from rollkeeper.engine.automatic import Automatic
from rollkeeper.engine.context import Context
from rollkeeper.engine.finish import finish
from rollkeeper.engine.platform import Platform, next_attempt, run_name
from rollkeeper.engine.platform import consider as wishes_of
from rollkeeper.engine.queue import Queue
from rollkeeper.engine.ranges import NONE
from rollkeeper.engine.reasons import Code, Wait
from rollkeeper.engine.run import Stop
from rollkeeper.engine.snapshot import DryRun, Refusal

from .builders import (
    REVISION,
    active_run,
    at,
    ctx,
    finished,
    fleet,
    hold,
    image_version,
    instance,
    new_pod,
    pair,
    platform,
    scale_set,
    snapshot,
    stamp,
    state,
    unhealthy,
    upgrade_run,
)

STOPPED = Code.UPGRADED_UNHEALTHY
OURS = run_name(scale_set(), "1.1.0", 1)


def ended(the_set: Any, a_run: Any, **world: Any) -> Any:
    return finish(the_set.status, a_run, ctx(the_set, runs=[a_run], **world))


def test_b13_put_back_by_an_earlier_run_of_this_name() -> None:
    seen = ctx(scale_set(1), {0: instance(0, "1.0.0", made_by="up/1/Back")})
    assert not batch_of.is_touched(state(inProgress="0", batch=(1, "0")), seen, 0)


def test_i7_look_at() -> None:
    seen = snapshot(versions=("1.0.0",), refusals={3: Refusal("EvictionRefused", "", at(-60), at(-30), "")})
    look = decide.decide(seen, at(0)).look_at
    assert look is None or look > at(0)


def test_f8_attempts_and_holds() -> None:
    held = hold("1.1.0", run=OURS, reason="CancelledByUser")
    seen = ctx(scale_set(status={"heldVersions": [held]}, annotations={"rollkeeper.io/release-hold": f"1.1.0/{OURS}"}))
    assert next_attempt(seen, "1.1.0") == 2


def test_v5_except_is_bounded() -> None:
    the_set = scale_set(status={"heldVersions": [hold("0.9.0", above=True)]})
    for n in range(1, 120):
        the_set = scale_set(status=ended(the_set, finished("Completed", version=f"1.{n}.0", succeeded="0-9")).to_json())
    assert all(len(h.except_) <= 100 for h in the_set.status.held_versions)


def test_v5_except_once() -> None:
    the_set = scale_set(status={"heldVersions": [hold("0.9.0", above=True)]})
    for _ in range(2):
        the_set = scale_set(status=ended(the_set, finished("Completed", succeeded="0-9")).to_json())
    assert [h.except_ for h in the_set.status.held_versions] == [("1.1.0",)]


def test_v5_downgrade_without_touching() -> None:
    found = ended(scale_set(), finished("Completed", version="0.9.0", succeeded="0-9", origins=""))
    assert found.proven_image_version == "0.9.0"
    assert [(h.version, h.above) for h in found.held_versions] == [("0.9.0", True)]


def test_v5_downgrade_stopped_by_b8() -> None:
    a_run = finished("Faulted", STOPPED, version="0.9.0", failed="0", reasons={"HealthTimeout": (1, False)})
    assert ("0.9.0", True) in [(h.version, h.above) for h in ended(scale_set(), a_run).held_versions]


AUTO = active_run(name=OURS, pending="0-9", **platform())
THREE = ("1.0.0", "1.1.0", "1.2.0")


@pytest.mark.parametrize(
    "world",
    [
        {"instances": fleet(broken=[1, 2, 3])},
        {"accepted": [pair()], "dry_runs": {pair("1.2.0"): DryRun("Invalid", "no")}},
    ],
    ids=["T6", "M3"],
)
def test_t5_newer_but_blocked(world: dict[str, Any]) -> None:
    seen = ctx(versions=THREE, **world)
    wishes = wishes_of(seen)
    assert wishes.automatic.blocked is not None
    assert [s.code for s in stops.reasons_to_stop(AUTO, pair("1.1.0"), seen, wishes, Queue())] == []


def test_f5_held_and_deleted() -> None:
    """I6: repair takes the proven version, also when the ImageVersion of the held one is gone."""
    status = {
        "heldVersions": [hold("1.1.0")],
        "versions": [{"version": "1.1.0", "image": "i", "modelRevision": REVISION, "replicas": 1, "instances": "0"}],
    }
    seen = ctx(scale_set(1, status=status), {}, versions=("1.0.0",))
    assert repaired(seen, None)[0] == pair("1.0.0")


def repaired(seen: Context, active: UpgradeRun | None) -> Assignment:
    """What missing pods are made of."""
    return scaling.without_held(seen, scaling.assign(seen, pair()), NONE, pair(), origin.held_by(seen, active))


def test_f5_i6_held_by_now_where_a_run_could_not_put_it_back() -> None:
    """A pod of a version that failed hung on a lost node until the node came back, in the middle of a Model run."""
    going = active_run(
        type="Model",
        revision="newer",
        succeeded="1",
        failed="0",
        rollbackFailed="0",
        inProgress="2",
        batch=(2, "2"),
        origin="1.1.0",
        status={"targetImageReference": None},
        **platform(target="newer", cause="Model"),
    )
    status = {"activeRunName": "up", "heldVersions": [hold("1.1.0")]}
    world = fleet(3, missing={0}, made={2: new_pod(2, "1.0.0", made_by="up/2/Forward", revision="newer")})
    known = [pair("1.0.0", "newer")]
    of_model: dict[str, Any] = {"revision": "newer", "revisions": {REVISION: 1, "newer": 2}, "accepted": known}
    seen = snapshot(scale_set(3, status=status), world, runs=[going], **of_model)
    made = [a for a in decide.decide(seen, at(0)).actions if isinstance(a, CreateInstance)]
    assert [(a.ordinal, a.pair.version) for a in made] == [(0, "1.0.0")]


@pytest.mark.parametrize(("active", "revision"), [(None, REVISION), (active_run(type="Model", revision="bad"), "bad")])
def test_f5_i6_held_model_and_deleted(active: UpgradeRun | None, revision: str) -> None:
    """As a held version; what the active run goes to is exempt, for a user may ask for it."""
    entry = {"version": "1.0.0", "image": "i", "modelRevision": "bad", "replicas": 1, "instances": "0"}
    held = {"revision": "bad", "runName": "earlier", "reason": "UpgradedUnhealthy", "time": stamp(0)}
    seen = ctx(scale_set(1, status={"heldModelRevisions": [held], "versions": [entry]}), {})
    assert repaired(seen, active)[0].revision == revision


def test_t7_protected_user() -> None:
    world = fleet(made={o: unhealthy(o, protected=True) for o in (1, 2, 3)})
    seen = ctx(None, world, runs=[upgrade_run()])
    found = queue.consider(seen, Platform(Automatic()), None)
    assert [e.refused.code for e in found.ended] == [Code.UNHEALTHY_BEFORE]


@pytest.mark.parametrize(
    "world",
    [{o: unhealthy(o, protected=True) for o in (1, 2, 3)}, {o: unhealthy(o, "1.1.0") for o in (1, 2, 3)}],
    ids=["protected", "on target"],
)
def test_t7_left_failed(world: dict[int, Any]) -> None:
    seen = ctx(scale_set(status={"leftFailed": "1-3"}), fleet(made=world))
    blocked = automatic.consider(seen).blocked
    assert blocked is not None
    assert blocked.reason == Wait.UNHEALTHY


def test_f3_completed_by_environment() -> None:
    a_run = finished(
        "Completed", failed="0", rollbackFailed="0", reasons={"NodeLost": (1, True)}, **platform(name=OURS)
    )
    found = ended(scale_set(1), a_run)
    assert found.held_versions == ()
    assert [r.not_before for r in found.retry] == [at(300)]


def test_b8_uncounted_after_release() -> None:
    world = fleet()
    one = state(inProgress="0", pending="1-9", batch=(1, "0"), uncounted="0")
    paused = run.advance(one, ctx(None, world), (Stop(None, "paused"),)).state
    assert 0 in paused.tally.pending
    again = run.advance(paused, ctx(None, world), ()).state
    assert 0 in again.tally.in_progress
    assert 0 not in again.tally.uncounted


def test_b14_b6_without_a_batch() -> None:
    world = {**fleet(9, "0.9.0"), **{o: unhealthy(o, "0.9.0") for o in (6, 7, 8)}}
    world[9] = new_pod(9, "0.9.0", made_by="ScaleOut")
    one = state(version="0.9.0", succeeded="0-5", skipped="6-8", pending="9")
    found = run.advance(one, ctx(scale_set(10, status={"starting": "9"}), world), ())
    assert found.end is None


def test_t9_image_changed() -> None:
    other = {"publisher": "Contoso", "offer": "Web", "sku": "2"}
    seen = ctx(scale_set(image=other), versions=[image_version("1.1.0", sku="2")])
    found = stops.reasons_to_stop(AUTO, pair("1.1.0"), seen, Platform(Automatic()), Queue())
    assert [s.code for s in found if s.code in (Code.PRECONDITION_LOST, Code.TARGET_WITHDRAWN)]


OTHER = {"publisher": "Contoso", "offer": "Web", "sku": "2"}


def test_v6_proves_its_own_image() -> None:
    found = ended(scale_set(image=OTHER), finished("Completed", succeeded="0-9"))
    assert found.proven_image == "Contoso/Web/1"


def test_v6_holds_its_own_image() -> None:
    a_run = finished("Faulted", STOPPED, failed="0", reasons={"HealthTimeout": (1, False)})
    assert [h.image for h in ended(scale_set(image=OTHER), a_run).held_versions] == ["Contoso/Web/1"]


def test_v6_proven_of_another_image_is_not_consulted() -> None:
    found = automatic.consider(ctx(scale_set(image=OTHER), versions=[image_version("3.0.0", sku="2")]))
    assert found.due is None, "a change of the SKU is rolled out by a Model run, not by T1"


def test_t5_run_paused_condition() -> None:
    paused = active_run(name=OURS, pending="0-9", desiredState="Paused", **platform())
    seen = snapshot(scale_set(status={"activeRunName": OURS}), versions=THREE, runs=[paused])
    (write,) = [a for a in decide.decide(seen, at(0)).actions if isinstance(a, WriteSet)]
    told = {c.type: (c.status, c.reason) for c in write.status.conditions}
    assert told["UpgradeBlocked"] == ("True", "RunPaused")


def test_v5_higher_instances_stay() -> None:
    seen = ctx(None, fleet(made={9: instance(9, "1.2.0")}), versions=THREE)
    one = state(pending="9", succeeded="0-8", origins="0-8", **platform())
    world = {**{o: instance(o, "1.1.0") for o in range(9)}, 9: instance(9, "1.2.0")}
    found = run.advance(one, replace(seen, snapshot=replace(seen.snapshot, instances=world)), ())
    assert found.state.batch is None


def test_m2_target_revision() -> None:
    a_run = active_run(pending="0-9", revision="rev0")
    found = housekeeping.prune_revisions(ctx(revisions={f"rev{n}": n for n in range(11)}, runs=[a_run]))
    assert DeleteRevision("rev0") not in found


PINNED = {"version": "1.1.0", "automatic": False}


@pytest.mark.parametrize(
    ("reason", "due"), [("UpgradedUnhealthy", False), ("CancelledByUser", False), ("UserDowngrade", True)]
)
def test_i6_a_pin_to_a_held_version_does_not_roll(reason: str, due: bool) -> None:
    """M5, F3: or it would be tried and put back without end. A pin is newer than having gone down, so it may go up."""
    held = hold("1.0.0", above=True, reason=reason) if due else hold("1.1.0", reason=reason)
    the_set = scale_set(**PINNED, status={"heldVersions": [held]})
    assert [w.cause for w in wishes_of(ctx(the_set)).wishes] == (["Pin"] if due else [])
    told = up_to_date.condition(the_set.status, ctx(the_set), None)
    assert (told.reason == "VersionHeld") is not due
    assert ("create an UpgradeRun that names it" in told.message) is not due


@pytest.mark.parametrize("place", ["inProgress", "failed"])
def test_t5_t6_what_the_active_run_has_in_hand_is_not_unhealthy(place: str) -> None:
    """Section 0: or a batch of 40% would refuse the user's run that is to supersede it."""
    active = active_run(name=OURS, batch=(1, "0-1"), **{place: "0-1"}, **platform(pending="2-4"))
    the_set = scale_set(5, status={"activeRunName": OURS})
    world = fleet(5, made={0: new_pod(0), 1: new_pod(1)})
    seen = ctx(the_set, world, runs=[active, upgrade_run("mine", instances="4")])
    found = queue.consider(seen, Platform(Automatic()), active)
    assert found.next is not None
    assert found.next.metadata.name == "mine"


def test_f9_i9_a_run_is_adopted_before_anything_is_made() -> None:
    """Repair would make what the run has in its batch, for nobody, and the run would take it for untouched (B13)."""
    run = active_run(inProgress="0", pending="1-4", batch=(1, "0"))
    actions = decide.decide(snapshot(scale_set(5), fleet(5, missing={0}), runs=[run]), at(0)).actions
    assert [(type(a), a.status.active_run_name) for a in actions if isinstance(a, WriteSet)] == [(WriteSet, "up")]
    assert len(actions) == 1


def test_h3_i6_what_is_missing_is_not_put_back_on_what_is_held() -> None:
    """Repair was to make it of the proven version and could not: that is what a batch that takes it goes back to."""
    meant = {"version": "1.1.0", "image": "i", "modelRevision": REVISION, "replicas": 1, "instances": "0"}
    status = {"activeRunName": "up", "heldVersions": [hold("1.1.0")], "versions": [meant]}
    run = active_run("1.2.0", succeeded="1-4", pending="0")
    world = fleet(5, "1.2.0", missing={0})
    refused = {0: Refusal("QuotaExceeded", "full", at(-60), at(30), "Repair")}
    seen = snapshot(scale_set(5, status=status), world, runs=[run], versions=THREE, refusals=refused)
    written = [a.status for a in decide.decide(seen, at(0)).actions if isinstance(a, WriteRun)]
    assert [[(o.image_version, o.instances) for o in s.origins if "0" in o.instances] for s in written] == [
        [("1.0.0", "0-4")]
    ]
