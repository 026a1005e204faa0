"""The chart's manifests before a real API server, which refuses unknown fields, and pods that are not restricted.

And before kubeconform, which needs no cluster, with schemas as strict as that API server publishes them.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack import kubeconform
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


@pytest.fixture(scope="module")
def schemas(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schemas")
    kubeconform.write_schemas(lambda path: json.loads(cluster.kubectl("get", "--raw", path)), folder)
    return folder


@pytest.mark.parametrize("name", VALUES)
def test_kubeconform_finds_nothing_wrong(schemas: Path, name: str) -> None:
    with_definitions = {**values(name), "crds": {"install": True}}
    found = [d for d in yaml.safe_load_all(template(NAMESPACE, with_definitions)) if d]
    known = [d for d in found if not d["apiVersion"].startswith(OTHERS)]
    checked = kubeconform.check(listed(known), schemas)
    assert (checked.wrong, checked.valid) == ([], len(known))


def test_kubeconform_would_find_it(schemas: Path) -> None:
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "one"}, "spec": {"clusterIp": "None"}}
    (wrong,) = kubeconform.check(json.dumps(service), schemas).wrong
    assert "clusterIp" in wrong
