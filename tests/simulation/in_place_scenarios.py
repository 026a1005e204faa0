"""Golden logs of images changed in place, and of where that is not possible (`replacementMethod`)."""

from typing import Any

from rollkeeper.instances.pod_view import read_pod
from rollkeeper.kube.resources import BUDGETS, PODS
from tests.simulation.images import completes, crash_loop, healthy, image_pull_backoff
from tests.simulation.objects_of_ours import scale_set as manifest
from tests.simulation.provisioning_scenarios import AGENT, script, task
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario
from tests.simulation.store import Change

JsonMap = dict[str, Any]
DISK: JsonMap = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}


def in_place(replicas: int = 5, **spec: Any) -> Rollout:
    """A set that is proven at 1.0.0, and whose pods are to stay."""
    rollout = proven(replicas, spec=spec)
    rollout.patch_set({"upgradePolicy": {"replacementMethod": "InPlaceIfPossible"}}, "InPlaceIfPossible")
    return rollout


def pods(rollout: Rollout) -> dict[str, str]:
    """Which pod stands for each instance."""
    return {name: pod["metadata"]["uid"] for name, pod in rollout.cluster.pods().items()}


@scenario
def in_place_rollout() -> Rollout:
    """B5: one patch an instance. It counts when a container with the new image is ready, not when the pod says so."""
    rollout = in_place(volumeClaimTemplates=[{"metadata": {"name": "data"}, "spec": DISK}])
    before = pods(rollout)
    rollout.publish("1.1.0", healthy(3, 2))
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    assert pods(rollout) == before, "the pods stay"
    return rollout


@scenario
def in_place_put_back() -> Rollout:
    """H3, B12: what was changed in place is put back in place, and no budget keeps it."""
    rollout = in_place()
    before = pods(rollout)
    rollout.publish("1.1.0", image_pull_backoff())
    rollout.run(lambda: "1.1.0" in rollout.versions())
    rollout.refuse_evictions(0)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    assert pods(rollout) == before, "the pods stay"
    return rollout


@scenario
def in_place_crash_loop() -> Rollout:
    """H2, H5: the old container's end is no crash; those of the new one are, and its clocks run from the change."""
    rollout = in_place()
    rollout.publish("1.1.0", crash_loop(1, 2, ready=True, exit_code=3))
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def in_place_with_custom_data() -> Rollout:
    """E2, H2: custom data runs again in the new container, on the first clock; till then the pod claims to be ready."""
    rollout = in_place(3, customData={"inline": "sleep 40"})
    before = pods(rollout)
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    assert pods(rollout) == before, "the pods stay"
    return rollout


@scenario
def in_place_not_with_tasks() -> Rollout:
    """E1: Task extensions run in new pods only, and the batch says so; Scripts don't mind."""
    rollout = in_place(3, extensions=[task("agent", AGENT), script("tools", "sleep 2")])
    rollout.cluster.images.set(AGENT, completes(3))
    rollout.publish("1.1.0")
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def in_place_not_for_models() -> Rollout:
    """M1, B5: a pod can't be given another model, so it is a new one; the next image is changed in place again."""
    rollout = in_place(3)
    template = manifest(1)["spec"]["template"]
    template["spec"]["containers"][0]["env"] = [{"name": "MODE", "value": "fast"}]
    rollout.patch_set({"template": template}, "another variable")
    rollout.run(ended(rollout))
    before = pods(rollout)
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    assert pods(rollout) == before, "the pods stay"
    return rollout


@scenario
def in_place_kept_by_a_budget() -> Rollout:
    """B12, B13: a budget that would refuse the eviction keeps the image as well, and the run says which."""
    rollout = in_place()
    rollout.refuse_evictions(2)
    rollout.publish("1.1.0")
    rollout.run(lambda: "web-2 can't be replaced" in rollout.last_run().get("status", {}).get("message", ""))
    rollout.run_for(20)
    rollout.delete_budget()
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout


@scenario
def in_place_within_a_budget() -> Rollout:
    """B12: a budget that allows one at a time is kept, though a pod counts as healthy until its kubelet says more."""
    rollout = proven(10, rolling={"maxBatchInstancePercent": 30})
    rollout.patch_set({"upgradePolicy": {"replacementMethod": "InPlaceIfPossible"}}, "InPlaceIfPossible")
    budget = {"minAvailable": 9, "selector": {"matchLabels": {"app": "web"}}}
    rollout.server.create(BUDGETS, "default", {"metadata": {"name": "nine"}, "spec": budget})
    rollout.say("user makes PodDisruptionBudget nine: 9 of 10 must be there")
    most = 0

    def count(change: Change) -> None:
        nonlocal most
        if change.resource == PODS:
            views = (read_pod(pod, None).instance for pod in rollout.cluster.pods().values())
            most = max(most, sum(1 for instance in views if not (instance.running and instance.ready)))

    rollout.server.store.subscribe(count)
    rollout.publish("1.1.0", healthy(3, 2))
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    assert most == 1, f"the budget allows one, {most} were down"
    return rollout


@scenario
def in_place_of_an_unhealthy_instance() -> Rollout:
    """B3, B12: an instance that was unhealthy before is changed in place like the others; no budget keeps it."""
    rollout = in_place()
    rollout.set_ready(1, False)
    rollout.run_for(2)
    rollout.refuse_evictions(1)
    rollout.publish("1.1.0")
    rollout.run_for(8)
    rollout.set_ready(1, None)
    rollout.run(ended(rollout))
    rollout.run_until_quiet()
    return rollout
