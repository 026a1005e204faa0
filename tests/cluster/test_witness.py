"""The witness sees what it is there for: made-up logs, each with one breach. No cluster is needed."""

from collections.abc import Callable
from dataclasses import replace as replace_field
from datetime import UTC, datetime, timedelta

import pytest

from rollkeeper.api.v1alpha1.names import FINALIZER_VERSION
from tests.cluster.audit import Json, Write, read
from tests.cluster.invariants import INVARIANTS, check
from tests.cluster.replay import Story, merged

ME, KUBELET, USER = "rollkeeper", "kwok", "admin"
CONTROLLERS = frozenset({ME})
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


class Log:
    """Writes one after another, 10 ms each; by the controller unless said otherwise."""

    def __init__(self) -> None:
        self.writes: list[Write] = []

    def add(self, verb: str, resource: str, name: str, body: Json | None = None, user: str = ME) -> None:
        at = BEGIN + timedelta(milliseconds=10 * len(self.writes))
        end = at + timedelta(milliseconds=5)
        self.writes.append(Write(user, verb, resource, "ns", name, 200, at, end, body or {}))

    def json_patch(self, resource: str, name: str, *operations: Json, user: str = USER) -> None:
        self.add("patch", resource, name, user=user)
        self.writes[-1] = replace_field(self.writes[-1], operations=operations)

    def set_status(self, **status: object) -> None:
        self.add("patch", "scalesets/status", "web", {"metadata": {"resourceVersion": "1"}, "status": status})

    def run_status(self, name: str = "run", **status: object) -> None:
        self.add("patch", "upgraderuns/status", name, {"metadata": {"resourceVersion": "1"}, "status": status})

    def pod(self, ordinal: int, version: str = "1.0.0", made_by: str = "FirstCreation", user: str = ME) -> None:
        labels = {"ordinal": str(ordinal), "image-version": version, "model-revision": "m1"}
        annotations = {"image": f"os:{version}", "made-by": made_by}
        metadata = {
            "name": f"web-{ordinal}",
            "labels": {f"rollkeeper.io/{k}": v for k, v in labels.items()},
            "annotations": {f"rollkeeper.io/{k}": v for k, v in annotations.items()},
            "ownerReferences": [{"kind": "ScaleSet", "name": "web", "controller": True}],
        }
        self.add("create", "pods", f"web-{ordinal}", {"metadata": metadata}, user)

    def ready(self, ordinal: int) -> None:
        status = {"conditions": [{"type": "Ready", "status": "True"}]}
        self.add("patch", "pods/status", f"web-{ordinal}", {"status": status}, KUBELET)

    def evict(self, ordinal: int) -> None:
        self.add("create", "pods/eviction", f"web-{ordinal}")

    def in_place(self, ordinal: int, version: str = "1.1.0", made_by: str = "run/1/Forward") -> None:
        labels = {"rollkeeper.io/image-version": version}
        annotations = {"rollkeeper.io/image": f"os:{version}", "rollkeeper.io/made-by": made_by}
        self.add("patch", "pods", f"web-{ordinal}", {"metadata": {"labels": labels, "annotations": annotations}})


def assigned(*entries: tuple[str, str]) -> list[Json]:
    return [{"version": v, "image": f"os:{v}", "modelRevision": "m1", "instances": i} for v, i in entries]


def begun() -> Log:
    """Ten instances on 1.0.0, and a run to 1.1.0 whose first batch is written and assigned."""
    log = Log()
    log.add("create", "scalesets", "web", {"metadata": {"name": "web"}, "spec": {"replicas": 10}}, USER)
    log.set_status(versions=assigned(("1.0.0", "0-9")))
    for ordinal in range(10):
        log.pod(ordinal)
        log.ready(ordinal)
    log.set_status(provenImageVersion="1.0.0")
    log.add("create", "upgraderuns", "run", {"spec": {"scaleSetName": "web", "startedBy": "Platform"}})
    log.set_status(activeRunName="run")
    log.run_status(
        runningStatus={"code": "RollingForward"},
        targetImageReference={"version": "1.1.0"},
        policy={"automaticRollback": True},
        instances={"inProgress": "0-1", "pending": "2-9"},
        progress={"pendingInstanceCount": 8, "inProgressInstanceCount": 2},
        origins=[{"imageVersion": "1.0.0", "instances": "0-1"}],
        currentBatch={"number": 1, "instances": "0-1"},
    )
    log.set_status(versions=assigned(("1.1.0", "0-1"), ("1.0.0", "2-9")))
    return log


def replace(log: Log, ordinal: int) -> None:
    log.evict(ordinal)
    log.pod(ordinal, "1.1.0", "run/1/Forward")


def third_is_taken_down(log: Log) -> None:
    origins = [{"imageVersion": "1.0.0", "instances": "0-2"}]
    log.run_status(currentBatch={"number": 1, "instances": "0-2"}, origins=origins)
    replace(log, 0)
    replace(log, 1)
    log.evict(2)


def third_is_changed_in_place(log: Log) -> None:
    origins = [{"imageVersion": "1.0.0", "instances": "0-2"}]
    log.run_status(currentBatch={"number": 1, "instances": "0-2"}, origins=origins)
    log.set_status(versions=assigned(("1.1.0", "0-2"), ("1.0.0", "3-9")))
    for ordinal in range(3):
        log.in_place(ordinal)


def changed_outside_of_the_batch(log: Log) -> None:
    log.set_status(versions=assigned(("1.1.0", "0-1,5"), ("1.0.0", "2-4,6-9")))
    log.in_place(5)


def changed_before_it_was_assigned(log: Log) -> None:
    log.set_status(versions=assigned(("1.0.0", "0-9")))
    log.in_place(0)


def outside_of_the_batch(log: Log) -> None:
    log.evict(5)


def foreign_pod_is_deleted(log: Log) -> None:
    log.add("create", "pods", "other", {"metadata": {"name": "other"}}, USER)
    log.add("delete", "pods", "other")


def foreign_claim_is_labelled(log: Log) -> None:
    log.add("create", "persistentvolumeclaims", "data-web-0", {"metadata": {"name": "data-web-0"}}, USER)
    log.add("patch", "persistentvolumeclaims", "data-web-0", {"metadata": {"labels": {"a": "b"}}})


def claim_is_deleted(log: Log) -> None:
    log.add("create", "persistentvolumeclaims", "data-web-0", {"metadata": {"name": "data-web-0"}})
    log.add("delete", "persistentvolumeclaims", "data-web-0")


def claim_of_a_scaled_away_instance_is_deleted(log: Log) -> None:
    log.add("create", "persistentvolumeclaims", "data-web-9", {"metadata": {"name": "data-web-9"}})
    log.add("patch", "scalesets", "web", {"spec": {"replicas": 9}}, USER)
    log.add("delete", "persistentvolumeclaims", "data-web-9")


def second_run_becomes_active(log: Log) -> None:
    log.add("create", "upgraderuns", "second", {"spec": {"scaleSetName": "web"}})
    log.set_status(activeRunName="second")
    log.run_status("second", runningStatus={"code": "RollingForward"})


def unnamed_run_becomes_active(log: Log) -> None:
    log.run_status(runningStatus={"code": "Completed"})
    log.add("create", "upgraderuns", "second", {"spec": {"scaleSetName": "web"}})
    log.run_status("second", runningStatus={"code": "RollingForward"})


def target_changes(log: Log) -> None:
    log.run_status(targetImageReference={"version": "1.2.0"})


def counted_twice(log: Log) -> None:
    log.run_status(instances={"succeeded": "0"}, progress={"successfulInstanceCount": 1})


def miscounted(log: Log) -> None:
    log.run_status(progress={"pendingInstanceCount": 7})


def held_version_is_repaired(log: Log) -> None:
    log.set_status(heldVersions=[{"version": "1.1.0", "runName": "earlier"}])
    log.pod(0, "1.1.0", "Repair")


def held_model_is_scaled_out(log: Log) -> None:
    log.set_status(heldModelRevisions=[{"revision": "m1"}], versions=assigned(("1.0.0", "0-10")))
    log.pod(10, "1.0.0", "ScaleOut")


def written_without_a_lock(log: Log) -> None:
    log.add("patch", "upgraderuns/status", "run", {"status": {"message": "hello"}})


def made_for_another_batch(log: Log) -> None:
    log.evict(0)
    log.pod(0, "1.1.0", "run/2/Forward")


def put_back_before_it_failed(log: Log) -> None:
    replace(log, 0)
    log.set_status(versions=assigned(("1.1.0", "1"), ("1.0.0", "0,2-9")))
    log.add("delete", "pods", "web-0")
    log.pod(0, "1.0.0", "run/1/Back")


def made_before_it_was_assigned(log: Log) -> None:
    log.set_status(versions=assigned(("1.0.0", "0-9")))
    replace(log, 0)


def says_the_same_again(log: Log) -> None:
    log.run_status(message="hello")
    log.run_status(message="hello")


def version_is_not_protected(log: Log) -> None:
    log.add("create", "imageversions", "os", {"metadata": {"name": "os"}, "spec": {"version": "1.1.0"}}, USER)
    replace(log, 0)


BREACHES: dict[str, tuple[Callable[[Log], None], str]] = {
    breach.__name__: (breach, rule)
    for rule, breaches in {
        "I1": (third_is_taken_down, third_is_changed_in_place),
        "I2": (foreign_pod_is_deleted, foreign_claim_is_labelled),
        "I3": (claim_is_deleted, claim_of_a_scaled_away_instance_is_deleted),
        "I4": (second_run_becomes_active, unnamed_run_becomes_active, target_changes),
        "I5": (counted_twice, miscounted),
        "I6": (held_version_is_repaired, held_model_is_scaled_out),
        "I9": (
            outside_of_the_batch,
            written_without_a_lock,
            made_for_another_batch,
            put_back_before_it_failed,
            made_before_it_was_assigned,
            changed_outside_of_the_batch,
            changed_before_it_was_assigned,
        ),
        "I7": (says_the_same_again,),
        "V7": (version_is_not_protected,),
    }.items()
    for breach in breaches
}


@pytest.mark.parametrize(("breach", "rule"), BREACHES.values(), ids=BREACHES)
def test_a_breach_is_seen(breach: Callable[[Log], None], rule: str) -> None:
    log = begun()
    breach(log)
    seen = {str(check.__doc__).partition(":")[0] for check in INVARIANTS if list(check(Story(log.writes, CONTROLLERS)))}
    assert seen == {rule}


def test_a_good_rollout_passes() -> None:
    log = begun()
    for ordinal in (0, 1):
        replace(log, ordinal)
        log.ready(ordinal)
    check(Story(log.writes, CONTROLLERS))


def test_a_protected_version_passes() -> None:
    """V7: also one that is being deleted."""
    log = begun()
    for number in ("1.1.0", "1.0.0"):
        log.add("create", "imageversions", number, {"metadata": {"name": number}, "spec": {"version": number}}, USER)
    log.add("patch", "imageversions", "1.1.0", {"metadata": {"finalizers": [FINALIZER_VERSION]}})
    log.add("delete", "imageversions", "1.0.0", user=USER)
    log.add("patch", "imageversions/status", "1.0.0", {"status": {"imageName": "x"}})
    replace(log, 0)
    log.pod(2, "1.0.0", "Repair")
    check(Story(log.writes, CONTROLLERS))


def test_a_good_rollout_in_place_passes() -> None:
    log = begun()
    for ordinal in (0, 1):
        log.in_place(ordinal)
        log.ready(ordinal)
    check(Story(log.writes, CONTROLLERS))


def test_claims_may_go_by_others_and_with_what_is_scaled_away() -> None:
    """I3: a person may delete claims; the set may say that they go with their instances."""
    log = begun()
    for ordinal in (0, 9):
        name = f"data-web-{ordinal}"
        log.add("create", "persistentvolumeclaims", name, {"metadata": {"name": name}})
    log.add("delete", "persistentvolumeclaims", "data-web-0", user=USER)
    policy = {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}
    log.add("patch", "scalesets", "web", {"spec": {"replicas": 9, **policy}}, USER)
    log.add("delete", "persistentvolumeclaims", "data-web-9")
    check(Story(log.writes, CONTROLLERS))


def test_json_patches_of_others_are_followed() -> None:
    """I1: somebody allows larger batches, and scales out, by JSON patches."""
    log = begun()
    larger = {"rollingUpgradePolicy": {"maxBatchInstancePercent": 30}}
    log.json_patch("scalesets", "web", {"op": "add", "path": "/spec/upgradePolicy", "value": larger})
    log.json_patch("scalesets", "web", {"op": "replace", "path": "/spec/replicas", "value": 11})
    log.json_patch("scalesets", "web", {"op": "remove", "path": "/metadata/annotations/none"})
    log.run_status(
        origins=[{"imageVersion": "1.0.0", "instances": "0-2"}], currentBatch={"number": 1, "instances": "0-2"}
    )
    log.set_status(versions=assigned(("1.1.0", "0-2"), ("1.0.0", "3-10")))
    for ordinal in (0, 1, 2):
        replace(log, ordinal)
    check(Story(log.writes, CONTROLLERS))


def test_what_a_user_asks_for_may_be_held() -> None:
    """I6, V3: naming a version overrides its hold; putting back does too."""
    log = begun()
    log.add("create", "upgraderuns", "mine", {"spec": {"scaleSetName": "web"}}, USER)
    log.run_status(runningStatus={"code": "Cancelled"})
    log.set_status(activeRunName="mine", heldVersions=[{"version": "1.1.0", "runName": "earlier"}])
    log.run_status("mine", targetImageReference={"version": "1.1.0"})
    log.pod(0, "1.1.0", "Repair")
    check(Story(log.writes, CONTROLLERS))


def left_in_hand() -> Log:
    """The run was removed by force, and the set knows what it had in hand; 0 has failed there."""
    log = begun()
    replace(log, 0)
    hand = {"runName": "run", "number": 1, "instances": "0-1"}
    log.set_status(batchInHand=hand, activeRunName=None, versions=assigned(("1.1.0", "1"), ("1.0.0", "0,2-9")))
    return log


def test_what_a_removed_run_had_in_hand_may_be_put_back() -> None:
    """F7, H3."""
    log = left_in_hand()
    log.add("delete", "pods", "web-0")
    log.pod(0, "1.0.0", "run/1/Back")
    check(Story(log.writes, CONTROLLERS))


def test_what_it_had_not_is_not() -> None:
    """F7, H3."""
    log = left_in_hand()
    log.pod(2, "1.0.0", "run/1/Back")
    with pytest.raises(AssertionError, match="web-2 was made for batch 1"):
        check(Story(log.writes, CONTROLLERS))


def test_refused_calls_and_dry_runs_are_no_acts() -> None:
    line: Json = {
        "user": {"username": ME},
        "verb": "delete",
        "objectRef": {"resource": "pods", "name": "other", "namespace": "ns"},
        "requestURI": "/api/v1/namespaces/ns/pods/other",
        "responseStatus": {"code": 409},
        "requestReceivedTimestamp": "2026-01-01T00:00:00.000001Z",
        "stageTimestamp": "2026-01-01T00:00:00.000002Z",
    }
    assert not read(line).took_effect
    assert read(merged(line, {"responseStatus": {"code": 200}})).took_effect
    dry = {"responseStatus": {"code": 200}, "requestURI": "/api/v1/namespaces/ns/pods?dryRun=All"}
    assert not read(merged(line, dry)).took_effect
