"""What comes of an action at the API server: answers lost, refused, raced (I2, I8, B12, H5)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.contents import ContentReader
from rollkeeper.controllers.executor import Executor, Outcome
from rollkeeper.controllers.memory import SetMemory
from rollkeeper.controllers.resources import SCALE_SETS, UPGRADE_RUNS
from rollkeeper.engine import actions as do
from rollkeeper.engine.reasons import Failure
from rollkeeper.engine.snapshot import Pair
from rollkeeper.instances.claims import Claims
from rollkeeper.instances.pods import Pods
from rollkeeper.instances.provider import Providers
from rollkeeper.kube.errors import Conflict, NotFound
from rollkeeper.kube.events import EventRecorder
from rollkeeper.kube.resources import BUDGETS, CONTROLLER_REVISIONS, PODS
from tests.simulation.cluster import Cluster
from tests.simulation.images import Images, healthy
from tests.simulation.objects_of_ours import reference, scale_set, upgrade_run

PAIR = Pair("1.0.0", reference("1.0.0"), "web-r")
JsonMap = dict[str, Any]


class World:
    """An executor on a cluster in memory: one set, its model stored."""

    def __init__(self, replicas: int = 3) -> None:
        self.cluster = Cluster(zones=("a",), images=Images(healthy(1, 1)))
        self.server = self.cluster.server
        self.caches, self.memory = Caches(), SetMemory()
        self.caches.scale_sets.apply(self.server.create(SCALE_SETS, "default", scale_set(replicas)))
        api, now = self.cluster.api, self.cluster.clock.now
        claims = Claims(api, self.caches.claims)
        self.pods = Pods(api, self.caches.pods, claims)
        self.executor = Executor(
            api,
            self.caches,
            Providers(self.pods, self.pods),
            claims,
            EventRecorder(api, "test", now=now),
            ContentReader(api, self.caches.config_maps),
        )
        self.do(do.EnsureRevision("web-r"))

    @property
    def set(self) -> ScaleSet:
        found = self.caches.scale_sets.get(("default", "web"))
        assert found is not None
        return found

    def do(self, *todo: do.Action) -> Outcome:
        return asyncio.run(self.executor.execute(todo, self.set, self.memory, self.cluster.clock.now()))

    def create(self, *ordinals: int) -> None:
        self.do(*(do.CreateInstance(o, PAIR, "Repair", "why") for o in ordinals))

    def run(self) -> str:
        made = self.server.create(UPGRADE_RUNS, "default", upgrade_run("up"))
        self.caches.runs.apply(made)
        return "up"

    def budget(self, name: str) -> None:
        spec = {"maxUnavailable": 0, "selector": {"matchLabels": {"app": "web"}}}
        body = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}
        self.server.create(BUDGETS, "default", body)

    def settled(self) -> None:
        self.cluster.advance(10)
        for pod in self.cluster.pods().values():
            self.caches.pods.apply(pod)

    def uid(self, ordinal: int) -> str:
        return str(self.cluster.pods()[f"web-{ordinal}"]["metadata"]["uid"])


def reasons(world: World) -> dict[int, str]:
    return {ordinal: refusal.reason for ordinal, refusal in world.memory.refusals.items()}


def test_the_answer_of_a_create_is_in_the_cache_at_once() -> None:
    world = World()
    world.create(0)
    assert world.caches.pods.get(("default", "web-0")) is not None


def test_i8_a_pod_of_ours_that_is_there_is_as_good_as_made() -> None:
    world, uid = World(), ""
    world.create(0)
    uid = world.uid(0)
    world.caches.pods.remove_key(("default", "web-0"), "not it")
    world.create(0)
    assert world.uid(0) == uid
    assert reasons(world) == {}


def test_i2_a_strangers_pod_is_never_touched() -> None:
    world = World()
    body = {"metadata": {"name": "web-0"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    world.server.create(PODS, "default", body)
    uid = world.uid(0)
    world.create(0)
    assert world.uid(0) == uid
    assert reasons(world) == {0: Failure.NAME_TAKEN}
    assert "web-0 exists and is not this scale set's" in world.memory.refusals[0].message


def test_i2_a_strangers_pod_does_not_keep_the_others_away() -> None:
    world = World()
    body = {"metadata": {"name": "web-0"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
    world.server.create(PODS, "default", body)
    world.create(0, 1, 2)
    assert reasons(world) == {0: Failure.NAME_TAKEN}


TRIES = {
    "H5 full: one try": (0, 1),
    "H5 it begins slowly": (2, 3),
    "H5 one, two, four": (7, 8),
    "H5 room for all": (8, 8),
}


@pytest.mark.parametrize(("room", "tries"), TRIES.values(), ids=TRIES)
def test_where_the_first_creates_are_refused_the_others_are_not_tried(room: int, tries: int) -> None:
    world, tried = World(), list[str]()
    world.server.admission.append(lambda review: tried.append(review.object["metadata"]["name"]))
    world.server.admission.reverse()
    world.cluster.quota.hard["default"] = room
    world.create(*range(8))
    assert len(world.cluster.pods()) == room
    assert len(tried) == tries
    assert (min(reasons(world)) == room) if room < 8 else (reasons(world) == {})
    assert set(reasons(world).values()) <= {Failure.QUOTA_EXCEEDED}


@pytest.mark.parametrize(("verdict", "reason"), [("Invalid", Failure.INVALID), ("Forbidden", Failure.FORBIDDEN)])
def test_h5_a_refused_pod_says_why(verdict: str, reason: Failure) -> None:
    world = World()
    world.cluster.refused_images.images[PAIR.image] = verdict
    world.create(0)
    assert reasons(world) == {0: reason}
    world.cluster.refused_images.images.clear()
    world.create(0)
    assert reasons(world) == {}


def evict(world: World, *ordinals: int) -> None:
    world.do(*(do.EvictInstance(o, world.uid(o), "run/1/Forward", "why") for o in ordinals))


def test_b12_an_evicted_pod_counts_as_terminating_before_the_cache_knows() -> None:
    world = World()
    world.create(0)
    world.settled()
    uid = world.uid(0)
    evict(world, 0)
    assert world.memory.taken_down == {uid}


REFUSED: dict[str, tuple[Sequence[str], str]] = {
    "B12 one budget": (["b1"], "The disruption budget b1 needs"),
    "B12 two budgets": (["b1", "b2"], "several PodDisruptionBudgets cover it (b1, b2)"),
}


@pytest.mark.parametrize(("budgets", "said"), REFUSED.values(), ids=REFUSED)
def test_a_budget_refuses(budgets: Sequence[str], said: str) -> None:
    world = World()
    world.create(0)
    for name in budgets:
        world.budget(name)
    world.settled()
    evict(world, 0)
    assert reasons(world) == {0: "EvictionRefused"}
    assert said in world.memory.refusals[0].message
    assert "deletionTimestamp" not in world.cluster.pods()["web-0"]["metadata"]


@pytest.mark.parametrize("action", [do.EvictInstance, do.DeleteInstance], ids=["I2 evict", "I2 delete"])
def test_only_that_very_pod_is_taken_down(action: Callable[[int, str, str, str], do.Action]) -> None:
    world = World()
    world.create(0)
    world.settled()
    world.do(action(0, "of an earlier pod", "run/1/Forward", "why"))
    world.do(action(7, "of no pod", "run/1/Forward", "why"))
    assert "deletionTimestamp" not in world.cluster.pods()["web-0"]["metadata"]
    assert world.memory.taken_down == set()


@pytest.mark.parametrize("action", [do.EvictInstance, do.DeleteInstance], ids=["I8 evict", "I8 delete"])
@pytest.mark.parametrize("again", [False, True])
def test_a_pod_that_is_gone_is_not_taken_down_again_and_again(
    action: Callable[[int, str, str, str], do.Action], again: bool
) -> None:
    """I8: the cache is late, and would tell so until the watch brings the news."""
    world = World()
    world.create(0)
    world.settled()
    old = world.uid(0)
    world.cluster.kubelet.vanish("default", "web-0")
    if again:
        body = {"metadata": {"name": "web-0"}, "spec": {"containers": [{"name": "x", "image": "x"}]}}
        world.server.create(PODS, "default", body)
    world.do(action(0, old, "run/1/Forward", "why"))
    assert world.caches.pods.uid(("default", "web-0")) == (world.uid(0) if again else None)


def test_i9_a_write_under_an_old_version_raises_and_nothing_follows() -> None:
    world = World()
    world.server.merge_patch(SCALE_SETS, "default", "web", {"spec": {"replicas": 9}})
    status = world.set.status.model_copy(update={"active_run_name": "up"})
    with pytest.raises(Conflict):
        world.do(do.WriteSet(status, urgent=True), do.CreateInstance(0, PAIR, "Repair", "why"))
    assert world.cluster.pods() == {}


def test_i9_the_decision_is_written_before_the_act_whatever_the_order() -> None:
    world = World()
    status = world.set.status.model_copy(update={"active_run_name": "up"})
    world.do(do.CreateInstance(0, PAIR, "Repair", "why"), do.WriteSet(status, urgent=True))
    made = int(world.cluster.pods()["web-0"]["metadata"]["resourceVersion"])
    written = int(world.server.get(SCALE_SETS, "default", "web")["metadata"]["resourceVersion"])
    assert written < made


def test_counts_are_written_every_few_seconds_only() -> None:
    world = World()

    def write(ready: int, *, urgent: bool = False) -> Outcome:
        status = world.set.status.model_copy(update={"ready_replicas": ready})
        return world.do(do.WriteSet(status, urgent=urgent))

    first, second = write(1), write(2)
    assert (first.acted, second.acted) == (True, False)
    assert second.due is not None
    assert (second.due - world.cluster.clock.now()).total_seconds() == 5
    assert write(3, urgent=True).acted
    world.cluster.advance(5)
    assert write(4).acted


def test_i7_a_status_that_is_as_it_was_is_not_written() -> None:
    world = World()
    status = world.set.status.model_copy(update={"ready_replicas": 1})
    assert world.do(do.WriteSet(status, urgent=True)).acted
    assert not world.do(do.WriteSet(world.set.status, urgent=True)).acted


def test_m2_a_revision_that_is_there_already_is_taken_as_it_is() -> None:
    world = World()
    world.do(do.EnsureRevision("web-r"))
    found = world.server.list(CONTROLLER_REVISIONS, "default").items
    assert [(r["metadata"]["name"], r["revision"]) for r in found] == [("web-r", 1)]
    world.do(do.DeleteRevision("web-r"), do.DeleteRevision("web-gone"))
    assert world.server.list(CONTROLLER_REVISIONS, "default").items == ()


def test_f7_finalizers_come_and_go() -> None:
    world = World()
    name = world.run()
    world.do(do.AddRunFinalizer(name))
    world.server.delete(UPGRADE_RUNS, "default", name)
    world.caches.runs.apply(world.server.get(UPGRADE_RUNS, "default", name))
    world.do(do.RemoveRunFinalizer(name))
    with pytest.raises(NotFound):
        world.server.get(UPGRADE_RUNS, "default", name)
    assert world.caches.runs.get(("default", name)) is None


def test_f8_a_run_of_that_name_is_not_taken_for_a_new_one() -> None:
    world = World()
    create = do.CreateRun("web-1-1-0-x", "OSImage", "1.1.0", "Automatic", 1, "why")
    assert world.do(create).acted
    with pytest.raises(Conflict):
        world.do(create)


DRY: dict[str, tuple[str | None, str]] = {
    "M3 accepted": (None, "Accepted"),
    "M3 refused": ("Invalid", "Invalid"),
    "M3 not now": ("Forbidden", "Forbidden"),
}


@pytest.mark.parametrize(("refusal", "verdict"), DRY.values(), ids=DRY)
def test_dry_run(refusal: str | None, verdict: str) -> None:
    world = World()
    if refusal is not None:
        world.cluster.refused_images.images[PAIR.image] = refusal
    world.do(do.DryRunPod(PAIR))
    found = world.memory.dry_runs[PAIR]
    assert found.verdict == verdict
    assert (found.retry_at is not None) is (verdict == "Forbidden")
    assert world.cluster.pods() == {}


def test_i3_claims_are_made_with_the_pod_and_kept_for_the_next() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    world = World()
    spec = {"volumeClaimTemplates": [claim]}
    world.caches.scale_sets.apply(world.server.merge_patch(SCALE_SETS, "default", "web", {"spec": spec}))
    world.create(0)
    view = world.caches.claims.get(("default", "data-web-0"))
    assert view is not None
    assert (view.ordinal, view.image_version) == (0, "1.0.0")
    world.settled()
    world.do(do.DeleteInstance(0, world.uid(0), "ScaleIn", "why"))
    assert world.caches.claims.get(("default", "data-web-0")) == view


UPGRADED = Pair("1.1.0", reference("1.1.0"), "web-r")


def swap(world: World, *ordinals: int, budgets: bool = True, uid: str | None = None) -> None:
    mark = "up/1/Forward"
    world.do(*(do.SwapImage(o, uid or world.uid(o), UPGRADED, mark, "why", held_to_budgets=budgets) for o in ordinals))


def versions(world: World) -> dict[str, str]:
    return {
        name: pod["metadata"]["labels"]["rollkeeper.io/image-version"] for name, pod in world.cluster.pods().items()
    }


def running(*ordinals: int) -> World:
    world = World()
    world.create(*ordinals)
    world.settled()
    return world


def test_an_image_changed_in_place_leaves_the_pod_where_it_is() -> None:
    world = running(0)
    uid = world.uid(0)
    swap(world, 0)
    pod = world.cluster.pods()["web-0"]
    assert (pod["metadata"]["uid"], pod["spec"]["containers"][0]["image"]) == (uid, UPGRADED.image)
    view = world.caches.pods.get(("default", "web-0"))
    assert view is not None
    assert (view.instance.pair, view.instance.made_by) == (UPGRADED, "up/1/Forward")
    assert (view.instance.swapping, view.instance.running) == (True, False), (
        "B5: the old container is not to be believed"
    )


def test_i2_another_pod_of_that_name_is_not_changed() -> None:
    world = running(0)
    swap(world, 0, uid="of an earlier pod")
    assert versions(world) == {"web-0": "1.0.0"}


def test_i8_a_pod_that_has_changed_meanwhile_is_read_again() -> None:
    """Another container may have been started since: it would be taken for the new one."""
    world = running(0)
    labels = {"metadata": {"labels": {"by": "somebody"}}}
    late = int(world.server.merge_patch(PODS, "default", "web-0", labels)["metadata"]["resourceVersion"])
    swap(world, 0)
    assert versions(world) == {"web-0": "1.0.0"}
    assert world.caches.pods.version(("default", "web-0")) == late
    swap(world, 0)
    assert versions(world) == {"web-0": "1.1.0"}


def test_i8_a_pod_that_is_gone_is_forgotten() -> None:
    world = running(0)
    uid = world.uid(0)
    world.cluster.kubelet.vanish("default", "web-0")
    swap(world, 0, uid=uid)
    assert world.caches.pods.get(("default", "web-0")) is None


@pytest.mark.parametrize(("budgets", "said"), REFUSED.values(), ids=REFUSED)
def test_a_budget_keeps_an_image(budgets: Sequence[str], said: str) -> None:
    world = running(0)
    for name in budgets:
        world.budget(name)
    world.settled()
    swap(world, 0)
    assert versions(world) == {"web-0": "1.0.0"}
    assert reasons(world) == {0: "EvictionRefused"}
    assert said in world.memory.refusals[0].message
    swap(world, 0, budgets=False)
    assert versions(world) == {"web-0": "1.1.0"}, "B12: what is put back is not kept"
    assert reasons(world) == {}


def test_b12_a_dry_run_takes_nothing_so_what_is_under_way_counts() -> None:
    world = running(0, 1, 2)
    spec = {"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}
    world.server.create(BUDGETS, "default", {"metadata": {"name": "one"}, "spec": spec})
    world.settled()
    swap(world, 0, 1, 2)
    swap(world, 1, 2)
    assert sorted(versions(world).values()) == ["1.0.0", "1.0.0", "1.1.0"]
    world.settled()
    swap(world, 1, 2)
    assert sorted(versions(world).values()) == ["1.0.0", "1.1.0", "1.1.0"]


def test_f4_claims_carry_the_version_of_what_is_on_them() -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    world = World()
    spec = {"volumeClaimTemplates": [claim]}
    world.caches.scale_sets.apply(world.server.merge_patch(SCALE_SETS, "default", "web", {"spec": spec}))
    world.create(0)
    world.settled()
    swap(world, 0)
    view = world.caches.claims.get(("default", "data-web-0"))
    assert view is not None
    assert view.image_version == "1.1.0"


def test_h5_a_refused_change_says_why() -> None:
    world = running(0)
    world.cluster.refused_images.images[UPGRADED.image] = "Forbidden"
    swap(world, 0)
    assert reasons(world) == {0: "SwapRefused"}
    assert versions(world) == {"web-0": "1.0.0"}
