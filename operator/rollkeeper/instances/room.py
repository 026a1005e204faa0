"""Whether an image may be changed in place now: held to the same disruption budgets as evictions are (B12).

Nothing in Kubernetes asks a budget about that: only an eviction takes from one. So the API server is asked whether it
would evict the pod (a dry run), which is its own judgement and its own words, webhooks and all. But a dry run takes
nothing: asked for each of a hundred pods it says yes a hundred times. And a pod whose image was just changed counts as
healthy until its kubelet tells otherwise. So what is under way is taken off what a budget allows, whoever's it is.

What is left open: an eviction by somebody else in the moment between our change and the kubelet's word of it. Budgets
know no reservation but an eviction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rollkeeper.api.v1alpha1 import names
from rollkeeper.instances.pod_view import read_pod
from rollkeeper.kube.api import JsonObject, KubeApi
from rollkeeper.kube.resources import BUDGETS, PODS
from rollkeeper.kube.selectors import matches


@dataclass(frozen=True, slots=True)
class Covered:
    """A pod, as far as budgets care."""

    labels: Mapping[str, str]
    ready: bool
    under_way: bool
    """Its image was changed in place, and its budget may not have been told."""


@dataclass
class Room:
    """What the budgets of a namespace leave; each change takes from it first, so they may be made side by side."""

    budgets: Sequence[JsonObject]
    pods: Mapping[str, Covered]
    _taken: dict[str, int] = field(default_factory=dict)

    def covering(self, pod: str) -> list[str]:
        """The names of the budgets over a pod."""
        found = self.pods.get(pod)
        if found is None:
            return []
        return [b["metadata"]["name"] for b in self.budgets if matches(b["spec"].get("selector"), found.labels)]

    def take(self, pod: str) -> str:
        """Takes one disruption from each budget over a pod. Returns the sentence of the first that has none left."""
        if not self.pods[pod].ready:
            return ""  # budgets don't count it
        covering = self.covering(pod)
        refusals = (self._refusal(budget) for budget in self.budgets if budget["metadata"]["name"] in covering)
        refusal = next((sentence for sentence in refusals if sentence), "")
        if not refusal:
            for name in covering:
                self._taken[name] = self._taken.get(name, 0) + 1
        return refusal

    def _refusal(self, budget: JsonObject) -> str:
        name, selector = budget["metadata"]["name"], budget["spec"].get("selector")
        allowed = budget.get("status", {}).get("disruptionsAllowed", 0)
        under_way = sum(1 for pod in self.pods.values() if pod.under_way and matches(selector, pod.labels))
        under_way += self._taken.get(name, 0)
        if under_way < allowed:
            return ""
        return f"{under_way} of the {allowed} disruptions that the disruption budget {name} allows are under way"


async def survey(api: KubeApi, namespace: str) -> Room:
    """Looks at the budgets of a namespace, and at our pods if there are any. Raises ApiError.

    The budgets that count are read after the pods: what a pod tells has reached its budget then, and not before.
    """
    if not (await api.list(BUDGETS, namespace)).items:
        return Room((), {})
    pods = await api.list(PODS, namespace, label_selector=names.LABEL_SCALE_SET)
    covered = {raw["metadata"]["name"]: _covered(raw) for raw in pods.items}
    return Room((await api.list(BUDGETS, namespace)).items, covered)


def _covered(raw: JsonObject) -> Covered:
    instance = read_pod(raw, None).instance
    # Where something is wrong with the new container its kubelet has told of it, and the budget counts it as down.
    under_way = instance.swapping and instance.problem is None
    return Covered(raw["metadata"].get("labels") or {}, instance.ready, under_way)
