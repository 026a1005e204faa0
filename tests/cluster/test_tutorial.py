"""The tutorial, followed word by word."""

from pathlib import Path

from hack.localcluster import LocalCluster
from tests.cluster.controller import Controller
from tests.cluster.reader import reader
from tests.cluster.world import World
from tests.docs.markdown import ROOT


def test_the_tutorial_is_so(world: World, simulated: LocalCluster, own_controller: Controller, tmp_path: Path) -> None:
    own_controller.start()
    reader(simulated, world.namespace, tmp_path).follow(ROOT / "docs" / "tutorial.md")
