"""A rollout on virtual time, told as a log: one line an act or a change that people would see."""

import re
from collections import defaultdict
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from rollkeeper.api.v1alpha1.names import LABEL_ORDINAL, LABEL_PROTECT, LABEL_SCALE_SET
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.engine import ranges
from rollkeeper.instances import application_condition
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import BUDGETS, PODS
from tests.simulation import invariants
from tests.simulation.clock import VirtualClock
from tests.simulation.cluster import Cluster
from tests.simulation.faults import Call, Killed, Plan, no_faults
from tests.simulation.images import Behaviour, Images, healthy
from tests.simulation.machine import Machine
from tests.simulation.objects import condition as condition_of
from tests.simulation.objects_of_ours import image_version, reference, scale_set, upgrade_run
from tests.simulation.process import Process

JsonMap = dict[str, Any]
SET = ("default", "web")
_SUFFIX = re.compile(r"\b(web-(?:\d+-\d+-\d+|model))-[a-z0-9]{5}\b")
_REVISION = re.compile(r"\bweb-[a-z0-9]{10}\b")


class Rollout:
    """A set, its images and a controller. User actions are methods; `run` lets time pass; `log` tells."""

    def __init__(
        self,
        replicas: int = 10,
        *,
        zones: tuple[str, ...] = ("a",),
        images: Images | None = None,
        machine: Callable[[VirtualClock], Machine] | None = None,
        **kwargs: Any,
    ) -> None:
        self.cluster = Cluster(zones=zones, room=10_000, images=images if images is not None else Images(healthy(1, 1)))
        self.server = self.cluster.server
        self.log: list[str] = []
        self.witness = invariants.Witness(self.cluster)
        self.machine = machine(self.cluster.clock) if machine is not None else None
        self.process = self._start()
        self._calls_told = 0
        self._told: dict[str, str] = {}
        self._going: set[str] = set()
        self._revisions: dict[str, str] = {}
        self._manifest = scale_set(replicas, **kwargs)

    def create_set(self) -> None:
        self.server.create(SCALE_SETS, "default", self._manifest)
        self.say(f"user creates ScaleSet web, replicas {self._manifest['spec']['replicas']}")

    def publish(self, version: str, behaviour: Behaviour | None = None, **spec: Any) -> None:
        if behaviour is not None:
            self.cluster.images.set(reference(version), behaviour)
        self.server.create(IMAGE_VERSIONS, "default", image_version(version, **spec))
        self.say(f"publisher publishes {version}")

    def patch_version(self, version: str, spec: JsonMap) -> None:
        self.server.merge_patch(IMAGE_VERSIONS, "default", f"webserver-{version}", {"spec": spec})
        self.say(f"publisher changes {version}: {spec}")

    def delete_version(self, version: str) -> None:
        self.server.delete(IMAGE_VERSIONS, "default", f"webserver-{version}")
        self.say(f"publisher deletes {version}")

    def patch_set(self, spec: JsonMap, what: str = "") -> None:
        self.server.merge_patch(SCALE_SETS, *SET, {"spec": spec})
        self.say(f"user changes ScaleSet web: {what or spec}")

    def annotate_set(self, annotations: JsonMap) -> None:
        self.server.merge_patch(SCALE_SETS, *SET, {"metadata": {"annotations": annotations}})
        self.say(f"user annotates ScaleSet web: {annotations}")

    def opt_out(self) -> None:
        self.patch_set({"upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": False}}})

    def start_run(self, name: str, version: str | None = None, **spec: Any) -> None:
        self.server.create(UPGRADE_RUNS, "default", upgrade_run(name, version, **spec))
        self.say(f"user creates UpgradeRun {name} {version or ''} {spec or ''}".rstrip())

    def patch_run(self, name: str, spec: JsonMap) -> None:
        self.server.merge_patch(UPGRADE_RUNS, "default", name, {"spec": spec})
        self.say(f"user changes UpgradeRun {name}: {spec}")

    def delete_run(self, name: str) -> None:
        self.server.delete(UPGRADE_RUNS, "default", name)
        self.say(f"user deletes UpgradeRun {name}")

    def remove_run_by_force(self, name: str) -> None:
        self.server.delete(UPGRADE_RUNS, "default", name)
        self.server.merge_patch(UPGRADE_RUNS, "default", name, {"metadata": {"finalizers": None}})
        self.say(f"user removes UpgradeRun {name} with its finalizer")

    def scale(self, replicas: int) -> None:
        self.patch_set({"replicas": replicas})

    def lose_node(self, name: str) -> None:
        self.cluster.kubelet.lose_node(name)
        self.say(f"{name} is lost")

    def recover_node(self, name: str) -> None:
        self.cluster.kubelet.recover_node(name)
        self.say(f"{name} is back")

    def set_ready(self, ordinal: int, ready: bool | None) -> None:
        self.cluster.kubelet.set_ready("default", f"web-{ordinal}", ready)
        self.say(f"web-{ordinal} {'turns unhealthy' if ready is False else 'is itself again'}")

    def protect(self, ordinal: int, *, protected: bool = True) -> None:
        labels = {LABEL_PROTECT: "true" if protected else None}
        self.server.merge_patch(PODS, "default", f"web-{ordinal}", {"metadata": {"labels": labels}})
        self.say(f"user {'protects' if protected else 'no longer protects'} web-{ordinal}")

    def refuse_evictions(self, ordinal: int, name: str = "gate") -> None:
        labels = {LABEL_SCALE_SET: "web", LABEL_ORDINAL: str(ordinal)}
        body = {"metadata": {"name": name}, "spec": {"minAvailable": 1, "selector": {"matchLabels": labels}}}
        self.server.create(BUDGETS, "default", body)
        self.say(f"user makes PodDisruptionBudget {name} over web-{ordinal}")

    def delete_budget(self, name: str = "gate") -> None:
        self.server.delete(BUDGETS, "default", name)
        self.say(f"user deletes PodDisruptionBudget {name}")

    def delete_pod(self, ordinal: int) -> None:
        self.cluster.kubelet.vanish("default", f"web-{ordinal}")
        self.say(f"somebody removes pod web-{ordinal}")

    def stick(self, ordinal: int, *, stuck: bool = True) -> None:
        """A finalizer of somebody else's keeps the pod, however long ago it was deleted."""
        finalizers = ["example.com/volume"] if stuck else None
        self.server.merge_patch(PODS, "default", f"web-{ordinal}", {"metadata": {"finalizers": finalizers}})
        self.say(f"web-{ordinal} {'has a finalizer that nobody takes off' if stuck else 'is let go of'}")

    def lose_status(self) -> None:
        self.server.merge_patch(SCALE_SETS, *SET, {"status": None}, subresource="status")
        self.say("somebody wipes the status of ScaleSet web")

    def set_clock(self, wrong: timedelta) -> None:
        """The wall clock of the controller's machine is wrong by so much from now on (I10)."""
        assert self.machine is not None, "the controller has no machine"
        self.machine.wrong = wrong
        self.say(f"the clock of the controller's machine is wrong by {wrong}")

    def restart(self, plan: Plan = no_faults) -> None:
        """SIGKILL and start: the memory is gone."""
        self.process.api.kill()
        self.process = self._start(plan)
        self._calls_told = 0

    def _start(self, plan: Plan = no_faults) -> Process:
        return Process(self.cluster, plan, self.witness.before, self.machine)

    @property
    def status(self) -> JsonMap:
        return dict(self.server.stored(SCALE_SETS, SET).get("status", {}))

    def condition(self, kind: str) -> JsonMap:
        return next((c for c in self.status.get("conditions", ()) if c["type"] == kind), {})

    def runs(self) -> list[JsonObject]:
        return list(self.server.list(UPGRADE_RUNS, "default").items)

    def active_run(self) -> str:
        return str(self.status.get("activeRunName") or "")

    def code(self, name: str) -> str:
        run = self.server.get(UPGRADE_RUNS, "default", name)
        return str(run.get("status", {}).get("runningStatus", {}).get("code", "Pending"))

    def last_run(self) -> JsonObject:
        return max(
            self.runs(), key=lambda r: (r["metadata"]["creationTimestamp"], int(r["metadata"]["resourceVersion"]))
        )

    def versions(self) -> dict[str, str]:
        """Running versions as ranges."""
        groups: dict[str, list[int]] = defaultdict(list)
        machines = self.server.store.items(MACHINES, "default")
        for pod in [*self.cluster.pods().values(), *machines]:
            labels = pod["metadata"]["labels"]
            groups[labels["rollkeeper.io/image-version"]].append(int(labels["rollkeeper.io/ordinal"]))
        return {version: ranges.render(ordinals) for version, ordinals in sorted(groups.items())}

    def step(self) -> None:
        """What is due now, then the next second."""
        self.settle()
        self.cluster.advance(1)

    def settle(self) -> None:
        try:
            self._work()
        finally:
            self._tell()
            self.witness.check()

    def _work(self) -> None:
        self.process.settle()

    def run(self, until: Callable[[], bool], seconds: int = 1200) -> None:
        """Lets time pass until something holds."""
        for _ in range(seconds):
            self.settle()
            if until():
                return
            self.cluster.advance(1)
        raise AssertionError(f"not within {seconds}s; the log ends:\n" + "\n".join(self.log[-15:]))

    def run_for(self, seconds: int) -> None:
        for _ in range(seconds):
            self.step()
        self.settle()

    def run_until_quiet(self, seconds: int = 1200, *, quiet: int = 90) -> None:
        """Until no write was made for so long: converged (I7). What versions say of their users follows by itself."""
        silent = 0
        for _ in range(seconds):
            writes = self._writes()
            self.step()
            silent = silent + 1 if self._writes() == writes else 0
            if silent >= quiet:
                return
        raise AssertionError(f"still writing after {seconds}s; the log ends:\n" + "\n".join(self.log[-15:]))

    def _writes(self) -> int:
        return sum(call.resource != IMAGE_VERSIONS for call in self.process.api.writes)

    def say(self, sentence: str) -> None:
        seconds = int(self.cluster.clock.monotonic())
        sentence = _REVISION.sub(self._revision, _SUFFIX.sub(r"\1-*", sentence))
        self.log.append(f"{seconds:5d}s  {sentence}")

    def _revision(self, found: re.Match[str]) -> str:
        """Hashes say nothing to a reader: the first model that is told of is model#1."""
        return self._revisions.setdefault(found[0], f"model#{len(self._revisions) + 1}")

    def text(self) -> str:
        return "\n".join(self.log) + "\n"

    def _tell(self) -> None:
        calls = self.process.api.log[self._calls_told :]
        self._calls_told = len(self.process.api.log)
        for line in _instance_lines(self.cluster, calls):
            self.say("  " + line)
        self._tell_statuses()

    def _tell_statuses(self) -> None:
        for run in self.server.store.items(UPGRADE_RUNS, "default"):
            name, status = run["metadata"]["name"], run.get("status", {})
            self._tell_if_new(f"run {name}", _run_line(status))
        self._tell_if_new("applications", _application_line(self.cluster))
        self._tell_going()
        for key, value in _set_lines(self.status).items():
            self._tell_if_new(key, value)

    def _tell_going(self) -> None:
        """What versions say that are being deleted (V7)."""
        there = {v["spec"]["version"]: v for v in self.server.store.items(IMAGE_VERSIONS, "default")}
        for number in sorted(self._going - there.keys()):
            self._going.discard(number)
            self.say(f"version {number}: is gone")
        for number, version in there.items():
            if "deletionTimestamp" in version["metadata"]:
                self._going.add(number)
                self._tell_if_new(f"version {number}", (condition_of(version, "Ready") or {}).get("message", ""))

    def _tell_if_new(self, subject: str, state: str) -> None:
        if self._told.get(subject, "") != state:
            self._told[subject] = state
            self.say(f"{subject}: {state}")


def _instance_lines(cluster: Cluster, calls: list[Call]) -> list[str]:
    """Creates, evictions, changes and deletes, equal ones on one line."""
    groups: dict[str, list[int]] = {}
    for call in calls:
        if call.resource not in (PODS, MACHINES, GUESTS) or not call.is_write:
            continue
        groups.setdefault(_act(cluster, call), []).append(int(call.name.rpartition("-")[2]))
    return [f"{act} {ranges.render(ordinals)}" for act, ordinals in groups.items()]


def _application_line(cluster: Cluster) -> str:
    """What the pods tell of their applications (H4)."""
    groups: dict[str, list[int]] = defaultdict(list)
    for name, pod in cluster.pods().items():
        found = condition_of(pod, application_condition.TYPE)
        if found is not None:
            groups[f"{found['reason']} ({found['status']})"].append(int(name.rpartition("-")[2]))
    return "; ".join(f"{state} {ranges.render(ordinals)}" for state, ordinals in sorted(groups.items()))


def _act(cluster: Cluster, call: Call) -> str:
    if call.resource in (MACHINES, GUESTS):
        return _act_on_machine(cluster, call)
    if call.subresource or call.verb not in {"create", "patch"}:
        return f"{call.verb} {call.subresource}" if call.verb == "patch" else call.verb
    act = "create" if call.verb == "create" else "in place"
    pod = cluster.pods().get(call.name)
    if pod is None:
        return f"{act} (refused)"
    return f"{act} {_made_for(pod)}"


def _act_on_machine(cluster: Cluster, call: Call) -> str:
    what = "machine" if call.resource == MACHINES else "guest"
    machine = cluster.server.store.get(MACHINES, (call.namespace or "", call.name))
    if call.verb not in {"create", "patch"} or machine is None:
        return f"{call.verb} {what}"
    halted = " halted" if machine["spec"]["runStrategy"] == "Halted" else ""
    return f"{call.verb} {what} {_made_for(machine)}{halted}"


def _made_for(thing: JsonObject) -> str:
    meta = thing["metadata"]
    made_by = meta["annotations"]["rollkeeper.io/made-by"]
    return f"{meta['labels']['rollkeeper.io/image-version']} ({'/'.join(made_by.split('/')[1:]) or made_by})"


def _run_line(status: JsonMap) -> str:
    progress, running = status.get("progress", {}), status.get("runningStatus", {})
    error = status.get("error", {}).get("code", "")
    places = status.get("instances", {})
    told = [
        f"{key} {places[key]}"
        for key in ("succeeded", "failed", "rolledBack", "rollbackFailed", "skipped")
        if places.get(key)
    ]
    words = [running.get("code", "-"), progress.get("summary", ""), error, status.get("message", "")]
    return " ".join(w for w in words if w) + (f" [{'; '.join(told)}]" if told else "")


def _set_lines(status: JsonMap) -> dict[str, str]:
    lines = {"set proven": str(status.get("provenImageVersion", "-"))}
    for condition in status.get("conditions", ()):
        if condition["type"] in {"Ready", "UpToDate", "UpgradeBlocked", "Stalled"}:
            said = f": {condition['message']}" if condition.get("message") else ""
            lines[f"set {condition['type']}"] = f"{condition['status']} {condition['reason']}{said}"
    lines["set proven model"] = str(status.get("provenModelRevision", "-"))
    held = [f"{h['version']}{'+' if h.get('above') else ''} {h['reason']}" for h in status.get("heldVersions", ())]
    lines["set held"] = ", ".join(held) or "-"
    held += [f"{h['revision']} {h['reason']}" for h in status.get("heldModelRevisions", ())]
    lines["set held"] = ", ".join(held) or "-"
    retries = [f"{r['target']} attempt {r['attempt']}" for r in status.get("retry", ())]
    lines["set retry"] = ", ".join(retries) or "-"
    return lines


__all__ = ["Killed", "Rollout"]
