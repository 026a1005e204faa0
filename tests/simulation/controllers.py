"""Kubernetes' own controllers, as far as they touch what we do: garbage collection, budgets, protection of claims.

Like the real ones they act after the change that they answer to, never within it: on the clock, `delay` seconds later.
"""

import math
from collections.abc import Callable
from datetime import datetime
from functools import partial

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import BUDGETS, CLAIMS, PODS, Resource
from tests.simulation import metadata, selectors
from tests.simulation.eviction import DISRUPTED_FOR
from tests.simulation.kinds import CLAIM_FINALIZER
from tests.simulation.objects import Key, controller_of, is_true, key_of, parse_time
from tests.simulation.server import ApiServer
from tests.simulation.store import Change


class GarbageCollector:
    """Deletes, in the background, what belongs to nobody any more."""

    def __init__(self, server: ApiServer, delay: float) -> None:
        self._server = server
        self._delay = delay
        server.store.subscribe(self._saw)

    def _saw(self, change: Change) -> None:
        meta = change.object["metadata"]
        if change.type == "DELETED":
            self._later(lambda: self._collect_dependents(meta["uid"]))
            for owner in meta.get("ownerReferences", []):
                self._later(partial(self._go_on, owner["uid"]))
        elif metadata.FOREGROUND in meta.get("finalizers", []):
            self._later(lambda: self._go_on(meta["uid"]))
        elif change.type == "ADDED" and meta.get("ownerReferences"):
            # The owner may be gone already: who creates from a stale cache must see its object vanish.
            resource, key = change.resource, key_of(change.object)
            self._later(lambda: self._collect(resource, key))

    def _go_on(self, uid: str) -> None:
        """A foreground deletion: the dependents go first, and the owner when none of them blocks it any more."""
        place = self._server.store.find(uid)
        if place is None or metadata.FOREGROUND not in self._server.stored(*place)["metadata"].get("finalizers", []):
            return
        self._delete_dependents(uid)
        dependents = (self._server.stored(*found) for found in self._server.store.dependents(uid))
        if not any(_blocks(dependent, uid) for dependent in dependents):
            owner = self._server.stored(*place)
            self._server.write(place[0], metadata.without_finalizer(owner, metadata.FOREGROUND))

    def _delete_dependents(self, uid: str) -> None:
        for resource, key in self._server.store.dependents(uid):
            meta = self._server.stored(resource, key)["metadata"]
            if "deletionTimestamp" not in meta and len(meta["ownerReferences"]) == 1:
                self._server.delete(resource, key[0] or None, key[1], uid=meta["uid"])

    def _later(self, act: Callable[[], None]) -> None:
        self._server.clock.call_later(self._delay, act)

    def _collect_dependents(self, uid: str) -> None:
        for resource, key in self._server.store.dependents(uid):
            self._collect(resource, key)

    def _collect(self, resource: Resource, key: Key) -> None:
        found = self._server.store.get(resource, key)
        owners = found["metadata"].get("ownerReferences", []) if found is not None else []
        if found is None or not owners or "deletionTimestamp" in found["metadata"]:
            return
        alive = [owner for owner in owners if self._exists(owner, key)]
        if not alive:
            self._server.delete(resource, key[0] or None, key[1], uid=found["metadata"]["uid"])
        elif alive != owners:
            meta = {**found["metadata"], "ownerReferences": alive}
            self._server.write(resource, {**found, "metadata": meta})

    def _exists(self, owner: JsonObject, dependent: Key) -> bool:
        """An owner in another namespace does not count."""
        found = self._server.store.find(owner["uid"])
        return found is not None and found[1][0] in {"", dependent[0]}


class DisruptionController:
    """Keeps the status of PodDisruptionBudgets; a new budget refuses everything until it was here."""

    def __init__(self, server: ApiServer, delay: float) -> None:
        self._server = server
        self._delay = delay
        self._due: set[str] = set()
        server.store.subscribe(self._saw)

    def _saw(self, change: Change) -> None:
        if change.resource in {PODS, BUDGETS}:
            self._look_at(change.object["metadata"]["namespace"], self._delay)

    def _look_at(self, namespace: str, delay: float) -> None:
        if namespace not in self._due:
            self._due.add(namespace)
            self._server.clock.call_later(delay, lambda: self._count(namespace))

    def _count(self, namespace: str) -> None:
        self._due.discard(namespace)
        budgets = self._server.store.items(BUDGETS, namespace)
        pods = self._server.store.items(PODS, namespace) if budgets else []
        for budget in budgets:
            covers = selectors.of_object(budget["spec"].get("selector"))
            covered = [pod for pod in pods if covers(pod["metadata"].get("labels", {}))]
            self._server.set_status(BUDGETS, key_of(budget), self._status(budget, covered))

    def _status(self, budget: JsonObject, pods: list[JsonObject]) -> JsonObject:
        disrupted = self._still_disrupted(budget, pods)
        current = sum(1 for pod in pods if _counts_as_healthy(pod) and pod["metadata"]["name"] not in disrupted)
        expected, desired = self._wanted(budget["spec"], pods)
        status = {
            "observedGeneration": budget["metadata"]["generation"],
            "expectedPods": expected,
            "desiredHealthy": desired,
            "currentHealthy": current,
            "disruptionsAllowed": max(0, current - desired) if expected > 0 else 0,
        }
        return {**status, "disruptedPods": disrupted} if disrupted else status

    def _still_disrupted(self, budget: JsonObject, pods: list[JsonObject]) -> dict[str, str]:
        """Evicted pods whose deletion was not seen yet; after two minutes it is not believed any more."""
        now = self._server.clock.now()
        alive = {pod["metadata"]["name"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}
        noted: dict[str, str] = budget.get("status", {}).get("disruptedPods", {})
        kept = {pod: since for pod, since in noted.items() if pod in alive and now < _believed_until(since)}
        if kept:
            soonest = min(_believed_until(since) for since in kept.values())
            self._server.clock.call_later(
                (soonest - now).total_seconds(), lambda: self._look_at(budget["metadata"]["namespace"], 0)
            )
        return kept

    def _wanted(self, spec: JsonObject, pods: list[JsonObject]) -> tuple[int, int]:
        """How many pods there should be, and how many of them healthy."""
        least = spec.get("minAvailable")
        if isinstance(least, int):
            return len(pods), least
        expected = self._scale(pods)
        if least is not None:
            return expected, _share(least, expected)
        return expected, max(0, expected - _share(spec.get("maxUnavailable", 0), expected))

    def _scale(self, pods: list[JsonObject]) -> int:
        """What the pods' controllers ask for: pods without one, or whose controller is gone, count for nothing."""
        uids = {owner["uid"] for pod in pods if (owner := controller_of(pod)) is not None}
        places = [found for uid in sorted(uids) if (found := self._server.store.find(uid)) is not None]
        return sum(self._server.stored(*place)["spec"].get("replicas", 0) for place in places)


class ClaimProtection:
    """Lets a deleted claim go when no pod uses it."""

    def __init__(self, server: ApiServer, delay: float) -> None:
        self._server = server
        self._delay = delay
        self._due: set[str] = set()
        server.store.subscribe(self._saw)

    def _saw(self, change: Change) -> None:
        meta = change.object["metadata"]
        pod_went = change.resource == PODS and change.type == "DELETED"
        claim_goes = change.resource == CLAIMS and change.type == "MODIFIED" and "deletionTimestamp" in meta
        if (pod_went or claim_goes) and meta["namespace"] not in self._due:
            self._due.add(meta["namespace"])
            self._server.clock.call_later(self._delay, lambda: self._release(meta["namespace"]))

    def _release(self, namespace: str) -> None:
        self._due.discard(namespace)
        claims = self._server.store.items(CLAIMS, namespace)
        going = [claim for claim in claims if "deletionTimestamp" in claim["metadata"]]
        used = set[str]().union(*map(claims_of, self._server.store.items(PODS, namespace))) if going else set()
        for claim in going:
            if claim["metadata"]["name"] not in used:
                self._server.write(CLAIMS, metadata.without_finalizer(claim, CLAIM_FINALIZER))


def _blocks(dependent: JsonObject, uid: str) -> bool:
    owners = dependent["metadata"]["ownerReferences"]
    return any(owner["uid"] == uid and owner.get("blockOwnerDeletion") for owner in owners)


def claims_of(pod: JsonObject) -> list[str]:
    """The names of the claims that a pod mounts."""
    volumes = pod["spec"].get("volumes", [])
    return [volume["persistentVolumeClaim"]["claimName"] for volume in volumes if "persistentVolumeClaim" in volume]


def _counts_as_healthy(pod: JsonObject) -> bool:
    return is_true(pod, "Ready") and "deletionTimestamp" not in pod["metadata"]


def _believed_until(since: str) -> datetime:
    return parse_time(since) + DISRUPTED_FOR


def _share(amount: int | str, of: int) -> int:
    """A number, or a percentage rounded up, as budgets do."""
    return amount if isinstance(amount, int) else math.ceil(int(amount.rstrip("%")) * of / 100)
