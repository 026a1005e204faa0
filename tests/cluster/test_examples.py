"""Each example is what the API server takes, makes instances, and does what its comments say."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hack.localcluster import LocalCluster
from hack.localcluster.objects import node
from tests.cluster.audit import Json
from tests.cluster.manifests import made
from tests.cluster.replay import status_of
from tests.cluster.world import World, places

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
ELSEWHERE = ("catalogue/", "from-statefulset/", "runs/", "virtual-machines/", "scaleset.yaml", "imageversion-")
"""Applied by test_catalogue, test_from_statefulset, test_machines, the stories below and the demonstration."""


def documents(name: str) -> list[Json]:
    return list(yaml.safe_load_all((EXAMPLES / name).read_text(encoding="utf-8")))


def sets() -> list[str]:
    names = sorted(str(path.relative_to(EXAMPLES)) for path in EXAMPLES.rglob("*.yaml"))
    return [name for name in names if not name.startswith(ELSEWHERE)]


def version_of(scale_set: Json, number: str) -> Json:
    """A version of the image that a set asks for."""
    spec = scale_set["spec"]
    image = {key: value for key, value in spec["imageReference"].items() if key != "version"}
    fields = {"osType": spec.get("osType", "Linux"), "version": number, "image": f"registry.test/os:{number}"}
    return made("ImageVersion", f"os-{number}", {**image, **fields})


def apply(world: World, name: str) -> Json:
    """Creates what an example has, and the version that it needs; returns its set."""
    objects = documents(name)
    (scale_set,) = (o for o in objects if o["kind"] == "ScaleSet")
    world.create(version_of(scale_set, "1.0.0"), *objects)
    return scale_set


@pytest.fixture(scope="module", autouse=True)
def _windows_node(simulated: LocalCluster) -> Iterator[None]:
    """Simulated nodes are told apart by their label alone."""
    name = "windows-1"
    made_node = node(1, 1)
    made_node["metadata"]["name"] = name
    made_node["metadata"]["labels"] |= {"kubernetes.io/os": "windows", "kubernetes.io/hostname": name}
    simulated.kubectl("create", "--filename=-", stdin=json.dumps(made_node))
    simulated.kubectl("wait", "node", name, "--for=condition=Ready", "--timeout=60s")
    yield
    simulated.kubectl("delete", "node", name)


@pytest.mark.parametrize("name", sets())
def test_examples_make_instances(live: World, name: str) -> None:
    """M3. Those whose applications are asked are not awaited to be healthy: nobody is there at simulated pods."""
    scale_set = apply(live, name)
    set_name, replicas = scale_set["metadata"]["name"], scale_set["spec"]["replicas"]
    if scale_set["spec"].get("health", {}).get("source") != "ApplicationHealth":
        live.until_healthy("1.0.0", replicas, set_name)
        return
    live.until(f"{replicas} pods run", lambda: _running(live) == replicas or None)


def test_windows_instances_go_to_windows_nodes_and_are_upgraded(live: World) -> None:
    """E4, T2."""
    scale_set = apply(live, "windows.yaml")
    live.until_healthy("1.0.0", 3, "windows")
    live.create(version_of(scale_set, "1.1.0"))
    live.until_healthy("1.1.0", 3, "windows")
    assert {pod["spec"]["nodeName"] for pod in live.pods()} == {"windows-1"}
    assert {pod["spec"]["os"]["name"] for pod in live.pods()} == {"windows"}


def test_runs_of_your_own(live: World) -> None:
    """T4, M4, V5: a canary, the newest model for all, and back down."""
    scale_set = apply(live, "manual.yaml")
    live.until_healthy("1.0.0", 4, "by-hand")
    live.create(version_of(scale_set, "1.1.0"))
    live.until(
        "it is the latest", lambda: status_of(live.get("scalesets", "by-hand")).get("latestImageVersion") == "1.1.0"
    )
    live.create(*documents("runs/subset.yaml"))
    assert places(live.until_run("canary", "Completed")) == {"succeeded": [0, 3]}
    assert live.versions() == ["1.1.0", "1.0.0", "1.0.0", "1.1.0"]
    live.patch("scaleset", "by-hand", {"spec": {"template": {"metadata": {"labels": {"tier": "web"}}}}})
    live.create(*documents("runs/model.yaml"))
    live.until_run("model", "Completed")
    assert [pod["metadata"]["labels"].get("tier") for pod in live.pods()] == ["web"] * 4
    assert live.versions() == ["1.1.0", "1.0.0", "1.0.0", "1.1.0"]
    live.create(*documents("runs/named-version.yaml"))
    live.until_run("down", "Completed")
    assert live.versions() == ["1.0.0"] * 4


def _running(world: World) -> int:
    return sum(pod["status"].get("phase") == "Running" for pod in world.pods())
