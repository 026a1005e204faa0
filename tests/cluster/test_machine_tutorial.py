"""The tutorial of virtual machines, followed word by word. Its guests are simulated, as it says."""

from pathlib import Path

import pytest

from hack.localcluster import LocalCluster
from tests.cluster.conftest import watched_namespace
from tests.cluster.controller import Controller
from tests.cluster.providers import MACHINES
from tests.cluster.reader import reader
from tests.docs.markdown import ROOT

PAGE = ROOT / "docs" / "tutorial-virtual-machines.md"


def test_the_tutorial_of_virtual_machines_is_so(
    virtualized: LocalCluster, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with watched_namespace(virtualized, MACHINES.kind, MACHINES.runs) as world:
        controller = Controller.in_namespace(virtualized, world.namespace, tmp_path / "controller.log")
        request.node.controller = controller
        controller.start()
        try:
            reader(virtualized, world.namespace, tmp_path).follow(PAGE)
        finally:
            controller.kill()
