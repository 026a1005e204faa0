"""The examples of health sources are what the API server takes, and pods of them too (H1, H4, E3)."""

from pathlib import Path

import pytest
import yaml

from tests.cluster.fleet import published
from tests.cluster.manifests import made
from tests.cluster.world import World

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.mark.parametrize("name", ["health/application.yaml", "service-fabric/node-type.yaml"])
def test_examples_make_instances(live: World, name: str) -> None:
    """M3: nobody answers at the addresses of simulated pods, so that one is not awaited to be healthy."""
    example = yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
    image = {key: value for key, value in example["spec"]["imageReference"].items() if key != "version"}
    version = made("ImageVersion", "one", {**image, "version": "1.0.0", "image": published("1.0.0")["spec"]["image"]})
    live.create(version, example)
    replicas = example["spec"]["replicas"]
    live.until(f"{replicas} pods run", lambda: _running(live) == replicas or None)


def _running(world: World) -> int:
    return sum(pod["status"].get("phase") == "Running" for pod in world.pods())
