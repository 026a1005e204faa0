"""What happens by itself, whatever instances are: to the network, and to the controller."""

import random
from datetime import timedelta

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.property.users import ORDINALS
from tests.property.world import World
from tests.simulation import faults

FEEDS = st.frozensets(st.integers(0, 10), min_size=1, max_size=11)
"""Numbers of the caches, as `Process` has them."""


class Surroundings(RuleBasedStateMachine):
    """Time passes, and instances vanish."""

    world: World

    @rule(ordinal=ORDINALS)
    def vanish(self, ordinal: int) -> None:
        if self.world.has(ordinal):
            self.world.vanish(ordinal)

    @rule(seconds=st.sampled_from([1, 2, 5, 20, 70, 400]))
    def time_passes(self, seconds: int) -> None:
        self.world.live(seconds)

    # Half of what happens is that time passes: else everything would happen at one moment.
    a_second_passes = rule()(lambda self: self.world.live(1))
    some_seconds_pass = rule(seconds=st.integers(2, 12))(lambda self, seconds: self.world.live(seconds))
    half_a_minute_passes = rule(seconds=st.integers(20, 40))(lambda self, seconds: self.world.live(seconds))
    a_minute_passes = rule()(lambda self: self.world.live(65))
    seconds_pass_too = rule(seconds=st.integers(2, 12))(lambda self, seconds: self.world.live(seconds))
    a_minute_passes_too = rule()(lambda self: self.world.live(65))

    @rule()
    def works(self) -> None:
        self.world.settle_or_restart()


class Faults(RuleBasedStateMachine):
    """Calls and answers are lost, caches are late, the controller dies, or is not alone."""

    world: World

    @rule(number=st.integers(0, 12), when=st.sampled_from(["before", "after"]), reads=st.booleans())
    def killed_soon(self, number: int, when: str, reads: bool) -> None:
        fault = faults.killed(when)  # type: ignore[arg-type]
        self.world.process.api.plan = faults.Nth(number, fault, lambda call: reads or call.is_write)

    @rule(seed=st.integers(0, 2**16))
    def bad_network(self, seed: int) -> None:
        kinds = (faults.lost("before"), faults.lost("after"), faults.CONFLICT, faults.THROTTLED)
        self.world.process.api.plan = faults.Sometimes(random.Random(seed), 0.2, kinds)  # noqa: S311 - no secret

    @rule()
    def good_network(self) -> None:
        self.world.process.api.plan = faults.no_faults

    @rule(feeds=FEEDS, seconds=st.sampled_from([1, 3, 10, 40]), gap=st.booleans())
    def late_caches(self, feeds: frozenset[int], seconds: int, gap: bool) -> None:
        self.world.late_caches(feeds, seconds, gap=gap)

    @rule(seconds=st.sampled_from([2, 5, 15]))
    def second_leader(self, seconds: int) -> None:
        self.world.second_leader(seconds)

    @rule(hours=st.sampled_from([-24, -1, 0, 1, 24]), minutes=st.sampled_from([-7, -1, 0, 1, 7]))
    def wrong_clock(self, hours: int, minutes: int) -> None:
        self.world.set_clock(timedelta(hours=hours, minutes=minutes))

    @rule(seconds=st.sampled_from([5, 40, 400]))
    def machine_sleeps(self, seconds: int) -> None:
        self.world.sleep(seconds)

    @rule()
    def restart(self) -> None:
        self.world.say("the controller is killed and started again")
        self.world.restart()

    @rule()
    def status_is_lost(self) -> None:
        self.world.lose_status()
