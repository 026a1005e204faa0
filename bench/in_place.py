"""`python -m bench.in_place`: images changed in place, beside a bare script that patches as many pods.

See docs/benchmark.md for what is measured and how.
"""

import argparse
import asyncio
import resource
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import script
from bench.cluster import cluster_for
from bench.controller import ROOT, controller
from bench.rolls import Observer, Roll
from bench.sides import CONTAINER, NAMESPACE, ROLLKEEPER, ScaleSide, Side, image, make_namespace
from bench.table import show
from hack.localcluster import LocalCluster, User
from rollkeeper.kube.client import Client
from rollkeeper.kube.resources import PODS
from tests.cluster.audit import AuditLog

SCRIPT = User("script", ("system:masters",))
"""Who the script is in the audit log."""


@dataclass(frozen=True)
class ScriptSide:
    """Bare pods, and the script. It is started once more for each roll, which is part of its time."""

    api: Client
    kubeconfig: Path
    instances: int
    name: str = "script"
    selector: str = "side=script"
    users: frozenset[str] = frozenset({SCRIPT.name})

    async def create(self, version: str) -> None:
        """Makes the pods, one after the other."""
        for number in range(self.instances):
            metadata = {"name": f"script-{number}", "labels": {"side": "script"}}
            body = {"metadata": metadata, "spec": {"containers": [{**CONTAINER, "image": image(version)}]}}
            await self.api.create(PODS, NAMESPACE, body)

    async def roll(self, version: str) -> None:
        """Returns when the last pod was patched."""
        arguments = ("-m", script.__name__, str(self.kubeconfig), str(self.instances), image(version))
        process = await asyncio.create_subprocess_exec(sys.executable, *arguments, cwd=ROOT)
        if code := await process.wait():
            raise RuntimeError(f"the script ended with exit code {code}")

    async def settled(self, version: str) -> bool:
        """It minds nothing."""
        return bool(version)


def main() -> None:
    """Starts a cluster, measures, takes it down."""
    parser = argparse.ArgumentParser(prog="python -m bench.in_place", description=__doc__)
    parser.add_argument("--instances", type=int, default=500, help="of each fleet (default: %(default)s)")
    parser.add_argument("--percent", type=int, default=20, help="of the set at once (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="rolls of each fleet (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "out", help="folder for the logs")
    chosen = parser.parse_args()
    with cluster_for(ROLLKEEPER, SCRIPT, out=chosen.out) as cluster:
        rolls = asyncio.run(_compare(cluster, chosen.instances, chosen.percent, chosen.rounds, chosen.out))
    show(rolls, ("script", "ScaleSet"))


async def _compare(cluster: LocalCluster, instances: int, percent: int, rounds: int, out: Path) -> list[Roll]:
    async with await Client.connect(cluster.kubeconfig) as api:
        await make_namespace(api)
        bare = ScriptSide(api, cluster.kubeconfig_for(SCRIPT), instances)
        sides: Sequence[Side] = (bare, ScaleSide(api, instances, percent, method="InPlaceIfPossible"))
        with controller(cluster.kubeconfig_for(ROLLKEEPER), out / "rollkeeper.log") as pid:
            observer = Observer(api, AuditLog(cluster.audit_log), instances, {**cluster.processes, "rollkeeper": pid})
            for side in sides:
                await observer.create(side, "1.0.0")
            return [await _roll(observer, side, f"1.{n}.0") for n in range(1, rounds + 1) for side in sides]


async def _roll(observer: Observer, side: Side, version: str) -> Roll:
    before = _children()
    roll = await observer.roll(side, version)
    print(f"{side.name} to {version}: {roll.wall:.1f} s", flush=True)
    return Roll(roll.side, roll.timeline, {**roll.cpu, "script": _children() - before}, roll.writes)


def _children() -> float:
    """CPU seconds of processes that we started and that have ended: of scripts."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
