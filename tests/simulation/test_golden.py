"""Whole rollouts as readable logs. `UPDATE_GOLDEN=1` writes them anew; the difference is to be reviewed as code is."""

import importlib
import os
from pathlib import Path

import pytest

from tests.simulation.scenarios import SCENARIOS

for _path in Path(__file__).parent.glob("*_scenarios.py"):  # they register themselves
    importlib.import_module(f"tests.simulation.{_path.stem}")
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("name", SCENARIOS)
def test_rollout_is_as_reviewed(name: str) -> None:
    scenario = SCENARIOS[name]
    text = f"# {scenario.__doc__}\n{scenario().text()}"
    path = GOLDEN / f"{name}.log"
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert text == path.read_text()


def test_every_log_has_its_scenario() -> None:
    assert {path.stem for path in GOLDEN.glob("*.log")} == set(SCENARIOS)
