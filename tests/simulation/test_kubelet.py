"""How pods come up, fail and go in the simulation."""

import math

import pytest

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import CLAIMS, PODS
from tests.simulation import images
from tests.simulation.cluster import Cluster
from tests.simulation.kubelet import Timings
from tests.simulation.objects import condition, is_true

IMAGE = "registry.test:5000/os:1"


def pod(name: str = "web-0", image: str = IMAGE, **spec: object) -> JsonObject:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "os", "image": image}], **spec}}


def started(cluster: Cluster, body: JsonObject | None = None) -> None:
    cluster.server.create(PODS, "default", body or pod())
    cluster.advance(0)


def stored(cluster: Cluster, name: str = "web-0") -> JsonObject:
    return cluster.pods()[name]


def container(cluster: Cluster, name: str = "web-0") -> JsonObject:
    found: JsonObject = stored(cluster, name)["status"]["containerStatuses"][0]
    return found


def ready(cluster: Cluster, name: str = "web-0") -> bool:
    return is_true(stored(cluster, name), "Ready")


def since(cluster: Cluster, kind: str) -> str:
    found = condition(stored(cluster), kind)
    assert found is not None
    return str(found["lastTransitionTime"])


def test_a_healthy_pod() -> None:
    cluster = Cluster(images=images.Images(images.healthy(start=1.5, ready=2)))
    started(cluster)
    assert stored(cluster)["status"]["phase"] == "Pending"
    assert container(cluster)["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert (container(cluster)["imageID"], container(cluster)["started"]) == ("", False)
    cluster.advance(1.5)
    assert stored(cluster)["status"]["phase"] == "Running"
    assert container(cluster)["state"] == {"running": {"startedAt": "2026-01-01T00:00:01Z"}}
    assert container(cluster)["imageID"].startswith("registry.test:5000/os@sha256:")
    unready = condition(stored(cluster), "Ready")
    assert unready is not None
    assert (unready["status"], unready["reason"]) == ("False", "ContainersNotReady")
    assert unready["message"] == "containers with unready status: [os]"
    cluster.advance(2)
    assert ready(cluster)
    assert since(cluster, "Ready") == "2026-01-01T00:00:03Z"
    assert since(cluster, "PodScheduled") == "2026-01-01T00:00:00Z"


def test_an_image_that_never_gets_ready() -> None:
    cluster = Cluster(images=images.Images(images.never_ready()))
    started(cluster)
    cluster.advance(3600)
    assert stored(cluster)["status"]["phase"] == "Running"
    assert not ready(cluster)


def test_an_image_that_can_not_be_pulled() -> None:
    cluster = Cluster(images=images.Images(images.image_pull_backoff(2, message="404 Not Found")))
    started(cluster)
    cluster.advance(2)
    assert container(cluster)["state"]["waiting"]["reason"] == "ErrImagePull"
    cluster.advance(2)
    waiting = container(cluster)["state"]["waiting"]
    assert waiting["reason"] == "ImagePullBackOff"
    assert waiting["message"].startswith(f'Back-off pulling image "{IMAGE}": ErrImagePull')
    assert waiting["message"].endswith("404 Not Found")
    assert stored(cluster)["status"]["phase"] == "Pending"
    assert container(cluster)["imageID"] == ""


def test_a_crash_loop_waits_longer_each_time() -> None:
    cluster = Cluster(images=images.Images(images.crash_loop(start=1, runs=1, exit_code=3)))
    started(cluster)
    cluster.advance(2)
    found = container(cluster)
    assert found["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert found["state"]["waiting"]["message"].startswith("back-off 10s restarting failed container=os pod=web-0_")
    ended = found["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], ended["finishedAt"]) == (3, "Error", "2026-01-01T00:00:02Z")
    assert (found["restartCount"], stored(cluster)["status"]["phase"]) == (0, "Running")
    cluster.advance(10)
    assert container(cluster)["state"] == {"running": {"startedAt": "2026-01-01T00:00:12Z"}}
    assert container(cluster)["restartCount"] == 1
    cluster.advance(1)
    assert "back-off 20s" in container(cluster)["state"]["waiting"]["message"]
    cluster.advance(3600)
    assert "back-off 300s" in container(cluster)["state"]["waiting"]["message"]
    assert not ready(cluster)


def test_a_relapse() -> None:
    cluster = Cluster(images=images.Images(images.ready_then_unready(1, 1, after=30, back=60)))
    started(cluster)
    cluster.advance(2)
    assert ready(cluster)
    cluster.advance(30)
    assert not ready(cluster)
    assert since(cluster, "Ready") == "2026-01-01T00:00:32Z"
    cluster.advance(60)
    assert ready(cluster)


def test_an_image_may_behave_otherwise_in_some_pods() -> None:
    cluster = Cluster()
    cluster.images.set(IMAGE, images.never_ready(), pods={"web-1"})
    for number in range(3):
        started(cluster, pod(f"web-{number}"))
    cluster.advance(10)
    assert [ready(cluster, f"web-{number}") for number in range(3)] == [True, False, True]


def test_readiness_as_a_test_says() -> None:
    cluster = Cluster()
    started(cluster)
    cluster.advance(5)
    cluster.kubelet.set_ready("default", "web-0", ready=False)
    assert not ready(cluster)
    cluster.kubelet.set_ready("default", "web-0", ready=None)
    assert ready(cluster)


def test_readiness_gates() -> None:
    cluster = Cluster()
    started(cluster, pod(readinessGates=[{"conditionType": "rollkeeper.io/healthy"}]))
    cluster.advance(5)
    closed = condition(stored(cluster), "Ready")
    assert closed is not None
    assert closed["reason"] == "ReadinessGatesNotReady"
    conditions = [*stored(cluster)["status"]["conditions"], {"type": "rollkeeper.io/healthy", "status": "True"}]
    body = {"status": {"conditions": conditions}}
    cluster.server.merge_patch(PODS, "default", "web-0", body, subresource="status")
    cluster.advance(0)
    assert ready(cluster)
    assert is_true(stored(cluster), "rollkeeper.io/healthy")


def test_an_image_changed_in_place() -> None:
    """Until the swap the pod reports ready, with the old image: the trap of in-place upgrades."""
    cluster = Cluster(timings=Timings(swap=1))
    started(cluster)
    cluster.advance(5)
    before = container(cluster)
    containers = [{**stored(cluster)["spec"]["containers"][0], "image": "registry.test/os:2"}]
    cluster.server.merge_patch(PODS, "default", "web-0", {"spec": {"containers": containers}})
    cluster.advance(1.5)
    assert ready(cluster)
    assert container(cluster) == before
    cluster.advance(0.5)
    assert not ready(cluster)
    cluster.advance(3)
    after = container(cluster)
    assert ready(cluster)
    assert (after["image"], after["restartCount"]) == ("registry.test/os:2", 1)
    assert after["imageID"] != before["imageID"]
    assert after["containerID"] != before["containerID"]
    assert after["lastState"]["terminated"]["containerID"] == before["containerID"]
    assert stored(cluster)["spec"]["nodeName"]


def test_an_image_changed_in_place_to_a_bad_one() -> None:
    cluster = Cluster()
    cluster.images.set("bad", images.image_pull_backoff())
    started(cluster)
    cluster.advance(5)
    before = container(cluster)
    containers = [{**stored(cluster)["spec"]["containers"][0], "image": "bad"}]
    cluster.server.merge_patch(PODS, "default", "web-0", {"spec": {"containers": containers}})
    cluster.advance(10)
    assert container(cluster)["state"]["waiting"]["reason"] == "ImagePullBackOff"
    assert container(cluster)["imageID"] == before["imageID"]
    assert not ready(cluster)
    assert stored(cluster)["status"]["phase"] == "Running"


def test_a_deleted_pod_says_how_it_ended_and_goes() -> None:
    cluster = Cluster(images=images.Images(images.healthy(termination=5)))
    started(cluster)
    cluster.advance(5)
    version = cluster.server.list(PODS).resource_version
    cluster.server.delete(PODS, "default", "web-0")
    cluster.advance(4)
    assert stored(cluster)["metadata"]["deletionTimestamp"] == "2026-01-01T00:00:35Z"
    assert ready(cluster)
    cluster.advance(1)
    assert cluster.pods() == {}
    events = cluster.api.events_since(PODS, version)
    assert [event.type for event in events] == ["MODIFIED", "MODIFIED", "DELETED"]
    assert events[1].object["status"]["phase"] == "Failed"


def test_a_pod_that_does_not_end() -> None:
    cluster = Cluster(images=images.Images(images.healthy(termination=math.inf)))
    started(cluster)
    cluster.server.delete(PODS, "default", "web-0")
    cluster.advance(86400)
    assert "deletionTimestamp" in stored(cluster)["metadata"]
    cluster.kubelet.vanish("default", "web-0")
    assert cluster.pods() == {}


def test_a_pod_thrown_out_by_its_node() -> None:
    cluster = Cluster()
    started(cluster)
    cluster.advance(5)
    cluster.kubelet.fail_pod("default", "web-0", "Evicted", "The node was low on memory.")
    cluster.advance(60)
    status = stored(cluster)["status"]
    assert (status["phase"], status["reason"], ready(cluster)) == ("Failed", "Evicted", False)
    assert cluster.server.delete(PODS, "default", "web-0") is None


@pytest.mark.parametrize("restart_policy", ["Always", "Never"])
def test_init_containers_and_sidecars(restart_policy: str) -> None:
    cluster = Cluster()
    init = [{"name": "task", "image": "t"}, {"name": "service", "image": "s", "restartPolicy": "Always"}]
    started(cluster, pod(initContainers=init, restartPolicy=restart_policy))
    cluster.advance(5)
    task, service = stored(cluster)["status"]["initContainerStatuses"]
    assert task["state"]["terminated"]["reason"] == "Completed"
    assert (service["started"], "running" in service["state"]) == (True, True)
    assert ready(cluster)


def test_a_pod_waits_for_its_claims() -> None:
    cluster = Cluster()
    volume = {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-0"}}
    started(cluster, pod(volumes=[volume]))
    scheduled = condition(stored(cluster), "PodScheduled")
    assert scheduled is not None
    assert scheduled["message"] == 'persistentvolumeclaim "data-web-0" not found'
    cluster.server.create(CLAIMS, "default", {"metadata": {"name": "data-web-0"}, "spec": {}})
    cluster.advance(5)
    assert ready(cluster)
    assert cluster.server.get(CLAIMS, "default", "data-web-0")["status"]["phase"] == "Bound"


def test_a_claim_that_goes_is_not_used() -> None:
    cluster = Cluster()
    claim = {"metadata": {"name": "data", "finalizers": ["rollkeeper.io/test"]}, "spec": {}}
    cluster.server.create(CLAIMS, "default", claim)
    cluster.server.delete(CLAIMS, "default", "data")
    started(cluster, pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]))
    scheduled = condition(stored(cluster), "PodScheduled")
    assert scheduled is not None
    assert scheduled["message"] == 'persistentvolumeclaim "data" is being deleted'


def test_a_swapped_container_forgets_what_the_old_image_was_about_to_do() -> None:
    cluster = Cluster()
    cluster.images.set(IMAGE, images.ready_then_unready(1, 1, after=10))
    started(cluster)
    cluster.advance(5)
    containers = [{**stored(cluster)["spec"]["containers"][0], "image": "registry.test/os:2"}]
    cluster.server.merge_patch(PODS, "default", "web-0", {"spec": {"containers": containers}})
    cluster.advance(60)
    assert ready(cluster)
    assert container(cluster)["restartCount"] == 1
