"""The rulebook's invariants, held against what the cluster in memory shows after every step (section 8)."""

from collections import Counter
from typing import Any

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.api.v1alpha1.names import FINALIZER_VERSION
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.engine import ranges
from rollkeeper.engine.limits import batch_size
from rollkeeper.engine.versions import image_name
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.errors import NotFound
from rollkeeper.kube.resources import CLAIMS, PODS
from tests.simulation.cluster import Cluster
from tests.simulation.down import Downs
from tests.simulation.faults import Call
from tests.simulation.sight import is_outdated
from tests.simulation.store import Change

JsonMap = dict[str, Any]
PLACES = ("succeeded", "failed", "skipped", "inProgress", "pending")
ACTIVE = ("RollingForward", "RollingBack")
SUBSETS = ("rolledBack", "rollbackFailed")
INSTANCES = (PODS, MACHINES)


class Witness:
    """Watches the cluster as it changes, and checks what must always hold."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._claims: dict[str, str] = {}
        self._targets: dict[str, JsonMap] = {}
        self._limits: dict[tuple[str, int], int] = {}
        self._downs = Downs(cluster)
        cluster.server.store.subscribe(self._saw)

    def _saw(self, change: Change) -> None:
        if change.resource in INSTANCES and _made_by(change.object) != _made_by(change.previous):
            self._check_made(change.object)
            if change.previous is not None:
                self._downs.taken(change.previous)
        if change.resource == IMAGE_VERSIONS and change.type == "DELETED":
            self._check_unused(change.object)

    def _check_unused(self, version: JsonObject) -> None:
        """V7: what instances run, what is proven, and what an active run may have to put back is not deleted."""
        image, number = version["status"].get("imageName"), version["spec"]["version"]
        for scale_set in self._cluster.server.store.items(SCALE_SETS, version["metadata"]["namespace"]):
            status = scale_set.get("status", {})
            if image != image_name(ScaleSet.model_validate(scale_set).spec.image_reference):
                continue
            used = {v["version"] for v in status.get("versions", ()) if v["instances"]}
            if status.get("provenImage") == image:
                used.add(status.get("provenImageVersion"))
            for run in self._cluster.server.store.items(UPGRADE_RUNS, version["metadata"]["namespace"]):
                if run.get("status", {}).get("runningStatus", {}).get("code") in ACTIVE:
                    used |= {o["imageVersion"] for o in run["status"].get("origins", ())}
            assert number not in used, f"V7: ImageVersion {number} was deleted while it is used: {used}"

    def _check_guarded(self, namespace: str, number: str) -> None:
        """V7: the finalizer stands on a version before its first use."""
        for version in self._cluster.server.store.items(IMAGE_VERSIONS, namespace):
            meta = version["metadata"]
            if version["spec"]["version"] == number and "deletionTimestamp" not in meta:
                assert FINALIZER_VERSION in meta.get("finalizers", ()), f"V7: {number} is used without its finalizer"

    def _check_made(self, pod: JsonObject) -> None:
        """I9: the decision is written before the act, be it a new instance or another image for one that stays."""
        made_by = _made_by(pod)
        labels = pod["metadata"].get("labels", {})
        if "rollkeeper.io/ordinal" not in labels:
            return
        ordinal = int(labels["rollkeeper.io/ordinal"])
        scale_set = self._cluster.server.get(
            SCALE_SETS, pod["metadata"]["namespace"], labels["rollkeeper.io/scale-set"]
        )
        status = scale_set.get("status", {})
        assigned = next(
            (v["version"] for v in status.get("versions", ()) if ordinal in ranges.parse(v["instances"])), None
        )
        assert assigned == labels["rollkeeper.io/image-version"], (
            f"I9: web-{ordinal} made with {labels}, assigned {assigned}"
        )
        self._check_guarded(pod["metadata"]["namespace"], labels["rollkeeper.io/image-version"])
        if not made_by.endswith("/Back"):
            self._check_not_held(status, pod)
        if made_by.endswith(("/Forward", "/Back")):
            name, number, direction = made_by.split("/")
            if self._cluster.server.store.get(UPGRADE_RUNS, ("default", name)) is None:
                assert _in_hand(status, name, int(number), ordinal), (
                    f"F7: web-{ordinal} was made for {made_by}, is gone"
                )
            else:
                self._check_batch(name, int(number), direction, ordinal)

    def _check_not_held(self, status: JsonMap, pod: JsonObject) -> None:
        """I6: what is held is not installed, but where a user's run asks for it (or did, before it was removed: F7)."""
        labels = pod["metadata"]["labels"]
        version, revision = labels["rollkeeper.io/image-version"], labels["rollkeeper.io/model-revision"]
        asking = status.get("activeRunName") or status.get("batchInHand", {}).get("runName", "")
        run = self._cluster.server.store.get(UPGRADE_RUNS, ("default", asking))
        if "provenImageVersion" not in status or (asking and (run is None or run["spec"].get("startedBy") == "User")):
            return
        versions = {
            hold["version"]
            for hold in status.get("heldVersions", ())
            if not hold.get("above") and hold.get("modelRevision") in {None, revision}
        }
        held = versions - {status["provenImageVersion"]}
        assert version not in held, f"I6: {pod['metadata']['name']} made of {version}, which is held"
        models = {hold["revision"] for hold in status.get("heldModelRevisions", ())}
        held = models - {status.get("provenModelRevision")}
        assert revision not in held, f"I6: {pod['metadata']['name']} made of model {revision}, which is held"

    def _check_batch(self, name: str, number: int, direction: str, ordinal: int) -> None:
        run = self._cluster.server.get(UPGRADE_RUNS, "default", name)["status"]
        batch = run.get("currentBatch")
        assert batch is not None, f"I9: web-{ordinal} was made for {name}/{number}, which has no batch"
        assert batch["number"] == number, f"I9: web-{ordinal} was made for batch {number}, current is {batch['number']}"
        assert ordinal in ranges.parse(batch["instances"]), f"I9: web-{ordinal} is not in batch {batch}"
        origins = frozenset[int]().union(*(ranges.parse(o["instances"]) for o in run["origins"]))
        assert ordinal in origins, f"I9: web-{ordinal} has no origin"
        if direction == "Back":
            assert ordinal in ranges.parse(run["instances"]["failed"]), (
                f"H3: web-{ordinal} put back before it was failed"
            )

    def before(self, call: Call) -> None:
        """I1, I2, I9: a pod is taken down, or its image changed, only for a reason that is written down already."""
        if call.resource == MACHINES and call.verb == "delete":
            self._check_scaled_in(call)
        if call.resource == GUESTS and call.verb == "delete":
            self._check_outdated(call)
        if call.resource != PODS or call.dry_run or call.subresource == "status":
            return
        if call.verb not in {"evict", "delete", "patch"}:
            return
        pod = self._cluster.pods(call.namespace or "").get(call.name)
        if pod is None:
            return
        labels = pod["metadata"].get("labels", {})
        assert "rollkeeper.io/scale-set" in labels, f"I2: {call} is not on an instance"
        scale_set = self._cluster.server.get(SCALE_SETS, call.namespace, labels["rollkeeper.io/scale-set"])
        owners = [o["uid"] for o in pod["metadata"].get("ownerReferences", ())]
        assert scale_set["metadata"]["uid"] in owners, f"I2: {call} is on somebody else's pod"
        ordinal = int(labels["rollkeeper.io/ordinal"])
        assert self._may_go(scale_set, pod, ordinal, call), f"I9: {call} was not written down before"
        if call.verb != "patch" and ordinal < scale_set["spec"]["replicas"]:
            self._downs.taken(pod)

    def _check_scaled_in(self, call: Call) -> None:
        """B5: a machine is made once; only scaling in deletes it."""
        machine = self._cluster.server.store.get(MACHINES, (call.namespace or "", call.name))
        if machine is not None:
            labels = machine["metadata"]["labels"]
            scale_set = self._cluster.server.get(SCALE_SETS, call.namespace, labels["rollkeeper.io/scale-set"])
            assert int(labels["rollkeeper.io/ordinal"]) >= scale_set["spec"]["replicas"], f"B5: {call}"

    def _check_outdated(self, call: Call) -> None:
        """I9: a guest is taken down only when its machine was given another disk or model before, by a batch."""
        guest = self._cluster.server.store.get(GUESTS, (call.namespace or "", call.name))
        assert guest is None or is_outdated(self._cluster.server, guest), f"I9: {call}, which is its machine's own"

    def _may_go(self, scale_set: JsonObject, pod: JsonObject, ordinal: int, call: Call) -> bool:
        status = scale_set.get("status", {})
        if call.verb == "delete" and (
            ordinal >= scale_set["spec"]["replicas"]
            or pod["status"].get("phase") in {"Failed", "Succeeded"}
            or "provenImageVersion" not in status
        ):
            return True
        for run in self._cluster.server.store.items(UPGRADE_RUNS, call.namespace or ""):
            found = run.get("status", {})
            if found.get("runningStatus", {}).get("code") in ACTIVE and found.get("currentBatch"):
                in_hand = ranges.parse(found["instances"]["inProgress"]) | ranges.parse(found["instances"]["failed"])
                return ordinal in ranges.parse(found["currentBatch"]["instances"]) & in_hand
        return "batchInHand" in status and ordinal in ranges.parse(status["batchInHand"]["instances"])

    def check(self) -> None:
        """I1 to I5, on what stands there now."""
        for scale_set in self._cluster.server.store.items(SCALE_SETS, "default"):
            runs = [
                r
                for r in self._cluster.server.store.items(UPGRADE_RUNS, "default")
                if r["spec"]["scaleSetName"] == scale_set["metadata"]["name"]
            ]
            self._check_runs(scale_set, runs)
        self._downs.check()
        self._check_claims()

    def _check_runs(self, scale_set: JsonObject, runs: list[JsonObject]) -> None:
        active = [r for r in runs if r.get("status", {}).get("runningStatus", {}).get("code") in ACTIVE]
        assert len(active) <= 1, f"I4: {[r['metadata']['name'] for r in active]} are active"
        for run in runs:
            target = run.get("status", {}).get("targetImageReference")
            if target is not None:
                before = self._targets.setdefault(run["metadata"]["uid"], target)
                assert before == target, f"I4: the target of {run['metadata']['name']} changed"
        for run in active:
            self._check_places(run)
            self._check_limit(scale_set, run)

    def _check_places(self, run: JsonObject) -> None:
        """I5: each instance in exactly one place."""
        places = run["status"].get("instances")
        if places is None:
            return
        counts = Counter(o for place in PLACES for o in ranges.parse(places[place]))
        assert max(counts.values(), default=1) == 1, f"I5: {places}"
        for subset in SUBSETS:
            assert ranges.parse(places[subset]) <= ranges.parse(places["failed"]), f"I5: {subset} in {places}"

    def _check_limit(self, scale_set: JsonObject, run: JsonObject) -> None:
        """I1: what the run made unavailable and has not settled is at most a batch."""
        status = run["status"]
        batch = status.get("currentBatch")
        if batch is None:
            return
        replicas = scale_set["spec"]["replicas"]
        unsettled = ranges.parse(status["instances"]["inProgress"]) & ranges.parse(batch["instances"])
        now = batch_size(status["policy"]["maxBatchInstancePercent"], max(replicas, self._replicas_then(status)))
        # B1's number when the batch was written: scaling in since then makes it no smaller.
        written = run["metadata"]["uid"], batch["number"]
        limit = self._limits[written] = max(now, self._limits.get(written, 0))
        assert len(unsettled) <= limit, f"I1: {len(unsettled)} instances in hand, limit {limit}"

    @staticmethod
    def _replicas_then(status: JsonMap) -> int:
        return sum(len(ranges.parse(status["instances"][place])) for place in PLACES)

    def _check_claims(self) -> None:
        """I3: a data disk is never deleted, and never another one of the same name. OS disks come and go."""
        for claim in self._cluster.server.store.items(CLAIMS, "default"):
            if "rollkeeper.io/os-disk" in claim["metadata"].get("labels", {}):
                continue
            name, uid = claim["metadata"]["name"], claim["metadata"]["uid"]
            assert self._claims.setdefault(name, uid) == uid, f"I3: claim {name} was made anew"
        for name, uid in self._claims.items():
            try:
                found = self._cluster.server.get(CLAIMS, "default", name)
            except NotFound:
                raise AssertionError(f"I3: claim {name} is gone") from None
            assert found["metadata"]["uid"] == uid


def _made_by(pod: JsonObject | None) -> str:
    found = pod["metadata"].get("annotations", {}) if pod is not None else {}
    return str(found.get("rollkeeper.io/made-by", ""))


def _in_hand(status: JsonMap, run: str, number: int, ordinal: int) -> bool:
    """Whether the set still has a batch in hand that was a run's; the run was removed by force."""
    hand = status.get("batchInHand")
    return (
        hand is not None
        and (hand["runName"], hand["number"]) == (run, number)
        and ordinal in ranges.parse(hand["instances"])
    )
