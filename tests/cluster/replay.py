"""Plays the writes of an audit log again: at each write, what the writes before it had made of the objects."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from tests.cluster.audit import Json, Write
from tests.simulation import json_patch
from tests.simulation.json_patch import TestFailedError

DOWN = frozenset({("create", "pods/eviction"), ("delete", "pods"), ("patch", "pods")})
"""How an instance is taken down, by verb and resource; a patch changes its image in place."""

OURS = frozenset({"scalesets", "upgraderuns", "imageversions"})


@dataclass(frozen=True)
class Pod:
    """A pod as it was made, and who made it."""

    maker: str
    body: Json

    @property
    def scale_set(self) -> str:
        """The name of the ScaleSet that controls it, empty when none does."""
        owners = self.body["metadata"].get("ownerReferences", ())
        return next((str(o["name"]) for o in owners if o.get("controller") and o["kind"] == "ScaleSet"), "")

    def label(self, name: str) -> str:
        """One of our labels."""
        return str(self.body["metadata"].get("labels", {}).get(f"rollkeeper.io/{name}", ""))

    def annotation(self, name: str) -> str:
        """One of our annotations."""
        return str(self.body["metadata"].get("annotations", {}).get(f"rollkeeper.io/{name}", ""))


def changed(pod: Pod, patch: Write) -> Pod:
    """The pod with the labels and annotations that a patch gave it."""
    if patch.operations:
        return Pod(pod.maker, patched(pod.body, patch.operations))
    return Pod(pod.maker, {"metadata": merged(pod.body["metadata"], patch.body.get("metadata") or {})})


@dataclass
class Seen:
    """What the writes so far have made, by name. Whatever was deleted stays as it last was."""

    sets: dict[str, Json] = field(default_factory=dict)
    runs: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, Pod] = field(default_factory=dict)
    versions: dict[str, Json] = field(default_factory=dict)
    """ImageVersions; those that somebody has asked to delete are not there any more."""
    claims: dict[str, str] = field(default_factory=dict)
    """Claim -> who made it."""
    os_disks: set[str] = field(default_factory=set)
    """Those that are OS disks of virtual machines, which come and go."""

    def _take_claim(self, write: Write) -> None:
        self.claims[write.name] = write.user
        if "rollkeeper.io/os-disk" in write.body["metadata"].get("labels", {}):
            self.os_disks.add(write.name)

    def take(self, write: Write) -> None:
        """Follows one write."""
        kind, _, subresource = write.resource.partition("/")
        if write.resource == "pods" and write.verb == "create":
            self.pods[write.name] = Pod(write.user, write.body)
        elif write.resource == "pods" and write.verb == "patch" and write.name in self.pods:
            self.pods[write.name] = changed(self.pods[write.name], write)
        elif write.resource == "persistentvolumeclaims" and write.verb == "create":
            self._take_claim(write)
        elif write.resource == "imageversions" and write.verb == "delete":
            self.versions.pop(write.name, None)
        elif kind in OURS and write.verb in {"create", "patch", "update"}:
            objects = self.of_kind(kind)
            if write.verb != "create" and write.name not in objects:
                return  # it is being deleted
            before = {} if write.verb == "create" else objects.get(write.name, {})
            if write.operations:
                objects[write.name] = patched(before, write.operations)
                return
            body = write.body
            if write.verb == "update" and subresource != "scale":  # the whole object, or the whole status
                kept = {k: v for k, v in before.items() if k != "status"} if subresource else {}
                before, body = kept, {"status": body.get("status", {})} if subresource else body
            if subresource == "scale":
                body = {"spec": {"replicas": write.body["spec"]["replicas"]}}
            objects[write.name] = merged(before, body)

    def of_kind(self, kind: str) -> dict[str, Json]:
        """The objects of one of our kinds."""
        return {"scalesets": self.sets, "upgraderuns": self.runs, "imageversions": self.versions}[kind]

    def replicas(self, scale_set: str) -> int:
        """How many instances a set is meant to have."""
        return int(self.sets.get(scale_set, {}).get("spec", {}).get("replicas", 1))

    def batch_limit(self, scale_set: str, run: str) -> int:
        """B1: so many instances at once, rounded down, at least one. M1: in mode Automatic all."""
        policy = self.sets[scale_set]["spec"].get("upgradePolicy", {})
        if policy.get("mode") == "Automatic" and self._follows_the_model(run):
            return self.replicas(scale_set)
        percent = policy.get("rollingUpgradePolicy", {}).get("maxBatchInstancePercent", 20)
        return max(1, self.replicas(scale_set) * int(percent) // 100)

    def _follows_the_model(self, run: str) -> bool:
        """Whether the controller made a run for a changed model or pin."""
        cause = self.runs[run].get("metadata", {}).get("annotations", {}).get("rollkeeper.io/cause")
        return cause in {"Model", "Pin"}

    def proven(self, scale_set: str) -> bool:
        """F4: before that nothing is protected."""
        return bool(status_of(self.sets.get(scale_set, {})).get("provenImageVersion"))

    def runs_of(self, scale_set: str) -> dict[str, Json]:
        """The runs of a set."""
        return {name: run for name, run in self.runs.items() if run["spec"]["scaleSetName"] == scale_set}


@dataclass(frozen=True)
class Story:
    """The writes in one namespace, and the users that controllers are."""

    writes: Sequence[Write]
    controllers: frozenset[str]

    def moments(self) -> Iterator[tuple[Write, Seen]]:
        """Every write that took effect, with what was there before it.

        The controller's decisions count from when they were answered, its acts from when they were asked for: so a
        decision that stands before an act was certainly known to be written.
        """
        seen = Seen()
        for write in sorted((w for w in self.writes if w.took_effect), key=self._time):
            yield write, seen
            seen.take(write)

    def by_controller(self, write: Write) -> bool:
        """Whether the controller asked for it."""
        return write.user in self.controllers

    def _time(self, write: Write) -> datetime:
        decision = self.by_controller(write) and not write.resource.startswith(("pods", "persistentvolumeclaims"))
        return write.completed if decision else write.received


def status_of(thing: Json) -> Json:
    """An object's status, empty when there is none."""
    found: Json = thing.get("status") or {}
    return found


def code_of(run: Json) -> str:
    """A run's code; one that nobody has looked at yet is Pending."""
    return str(status_of(run).get("runningStatus", {}).get("code", "Pending"))


def merged(before: Json, patch: Json) -> Json:
    """A JSON merge patch (RFC 7386) carried out."""
    result = copy.deepcopy(before)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            inner = result.get(key)
            result[key] = merged(inner if isinstance(inner, dict) else {}, value)
        else:
            result[key] = value
    return result


def patched(before: Json, operations: Sequence[Json]) -> Json:
    """A JSON patch (RFC 6902) carried out, where it touches what the audit log has shown.

    The log has what was asked for, not what was there: defaults are not in it, so an operation may miss its place.
    """
    result = copy.deepcopy(before)
    for operation in operations:
        if operation["op"] != "test":
            with suppress(TestFailedError):
                json_patch.apply(result, [operation])
    return result


def ordinals(text: str | None) -> frozenset[int]:
    """The numbers of `0-3,7`."""
    found: set[int] = set()
    for part in (text or "").split(","):
        if part:
            first, _, last = part.partition("-")
            found.update(range(int(first), int(last or first) + 1))
    return frozenset(found)
