"""The machine that a controller runs on: its clocks may be wrong (I10)."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from rollkeeper.kube.clock import ServerClock
from tests.simulation.clock import VirtualClock


class Machine:
    """Its own clocks, beside the API server's; the monotonic one stands still while the machine sleeps."""

    def __init__(self, true: VirtualClock) -> None:
        self._true = true
        self.wrong = timedelta(0)
        """How far its wall clock is ahead."""
        self.slept = timedelta(0)

    def wall(self) -> float:
        return (self._true.now() + self.wrong).timestamp()

    def wall_now(self) -> datetime:
        """What a program would take for the time that believes the machine."""
        return datetime.fromtimestamp(self.wall(), UTC)

    def monotonic(self) -> float:
        return self._true.monotonic() - self.slept.total_seconds()

    def server_clock(self) -> "ObservedClock":
        """For a controller that begins on this machine: it has listed something already."""
        return ObservedClock(self._true, self)


class ObservedClock(ServerClock):
    """The controller's own idea of the API server's time, from nothing but this machine's clocks and `Date` headers."""

    def __init__(self, true: VirtualClock, machine: Machine) -> None:
        super().__init__(machine.monotonic, machine.wall)
        self._true = true
        self.answered()

    def answered(self) -> None:
        """An answer has come, with the server's time cut to a second."""
        moment = self.monotonic()
        self.observe(format_datetime(self._true.now().replace(microsecond=0), usegmt=True), moment, moment)
