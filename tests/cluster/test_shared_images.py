"""Controllers of some namespaces each, with one namespace for the images of all (V7)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.localcluster import LocalCluster
from rollkeeper.api.v1alpha1.names import PREFIX_OTHERS_VERSION
from tests.cluster.controller import Controller
from tests.cluster.fleet import fleet
from tests.cluster.manifests import made
from tests.cluster.versions import delete, until_gone, until_waiting
from tests.cluster.world import World

IMAGES = "default"


@pytest.fixture
def sharing_controller(
    simulated: LocalCluster, world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Controller]:
    """A controller for the test's namespace alone, with images of another one; not started yet."""
    controller = Controller.in_namespace(simulated, world.namespace, tmp_path / "controller.log", IMAGES)
    request.node.controller = controller
    yield controller
    controller.kill()


def test_controllers_that_share_images_have_finalizers_of_their_own(
    world: World, simulated: LocalCluster, sharing_controller: Controller
) -> None:
    """V7: none of them sees all who use a version, so each lets go of it for its own sets."""
    images = World(simulated, IMAGES)
    gallery, name = {"gallery": "shared", "definition": world.namespace}, f"{world.namespace}-1.0.0"
    spec = {**gallery, "version": "1.0.0", "image": "registry.test/shared:1.0.0"}
    images.create(made("ImageVersion", name, spec))
    world.create(fleet(1, imageReference=gallery))
    sharing_controller.start()
    world.until_healthy("1.0.0", 1)
    own = PREFIX_OTHERS_VERSION + world.namespace
    assert images.get("imageversions", name)["metadata"]["finalizers"] == [own]
    delete(images, name)
    until_waiting(images, name, f"the controllers of these namespaces let it go: {world.namespace}")
    world("delete", "scaleset", "web", "--wait=false")
    until_gone(images, name)
