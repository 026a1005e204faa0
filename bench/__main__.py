"""`python -m bench`: the comparison. See docs/benchmark.md for what is measured and how."""

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from bench.cluster import cluster_for
from bench.controller import PROFILED, ROOT, SHIPPED, controller
from bench.drawing import draw
from bench.profiled import show_profile
from bench.rolls import Observer, Roll
from bench.sides import ROLLKEEPER, ScaleSide, Side, StatefulSide, make_namespace
from bench.table import show
from hack.localcluster import LocalCluster
from rollkeeper.kube.client import Client
from tests.cluster.audit import AuditLog

OUT = ROOT / "bench" / "out"


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--instances", type=int, default=500, help="of each fleet (default: %(default)s)")
    parser.add_argument("--percent", type=int, default=20, help="of them replaced at once (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rolls of each fleet (default: %(default)s)")
    parser.add_argument("--profile", action="store_true", help="show where the controller's time goes, in one roll")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the picture and the logs")
    return parser.parse_args(arguments)


def main() -> None:
    """Starts a cluster, measures, takes it down."""
    chosen = parse()
    signal.signal(signal.SIGTERM, _terminated)
    with cluster_for(ROLLKEEPER, out=chosen.out) as cluster:
        asyncio.run(_profile(cluster, chosen) if chosen.profile else _compare(cluster, chosen))


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """Ends as Ctrl-C does, with the cluster taken down."""
    sys.exit(143)


async def _compare(cluster: LocalCluster, chosen: argparse.Namespace) -> None:
    kubeconfig = cluster.kubeconfig_for(ROLLKEEPER)
    async with await Client.connect(cluster.kubeconfig) as api:
        await make_namespace(api)
        sides = (StatefulSide(api, chosen.instances, chosen.percent), ScaleSide(api, chosen.instances, chosen.percent))
        with controller(kubeconfig, chosen.out / "rollkeeper.log") as pid:
            processes = {**cluster.processes, "rollkeeper": pid}
            observer = Observer(api, AuditLog(cluster.audit_log), chosen.instances, processes)
            for side in sides:
                _say(f"making {chosen.instances} instances of {side.name}")
                await observer.create(side, _version(0))
            rolls = [roll for number in range(1, chosen.rounds + 1) for roll in await _round(observer, sides, number)]
    show(rolls, (sides[0].name, sides[1].name))
    draw(rolls, f"{chosen.instances} instances, {chosen.percent}% at a time", chosen.out / "rollout.svg")
    _say(f"picture: {chosen.out / 'rollout.svg'}")


async def _round(observer: Observer, sides: Sequence[Side], number: int) -> list[Roll]:
    """One roll of each side; who begins alternates, so that a machine that warms up favours nobody."""
    rolls = []
    for side in sides if number % 2 else reversed(sides):
        roll = await observer.roll(side, _version(number))
        _say(f"round {number}: {side.name} {roll.wall:.1f} s")
        rolls.append(roll)
    return rolls


async def _profile(cluster: LocalCluster, chosen: argparse.Namespace) -> None:
    """The first creation is not in the profile."""
    kubeconfig, log, file = cluster.kubeconfig_for(ROLLKEEPER), chosen.out / "rollkeeper.log", chosen.out / "profile"
    async with await Client.connect(cluster.kubeconfig) as api:
        await make_namespace(api)
        side = ScaleSide(api, chosen.instances, chosen.percent)
        observer = Observer(api, AuditLog(cluster.audit_log), chosen.instances, cluster.processes)
        with controller(kubeconfig, log, SHIPPED):
            await observer.create(side, _version(0))
        with controller(kubeconfig, log, (*PROFILED, str(file))):
            roll = await observer.roll(side, _version(1))
    _say(f"the roll took {roll.wall:.1f} s under the profiler")
    show_profile(file)


def _version(number: int) -> str:
    return f"1.{number}.0"


def _say(message: str) -> None:
    print(message, flush=True)


if __name__ == "__main__":
    main()
