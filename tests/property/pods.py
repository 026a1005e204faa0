"""Instances that are pods: what their owners do with them, and what happens to them, their nodes and zones."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import BUDGETS, PODS
from tests.property.users import ORDINALS, tolerant
from tests.property.world import BEHAVIOURS, ZONES, World
from tests.simulation.images import crash_loop, healthy, image_pull_backoff, never_ready, ready_then_unready
from tests.simulation.objects_of_ours import scale_set

METHODS = st.sampled_from(["Recreate", "InPlaceIfPossible", "InPlaceIfPossible"])
_BEHAVIOURS = dict(
    zip(
        BEHAVIOURS,
        (
            healthy(1, 1),
            healthy(10, 10),
            never_ready(),
            crash_loop(),
            image_pull_backoff(),
            ready_then_unready(1, 1, after=20, back=40),
        ),
        strict=True,
    )
)
_SIDECAR = "registry.example/sidecar"


class PodWorld(World):
    """A set of pods."""

    def __init__(self, replicas: int) -> None:
        super().__init__(replicas)
        self.cluster.images.set(f"{_SIDECAR}:bad", never_ready())

    def instances(self) -> dict[str, JsonObject]:
        return self.cluster.pods()

    def publish_as(self, version: str, behaviour: str) -> None:
        self.publish(version, _BEHAVIOURS[behaviour])

    def change_model(self, word: str) -> None:
        template = scale_set(1)["spec"]["template"]
        template["spec"]["containers"].append({"name": "sidecar", "image": f"{_SIDECAR}:{word}"})
        self.patch_set({"template": template}, f"the sidecar is {word}")

    def vanish(self, ordinal: int) -> None:
        self.delete_pod(ordinal)

    def free_instances(self) -> None:
        """Nothing protects pods, keeps them from going, or says that they are not ready."""
        for budget in self.server.store.items(BUDGETS, "default"):
            self.server.delete(BUDGETS, "default", budget["metadata"]["name"])
        for number in range(len(ZONES)):
            self.cluster.kubelet.recover_node(f"node-{number}")
        for name, pod in list(self.cluster.pods().items()):
            self.cluster.kubelet.set_ready("default", name, None)
            change = {"labels": {"rollkeeper.io/protect-from-upgrade": None}, "finalizers": None}
            if pod["metadata"].get("finalizers") or "rollkeeper.io/protect-from-upgrade" in pod["metadata"]["labels"]:
                self.server.merge_patch(PODS, "default", name, {"metadata": change})

    def lose_zone(self, zone: str, *, lost: bool) -> None:
        """All its nodes fail, or come back."""
        for number, there in enumerate(ZONES):
            if there == zone:
                (self.lose_node if lost else self.recover_node)(f"node-{number}")


class Pods(RuleBasedStateMachine):
    """Pods flap and stick, nodes and zones fail, budgets refuse evictions; images may be changed in place."""

    world: PodWorld

    @rule(method=METHODS)
    def change_method(self, method: str) -> None:
        self.world.patch_set({"upgradePolicy": {"replacementMethod": method}})

    @rule(ordinal=ORDINALS)
    def refuse_evictions(self, ordinal: int) -> None:
        tolerant(self.world.refuse_evictions, ordinal)

    @rule()
    def allow_evictions(self) -> None:
        tolerant(self.world.delete_budget)

    @rule(ordinal=ORDINALS, ready=st.sampled_from([False, None]))
    def flap(self, ordinal: int, ready: bool | None) -> None:
        if self.world.has(ordinal):
            self.world.set_ready(ordinal, ready)

    @rule(ordinal=ORDINALS, stuck=st.booleans())
    def stick(self, ordinal: int, stuck: bool) -> None:
        pod = self.world.instances().get(f"web-{ordinal}")
        if pod is not None and not (stuck and "deletionTimestamp" in pod["metadata"]):
            self.world.stick(ordinal, stuck=stuck)

    @rule(node=st.integers(0, len(ZONES) - 1), lost=st.booleans())
    def node(self, node: int, lost: bool) -> None:
        (self.world.lose_node if lost else self.world.recover_node)(f"node-{node}")

    @rule(zone=st.sampled_from("abc"), lost=st.booleans())
    def zone(self, zone: str, lost: bool) -> None:
        self.world.lose_zone(zone, lost=lost)
