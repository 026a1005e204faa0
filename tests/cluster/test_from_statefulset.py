"""Taking over a StatefulSet, followed word by word."""

from pathlib import Path

from hack.localcluster import LocalCluster
from tests.cluster.controller import Controller
from tests.cluster.reader import reader
from tests.cluster.world import World
from tests.docs.markdown import ROOT


def test_a_statefulset_is_taken_over_with_its_data_and_given_back(
    world: World, simulated: LocalCluster, own_controller: Controller, tmp_path: Path
) -> None:
    """I2, I3, F4b: names and claims of a running StatefulSet, one instance after the other."""
    own_controller.start()
    reader(simulated, world.namespace, tmp_path).follow(ROOT / "docs" / "from-statefulset.md")
