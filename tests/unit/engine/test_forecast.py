"""What would come of a snapshot: batches in the order of the rules, and what a start waits for."""

from collections.abc import Iterable

import pytest

from rollkeeper.engine import ranges
from rollkeeper.engine.forecast import Answers, Forecast, forecast
from rollkeeper.engine.references import Reference
from rollkeeper.engine.snapshot import DryRun, Instance, Pair, Snapshot

from .builders import (
    REVISION,
    active_run,
    at,
    fleet,
    hold,
    instance,
    new_pod,
    platform,
    proven,
    scale_set,
    snapshot,
    unhealthy,
    upgrade_run,
)


class Cluster(Answers):
    """Accepts every pod; `absent` are the objects that are not there."""

    def __init__(self, *absent: Reference, refuses: str = "") -> None:
        self._absent = absent
        self._refuses = refuses

    def missing(self, references: Iterable[Reference]) -> tuple[Reference, ...]:
        return tuple(r for r in references if r in self._absent)

    def dry_run(self, pair: Pair) -> DryRun:
        return DryRun("Invalid", self._refuses) if self._refuses else DryRun("Accepted")


def seen(of: Snapshot, cluster: Cluster | None = None) -> Forecast:
    return forecast(of, at(0), cluster or Cluster())


def batches(found: Forecast) -> list[str]:
    return [ranges.render(b.instances) for b in found.batches]


def code(found: Forecast) -> str:
    (run,) = found.runs
    assert run.status.running_status is not None
    return run.status.running_status.code


def test_b1_b3_an_automatic_run_batch_by_batch() -> None:
    found = seen(snapshot())
    assert batches(found) == ["0-1", "2-3", "4-5", "6-7", "8-9"]
    assert [b.number for b in found.batches] == [1, 2, 3, 4, 5]
    assert (code(found), found.runs[0].spec.started_by) == ("Completed", "Platform")
    assert found.scale_set.status.proven_image_version == "1.1.0"
    assert (found.blocked, found.complete, found.ends) == (None, True, at(0))


@pytest.mark.parametrize("tasks", [frozenset(), frozenset({REVISION})], ids=["B5 in place", "E1 by new pods"])
def test_the_same_batches_whether_pods_stay_or_not(tasks: frozenset[str]) -> None:
    the_set = scale_set(4, policy={"replacementMethod": "InPlaceIfPossible"}, rolling={"maxBatchInstancePercent": 50})
    found = seen(snapshot(the_set, with_tasks=tasks))
    assert (batches(found), code(found)) == (["0-1", "2-3"], "Completed")
    assert found.scale_set.status.proven_image_version == "1.1.0"


def test_b4_zones_are_kept_to_also_by_what_replaces_an_instance() -> None:
    there = {o: instance(o, zone="ab"[o % 2]) for o in range(4)}
    found = seen(snapshot(scale_set(4, rolling={"maxBatchInstancePercent": 50}), there))
    assert [(ranges.render(b.instances), b.domain) for b in found.batches] == [("0,2", "a"), ("1,3", "b")]


def test_e3_update_domain_by_update_domain() -> None:
    fabric = {"durabilityLevel": "Silver", "clusterDurabilityLevel": "Silver", "typeHandlerVersion": "1.1",
              "updateDomainCount": 2}  # fmt: skip
    found = seen(snapshot(scale_set(4, health=None, serviceFabric=fabric, rolling={"maxBatchInstancePercent": 50})))
    assert [(ranges.render(b.instances), b.domain) for b in found.batches] == [("0,2", "0"), ("1,3", "1")]


def test_t6_too_many_unhealthy_ones_block_it_with_the_numbers() -> None:
    found = seen(snapshot(None, fleet(broken=(1, 2, 3))))
    assert found.batches == ()
    assert found.blocked is not None
    assert found.blocked.reason == "TooManyUnhealthyInstances"
    assert found.blocked.message.startswith("3 of 10 instances unhealthy (30%, limit 20%)")


def test_t7_a_users_run_replaces_the_unhealthy_ones_first() -> None:
    found = seen(snapshot(scale_set(automatic=False), fleet(broken=(4, 7, 8)), runs=[upgrade_run()]))
    told = [(ranges.render(b.instances), ranges.render(b.unhealthy)) for b in found.batches]
    assert told[:3] == [("4", "4"), ("7-8", "7-8"), ("0-1", "")]
    assert code(found) == "Completed"


def test_b10_protected_instances_are_skipped() -> None:
    found = seen(snapshot(None, fleet(protected=(0, 5))))
    assert batches(found) == ["1-2", "3-4", "6-7", "8-9"]
    assert found.runs[0].status.instances is not None
    assert found.runs[0].status.instances.skipped == "0,5"


def test_f8_a_back_off_passes() -> None:
    retry = {"type": "OSImage", "target": "1.1.0", "attempt": 1, "failures": 1, "notBefore": at(300).isoformat()}
    found = seen(snapshot(scale_set(status={"retry": [retry]})))
    assert found.blocked is not None
    assert found.blocked.reason == "BackOff"
    assert (found.batches[0].starts, code(found)) == (at(300), "Completed")


def test_b7_h2_pauses_and_minimal_health_take_their_time() -> None:
    rolling = {"maxBatchInstancePercent": 50, "pauseTimeBetweenBatchesSeconds": 600, "minHealthySeconds": 30}
    found = seen(snapshot(scale_set(2, rolling=rolling)))
    assert [b.starts for b in found.batches] == [at(0), at(630)]
    assert found.ends == at(660)


def test_f3_a_held_version_brings_nothing() -> None:
    found = seen(snapshot(scale_set(status={"heldVersions": [hold("1.1.0")]})))
    assert (found.runs, found.blocked) == ((), None)
    up_to_date = next(c for c in found.scale_set.status.conditions if c.type == "UpToDate")
    assert up_to_date.reason == "VersionHeld"


def test_t8_what_is_missing_is_named() -> None:
    needed = Reference("ConfigMap", "app")
    found = seen(snapshot(references={REVISION: (needed,)}), Cluster(needed))
    assert found.blocked is not None
    assert "ConfigMap app is missing" in found.blocked.message


def test_m3_a_refused_template_is_told_in_the_servers_words() -> None:
    found = seen(snapshot(accepted=()), Cluster(refuses="spec.containers[0].image: Required value"))
    assert found.blocked is not None
    assert "spec.containers[0].image: Required value" in found.blocked.message


def test_t4_a_refused_user_run_says_why() -> None:
    found = seen(snapshot(scale_set(automatic=False), runs=[upgrade_run(version="9.9.9")]))
    assert code(found) == "Faulted"
    assert found.runs[0].status.error is not None
    assert "there is no ImageVersion 9.9.9" in found.runs[0].status.error.message


def test_t5_what_is_in_hand_ends_first_then_the_users_run() -> None:
    """What a batch has made counts as healthy, and is not replaced once more."""
    active = active_run(succeeded="0-1", inProgress="2-3", pending="4-9", batch=(2, "2-3"), **platform())
    there = {
        **fleet(made={o: instance(o, "1.1.0") for o in (0, 1)}),
        2: new_pod(2, made_by="up/2/Forward"),
        3: instance(3, "1.0.0", terminating=True),
    }
    of = scale_set(status={"activeRunName": "up"})
    own = upgrade_run("mine", "1.2.0")
    found = seen(snapshot(of, there, versions=("1.0.0", "1.1.0", "1.2.0"), runs=[active, own]))
    assert [(b.run, ranges.render(b.instances), b.begun) for b in found.batches[:2]] == [
        ("up", "2-3", True),
        ("mine", "4-5", False),
    ]
    ended = {run.metadata.name: run.status.running_status for run in found.runs}
    assert {name: status.code for name, status in ended.items() if status} == {"up": "Cancelled", "mine": "Completed"}


def test_f2_a_paused_run_is_where_it_ends() -> None:
    paused = active_run(succeeded="0-1", pending="2-9", desiredState="Paused")
    found = seen(snapshot(scale_set(status={"activeRunName": "up"}), runs=[paused]))
    assert (found.batches, found.complete) == ((), True)
    assert found.runs[0].status.message == "paused: set spec.desiredState to Running to go on"


@pytest.mark.parametrize("made", [new_pod(0, made_by="FirstCreation"), unhealthy(0, made_by="FirstCreation")])
def test_f4b_starting_instances_count_as_healthy(made: Instance) -> None:
    status = {**proven(None), "creationVersion": "1.1.0", "creationModelRevision": REVISION}
    found = seen(snapshot(scale_set(2, status=status), {0: made, 1: instance(1, "1.1.0")}))
    assert found.batches == ()
