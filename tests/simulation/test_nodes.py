"""Nodes: zones, room, silence; quotas."""

from collections import Counter

import pytest

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.errors import Forbidden, Invalid
from rollkeeper.kube.resources import NODES, PODS
from tests.simulation.admission import REFUSE
from tests.simulation.cluster import Cluster
from tests.simulation.nodes import ZONE
from tests.simulation.objects import condition, is_true


def create(cluster: Cluster, number: int, image: str = "os:1", **metadata: object) -> None:
    body = {
        "metadata": {"name": f"web-{number}", **metadata},
        "spec": {"containers": [{"name": "os", "image": image}]},
    }
    cluster.server.create(PODS, "default", body)


def filled(pods: int, **options: int) -> Cluster:
    cluster = Cluster(**options)  # type: ignore[arg-type]
    for number in range(pods):
        create(cluster, number)
    cluster.advance(10)
    return cluster


def ready(cluster: Cluster) -> list[str]:
    return [name for name, pod in cluster.pods().items() if is_true(pod, "Ready")]


def unscheduled(pod: JsonObject) -> str:
    found = condition(pod, "PodScheduled")
    assert found is not None
    assert found["reason"] == "Unschedulable"
    return str(found["message"])


def test_pods_are_spread_over_the_zones() -> None:
    cluster = filled(9)
    zones = Counter(pod["metadata"]["labels"][ZONE] for pod in cluster.pods().values())
    assert zones == {"a": 3, "b": 3, "c": 3}


def test_a_pod_without_room_waits_for_it() -> None:
    cluster = filled(4, room=1)
    assert ready(cluster) == ["web-0", "web-1", "web-2"]
    assert unscheduled(cluster.pods()["web-3"]) == "0/3 nodes are available: 3 Too many pods."
    cluster.server.delete(PODS, "default", "web-1")
    cluster.advance(10)
    assert ready(cluster) == ["web-0", "web-2", "web-3"]


def test_a_new_node_and_more_room() -> None:
    cluster = filled(5, room=1)
    cluster.kubelet.nodes.add("node-9", "z", room=1)
    cluster.advance(10)
    assert len(ready(cluster)) == 4
    cluster.kubelet.nodes.set_room("node-0", 2)
    cluster.advance(10)
    assert len(ready(cluster)) == 5


def test_a_cordoned_node_gets_nothing_new() -> None:
    cluster = Cluster(zones=("a",))
    cluster.kubelet.nodes.cordon("node-0")
    create(cluster, 0)
    cluster.advance(10)
    assert "1 node(s) were unschedulable" in unscheduled(cluster.pods()["web-0"])
    cluster.kubelet.nodes.cordon("node-0", unschedulable=False)
    cluster.advance(10)
    assert ready(cluster) == ["web-0"]


def test_a_lost_node_that_comes_back() -> None:
    cluster = filled(3)
    lost = cluster.pods()["web-0"]["spec"]["nodeName"]
    cluster.kubelet.lose_node(lost)
    cluster.advance(39)
    assert len(ready(cluster)) == 3
    cluster.advance(1)
    assert ready(cluster) == ["web-1", "web-2"]
    node_ready = condition(cluster.server.get(NODES, None, lost), "Ready")
    assert node_ready is not None
    assert node_ready["status"] == "Unknown"
    assert cluster.pods()["web-0"]["status"]["containerStatuses"][0]["ready"]
    cluster.kubelet.recover_node(lost)
    assert len(ready(cluster)) == 3
    cluster.advance(3600)
    assert "deletionTimestamp" not in cluster.pods()["web-0"]["metadata"]


def test_a_deleted_pod_on_a_lost_node_stays_until_the_node_is_back() -> None:
    cluster = filled(3)
    lost = cluster.pods()["web-0"]["spec"]["nodeName"]
    cluster.kubelet.lose_node(lost)
    cluster.server.delete(PODS, "default", "web-0")
    cluster.advance(3600)
    assert "deletionTimestamp" in cluster.pods()["web-0"]["metadata"]
    cluster.kubelet.recover_node(lost)
    cluster.advance(5)
    assert "web-0" not in cluster.pods()


def test_pods_of_a_lost_node_are_deleted_after_five_minutes() -> None:
    cluster = filled(3)
    lost = cluster.pods()["web-0"]["spec"]["nodeName"]
    cluster.kubelet.lose_node(lost)
    cluster.advance(339)
    assert "deletionTimestamp" not in cluster.pods()["web-0"]["metadata"]
    cluster.advance(1)
    assert "deletionTimestamp" in cluster.pods()["web-0"]["metadata"]
    cluster.kubelet.remove_node(lost)
    assert "web-0" not in cluster.pods()


def test_a_short_silence_is_not_noticed() -> None:
    cluster = filled(3)
    cluster.kubelet.lose_node("node-0")
    cluster.advance(30)
    cluster.kubelet.recover_node("node-0")
    cluster.kubelet.lose_node("node-0")
    cluster.advance(30)
    assert len(ready(cluster)) == 3
    cluster.advance(10)
    assert len(ready(cluster)) == 2


def test_a_quota() -> None:
    cluster = filled(2)
    cluster.quota.hard["default"] = 2
    with pytest.raises(Forbidden, match="exceeded quota"):
        create(cluster, 2)
    cluster.server.delete(PODS, "default", "web-0")
    with pytest.raises(Forbidden, match="used: pods=2"):
        create(cluster, 2)
    cluster.advance(5)
    create(cluster, 2)


def test_marked_pods_and_images_are_refused() -> None:
    cluster = Cluster()
    with pytest.raises(Invalid):
        create(cluster, 0, annotations={REFUSE: "Invalid"})
    with pytest.raises(Forbidden):
        create(cluster, 0, annotations={REFUSE: "Forbidden"})
    cluster.refused_images.images["os:2"] = "Invalid"
    with pytest.raises(Invalid):
        create(cluster, 0, "os:2")
    create(cluster, 0, "os:1")
