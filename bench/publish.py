"""`python -m bench.publish`: how soon after a version is published each of 1,000 scale sets replaces an instance.

Told by the API server's audit log: from the call that creates the ImageVersion to the first eviction in each set. The
image's digest is resolved on the way, by a real registry. See docs/benchmark.md.
"""

import argparse
import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.cluster import cluster_for
from bench.controller import PROFILED, ROOT, SHIPPED, controller
from bench.profiled import show_profile
from bench.sides import CONTAINER, NAMESPACE, ROLLKEEPER, Json, make_namespace, ours
from bench.usage import cpu_seconds, writes
from hack.localcluster import LocalCluster
from hack.localregistry import LocalRegistry
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS
from rollkeeper.kube.client import Client
from rollkeeper.kube.reflector import Reflector
from rollkeeper.kube.store import Key, Store
from tests.cluster.audit import AuditLog, Write

GALLERY = {"gallery": "golden", "definition": "published"}
OUT = ROOT / "bench" / "out"
AT_ONCE = 16
POLL_SECONDS = 5.0
"""Each look reads the whole log, on the same machine."""
REST_SECONDS = 10.0
"""Before a version is published: what was put off (counts in a status) is not charged to it."""
DEADLINE_SECONDS = 1800.0


@dataclass(frozen=True)
class Publication:
    """What came of one version."""

    version: str
    waits: tuple[float, ...]
    """Seconds from the publication to the first eviction, a set each, shortest first."""
    resolved: float
    """Seconds from the publication to the write that makes the version usable."""
    writes: Counter[str]
    """The controller's until every set had its first eviction, as `verb resource`."""
    cpu: dict[str, float]
    """Seconds of the processes in the same time."""


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.publish", description=__doc__)
    parser.add_argument("--sets", type=int, default=1000, help="that follow the image (default: %(default)s)")
    parser.add_argument("--instances", type=int, default=2, help="of each set (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=1, help="versions that are published (default: %(default)s)")
    parser.add_argument("--profile", action="store_true", help="show where the controller's time goes")
    parser.add_argument("--out", type=Path, default=OUT, help="folder for the logs")
    return parser.parse_args(arguments)


def main() -> None:
    """Starts a cluster and a registry, measures, takes them down."""
    chosen = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: the cluster is taken down
    chosen.out.mkdir(parents=True, exist_ok=True)
    with LocalRegistry(chosen.out / "registry") as registry, cluster_for(ROLLKEEPER, out=chosen.out) as cluster:
        show(asyncio.run(_measure(cluster, registry, chosen)))


async def _measure(cluster: LocalCluster, registry: LocalRegistry, chosen: argparse.Namespace) -> list[Publication]:
    kubeconfig, log, profile = cluster.kubeconfig_for(ROLLKEEPER), chosen.out / "rollkeeper.log", chosen.out / "profile"
    async with await Client.connect(cluster.kubeconfig) as api:
        await make_namespace(api)
        publisher = Publisher(api, registry, AuditLog(cluster.audit_log), chosen.sets)
        with controller(kubeconfig, log):
            print(f"making {chosen.sets} sets of {chosen.instances}", flush=True)
            await publisher.create_sets(chosen.instances)
        found = []
        program = (*PROFILED, str(profile)) if chosen.profile else SHIPPED
        with controller(kubeconfig, log, program) as pid:
            for number in range(1, chosen.rounds + 1):
                await asyncio.sleep(REST_SECONDS)
                found.append(await publisher.publication(f"1.{number}.0", {**cluster.processes, "rollkeeper": pid}))
                if number < chosen.rounds:
                    await publisher.until_proven(f"1.{number}.0")
    if chosen.profile:
        show_profile(profile)
    return found


@dataclass(frozen=True)
class Publisher:
    """Publishes versions to sets on one cluster."""

    api: Client
    registry: LocalRegistry
    audit: AuditLog
    sets: int

    async def create_sets(self, instances: int) -> None:
        """Makes the sets on their first version; returns when all are proven on it."""
        await self.publish("1.0.0")
        await _at_most(AT_ONCE, (self._create_set(number, instances) for number in range(self.sets)))
        await self.until_proven("1.0.0")

    async def publish(self, version: str) -> None:
        """Pushes an image, and creates its ImageVersion with its tag."""
        self.registry.push("os/published", version)
        spec = {**GALLERY, "version": version, "image": f"{self.registry.host}/os/published:{version}"}
        await self.api.create(IMAGE_VERSIONS, NAMESPACE, ours("ImageVersion", f"published-{version}", spec))

    async def _create_set(self, number: int, instances: int) -> None:
        spec = {
            "replicas": instances,
            "imageReference": GALLERY,
            "upgradePolicy": {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}},
            "health": {"source": "Probe"},
            "template": {"spec": {"containers": [CONTAINER]}},
        }
        await self.api.create(SCALE_SETS, NAMESPACE, ours("ScaleSet", f"set-{number:04}", spec))

    async def until_proven(self, version: str) -> None:
        """Returns when every set is on a version and at rest."""
        settled: set[Key] = set()
        done = asyncio.Event()

        def changed(key: Key, _old: str | None, new: str | None) -> None:
            (settled.add if new == version else settled.discard)(key)
            if len(settled) == self.sets:
                done.set()

        store = Store(_settled_on)
        store.subscribe(changed)
        following = asyncio.create_task(Reflector(self.api, SCALE_SETS, store, NAMESPACE).run())
        try:
            await asyncio.wait_for(done.wait(), DEADLINE_SECONDS)
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)

    async def publication(self, version: str, processes: dict[str, int]) -> Publication:
        """Publishes a version, and tells how soon each set began to follow it."""
        mark, before = self.audit.mark(), _cpu(processes)
        await self.publish(version)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(_first_evictions(log := self.audit.writes(NAMESPACE, mark))) < self.sets:
                print(f"{version}: {len(_first_evictions(log))} of {self.sets} sets", flush=True)
                await asyncio.sleep(POLL_SECONDS)
        used = {name: seconds - before[name] for name, seconds in _cpu(processes).items()}
        return _read(version, log, used)


def _settled_on(scale_set: Json, _previous: str | None) -> str:
    """The version that a set is proven on, and at rest; none: empty."""
    status = scale_set.get("status", {})
    return "" if "activeRunName" in status else str(status.get("provenImageVersion", ""))


def _read(version: str, log: Sequence[Write], cpu: dict[str, float]) -> Publication:
    published = next(w.received for w in log if (w.verb, w.resource) == ("create", "imageversions"))
    first = _first_evictions(log)
    last = max(first.values())
    until_then = [w for w in log if w.completed <= last]
    usable = next(w.completed for w in log if w.resource == "imageversions/status" and _makes_ready(w))
    return Publication(
        version=version,
        waits=tuple(sorted((at - published).total_seconds() for at in first.values())),
        resolved=(usable - published).total_seconds(),
        writes=writes(until_then, frozenset({ROLLKEEPER.name})),
        cpu=cpu,
    )


def _makes_ready(write: Write) -> bool:
    conditions = write.body.get("status", {}).get("conditions", ())
    return any((c["type"], c["status"]) == ("Ready", "True") for c in conditions)


def _first_evictions(log: Iterable[Write]) -> dict[str, datetime]:
    """When the first instance of each set was taken down."""
    first: dict[str, datetime] = {}
    for write in log:
        if write.resource == "pods/eviction" and write.took_effect:
            first.setdefault(write.name.rpartition("-")[0], write.completed)
    return first


def _cpu(processes: dict[str, int]) -> dict[str, float]:
    return {name: cpu_seconds(pid) for name, pid in processes.items()}


async def _at_most(number: int, work: Iterable[Awaitable[None]]) -> None:
    """Does all, so many at once."""
    places = asyncio.Semaphore(number)

    async def one(what: Awaitable[None]) -> None:
        async with places:
            await what

    await asyncio.gather(*(one(what) for what in work))


def show(found: Sequence[Publication]) -> None:
    """One line a version, and the writes of the last one."""
    table = Table("version", "usable after s", "first set s", "median s", "99% s", "worst s", "CPU s", "API server's s")
    for one in found:
        marks = (one.waits[0], median(one.waits), one.waits[int(0.99 * len(one.waits))], one.waits[-1])
        server = one.cpu["kube-apiserver"] + one.cpu["etcd"]
        cells = (one.resolved, *marks, one.cpu["rollkeeper"], server)
        table.add_row(one.version, *(f"{cell:.2f}" for cell in cells))
    console = Console(width=140)
    console.print(table)
    told = ", ".join(f"{count} {what}" for what, count in found[-1].writes.most_common())
    console.print(f"the controller's writes until then: {told}", soft_wrap=True)


if __name__ == "__main__":
    main()
