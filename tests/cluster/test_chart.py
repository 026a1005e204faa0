"""The chart's manifests before a real API server, which refuses unknown fields, and pods that are not restricted."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from hack.helm import template
from hack.localcluster import Cluster
from tests.chart.renderings import NAMESPACE, VALUES, values

JsonMap = dict[str, Any]
NAMESPACES = (NAMESPACE, "team-a", "team-b", "images")
OTHERS = "monitoring.coreos.com/"
"""Kinds of the Prometheus operator, which is not there."""


@pytest.fixture(scope="module")
def namespaces(cluster: Cluster) -> Iterator[None]:
    """Those that the renderings name, each as strict as Kubernetes can be."""
    for name in NAMESPACES:
        cluster.kubectl("create", "namespace", name)
        cluster.kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield
    cluster.kubectl("delete", "namespace", *NAMESPACES, "--wait=false")


def rendered(name: str) -> list[JsonMap]:
    documents = yaml.safe_load_all(template(NAMESPACE, values(name)))
    return [d for d in documents if d and not d["apiVersion"].startswith(OTHERS)]


def listed(items: list[JsonMap]) -> str:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items})


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("name", VALUES)
def test_the_api_server_takes_it(cluster: Cluster, name: str) -> None:
    said = cluster.kubectl(
        "apply", "--dry-run=server", "--validate=strict", "--filename=-", stdin=listed(rendered(name))
    )
    assert "deployment.apps/rollkeeper created (server dry run)" in said


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("name", VALUES)
def test_its_pods_meet_the_restricted_profile(cluster: Cluster, name: str) -> None:
    (deployment,) = (d for d in rendered(name) if d["kind"] == "Deployment")
    spec = {**deployment["spec"]["template"]["spec"], "serviceAccountName": "default", "priorityClassName": ""}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "one", "namespace": NAMESPACE}, "spec": spec}
    cluster.kubectl("create", "--dry-run=server", "--filename=-", stdin=json.dumps(pod))
