"""What the engine does otherwise where instances are virtual machines: made once, and changed in place for ever."""

from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine import batch, creation, gates, scaling, set_status
from rollkeeper.engine.actions import CreateInstance, DryRunPod, FinishSwap, SwapImage
from rollkeeper.engine.decide import decide
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.snapshot import Problem, Refusal

from .builders import NOW, at, ctx, fleet, instance, new_pod, pair, proven, scale_set, snapshot, state

MACHINE = {"spec": {"template": {"spec": {"volumes": [{"name": "os", "containerDisk": {}}]}}}}
ABSENT = Problem(Wait.KUBEVIRT_NOT_INSTALLED, "install it")


def machines(replicas: int = 5, **fields: Any) -> ScaleSet:
    return scale_set(replicas, template=None, virtualMachineTemplate=MACHINE, **fields)


def test_b5_a_batch_changes_machines_whatever_changes() -> None:
    """Also where the model changes, and where nothing but the guest has to be made anew (H7)."""
    run: dict[str, Any] = {"inProgress": "0-1", "batch": (1, "0-1")}
    for revision in ("web-rev1", "web-rev2"):
        found = fleet(5, made={0: instance(0, revision=revision)})
        planned = batch.plan(state(**run), ctx(machines(), found))
        assert [type(action) for action in planned] == [SwapImage, SwapImage]
        assert [a.held_to_budgets for a in planned if isinstance(a, SwapImage)] == [True, True]


def test_h3_a_machine_is_put_back_in_place_whatever_the_budgets_say() -> None:
    run: dict[str, Any] = {"failed": "0", "batch": (1, "0"), "origins": "0"}
    broken = new_pod(0, made_by="up/1/Forward")
    (action,) = batch.plan(state(**run), ctx(machines(), fleet(5, made={0: broken})))
    assert action == SwapImage(0, "uid-0", pair("1.0.0"), "up/1/Back", action.message, held_to_budgets=False)


def _refused(since: int) -> dict[int, Refusal]:
    return {0: Refusal("SwapRefused", "no such class", at(since), at(1), "up/1/Forward")}


def test_h5_a_machine_that_cant_be_changed_fails_on_the_first_clock() -> None:
    run = state(inProgress="0", batch=(1, "0"), origins="0")
    seen = ctx(machines(), fleet(5), refusals=_refused(-59))
    waiting, look = batch.settle(run, seen)
    assert (waiting.tally.in_progress, look.until) == ({0}, at(1))
    assert "SwapRefused: no such class" in look.message
    failed, _ = batch.settle(run, ctx(machines(), fleet(5), refusals=_refused(-60)))
    assert failed.tally.failed == {0}
    assert [f.reason for f in failed.failures] == ["SwapRefused"]


def test_h3_a_machine_that_could_not_be_changed_is_not_taken_down_to_be_put_back() -> None:
    run = state(failed="0", batch=(1, "0"), origins="0")
    seen = ctx(machines(), fleet(5), refusals=_refused(-60))
    assert batch.plan(run, seen) == []
    settled, _ = batch.settle(run, seen)
    assert settled.tally.rolled_back == {0}


def test_f4b_first_creation_goes_on_by_changing_machines() -> None:
    found = {0: new_pod(0, "1.0.0")}
    of = machines(1, status={**proven(None), "creationVersion": "1.1.0", "creationModelRevision": "web-rev1"})
    planned = scaling.plan(ctx(of, found), {0: pair("1.1.0")}, frozenset(), lambda _: True)
    assert [(type(a), getattr(a, "made_by", "")) for a in planned] == [(SwapImage, "FirstCreation")]


def test_i8_what_is_unfinished_is_finished_run_or_no_run() -> None:
    found = fleet(5, made={3: instance(3, unfinished=True)})
    finishing = [a for a in decide(snapshot(machines(), found), NOW).actions if isinstance(a, FinishSwap)]
    assert [(a.ordinal, a.uid) for a in finishing] == [(3, "uid-3")]
    assert scaling.unfinished(ctx(machines(), found), {3}) == []


def test_f4_a_guest_must_last_before_it_proves_its_image() -> None:
    """It would be started again for ever, and look healthy in between."""
    of = machines(1, status={**proven(None), "creationVersion": "1.0.0", "creationModelRevision": "web-rev1"})
    fresh = {0: instance(0, ready_since=at(-9), running_since=at(-9))}
    seen = ctx(of, fresh, versions=["1.0.0"])
    assert creation.consider(seen).proven is None
    assert creation.counting_until(seen) == at(1)
    assert creation.consider(ctx(of, fresh, versions=["1.0.0"], seconds=1)).proven == pair("1.0.0")


def test_h2_min_healthy_seconds_default_to_ten() -> None:
    assert machines().spec.rolling_upgrade_policy.min_healthy_seconds == 10
    assert machines(rolling={"minHealthySeconds": 0}).spec.rolling_upgrade_policy.min_healthy_seconds == 0
    assert scale_set().spec.rolling_upgrade_policy.min_healthy_seconds == 0


def test_without_kubevirt_nothing_is_tried_and_it_is_said() -> None:
    seen = ctx(machines(), {}, provider_fault=ABSENT, model_fault=ABSENT)
    assert set_status.stalled_by(seen, pair(), needs_pods=True) == (Wait.KUBEVIRT_NOT_INSTALLED, "install it")
    blocked = gates.model_is_known(seen, pair())
    assert blocked is not None
    assert blocked.reason == Wait.KUBEVIRT_NOT_INSTALLED
    assert batch.plan(state(inProgress="0", batch=(1, "0")), seen) == []
    decision = decide(snapshot(machines(), {}, provider_fault=ABSENT, model_fault=ABSENT), NOW)
    assert [a for a in decision.actions if isinstance(a, CreateInstance | DryRunPod)] == []
