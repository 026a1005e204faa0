"""Anything happens in any order; the invariants hold after every step, and the set comes to rest at last (I1 to I10).

The in-memory cluster passes the same contract suite as a real API server (tests/contract).
"""

import os
import sys

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import initialize, invariant

from tests.property import liveness
from tests.property.happenings import Faults, Surroundings
from tests.property.machines import Machines, MachineWorld
from tests.property.pods import METHODS, Pods, PodWorld
from tests.property.users import Users
from tests.property.world import World

STEPS = int(os.environ.get("PROPERTY_STEPS", "20000"))
SEARCHES = "PROPERTY_STEPS" in os.environ
"""Whether each session tries other histories (make nightly), or the same ones, so that a change is judged by itself."""
STEPS_A_RUN = 40
GOES_ROUND = 8
"""One history of so many is left to itself for hours, which costs as much as all the rest of it."""


class AnythingHappens(Users, Surroundings, Faults):
    """One set, its images, its world, and a controller that may die at any call."""

    left_alone = False

    def begin(self, world: World) -> None:
        self.world = world
        self.next_version = 1
        self.next_run = 1
        self.world.create_set()
        self.world.publish("1.0.0")

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "world"):
            self.world.witness.check()

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        broken = sys.exception()
        try:
            if isinstance(broken, AssertionError):  # a step failed: the world is left as it is
                raise broken
            if self.left_alone:
                self.world.end_faults()
                liveness.must_not_go_round(self.world)
            liveness.must_converge(self.world)
        except AssertionError:
            print(self.world.text())  # noqa: T201 - the scenario, readable
            raise


class ToPods(AnythingHappens, Pods):
    """Instances are pods."""

    world: PodWorld

    @initialize(replicas=st.integers(1, 6), left_alone=st.integers(1, GOES_ROUND), method=METHODS)
    def begin_with_pods(self, replicas: int, left_alone: int, method: str) -> None:
        self.left_alone = left_alone == GOES_ROUND
        self.begin(PodWorld(replicas))
        self.change_method(method)


class ToMachines(AnythingHappens, Machines):
    """Instances are virtual machines. No history is left to itself: guests that die are started again without pause."""

    world: MachineWorld

    @initialize(replicas=st.integers(1, 6))
    def begin_with_machines(self, replicas: int) -> None:
        self.begin(MachineWorld(replicas))


def _settings(steps: int) -> settings:
    return settings(
        max_examples=max(1, steps // STEPS_A_RUN),
        stateful_step_count=STEPS_A_RUN,
        deadline=None,
        derandomize=not SEARCHES,
        suppress_health_check=list(HealthCheck),
        phases=[
            Phase.explicit,
            Phase.reuse,
            Phase.generate,
            *([Phase.shrink] if os.environ.get("PROPERTY_SHRINK") else []),
        ],
        print_blob=True,
    )


ToPods.TestCase.settings = _settings(STEPS)
ToMachines.TestCase.settings = _settings(STEPS // 4)
TestPods = ToPods.TestCase
TestMachines = ToMachines.TestCase
