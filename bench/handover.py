"""`python -m bench.handover`: how long nobody leads when the leader is stopped cleanly, on a real API server.

Two controllers run as the chart runs them: one leads, one stands by. The leader gets SIGTERM, as when its pod is
replaced, and the audit log tells when the other one held the Lease. Then they change parts.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from bench.cluster import cluster_for
from bench.controller import ROOT
from hack.localcluster import LocalCluster
from rollkeeper.cli.operator import LEASE
from tests.cluster.audit import AuditLog, Write
from tests.cluster.controller import Controller

NAMESPACE = "handover"
NAMES = ("first", "second")
SECONDS = 30.0
POLL_SECONDS = 0.05


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the median and the worst."""
    parser = argparse.ArgumentParser(prog="python -m bench.handover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="clean stops (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "bench" / "out", help="folder for the logs")
    chosen = parser.parse_args(arguments)
    with cluster_for(out=chosen.out) as cluster:
        cluster.kubectl("create", "namespace", NAMESPACE)
        found = _rounds(cluster, chosen.rounds, chosen.out)
    print(f"{chosen.rounds} clean stops: median {median(found):.2f} s, most {max(found):.2f} s")


def _rounds(cluster: LocalCluster, rounds: int, out: Path) -> list[float]:
    both = [Controller.in_namespace(cluster, NAMESPACE, out / f"{name}.log") for name in NAMES]
    audit = AuditLog(cluster.audit_log)
    both[0].start()
    try:
        return [_stop(audit, *(both if number % 2 == 0 else reversed(both))) for number in range(rounds)]
    finally:
        for controller in both:
            controller.kill()


def _stop(audit: AuditLog, leader: Controller, standby: Controller) -> float:
    """Seconds from SIGTERM until the standby held the Lease."""
    launched = datetime.now(UTC)
    standby.launch()
    _until(lambda: _since(audit, launched, "get"), "it looks at the Lease, as it does with warm caches")
    asked = datetime.now(UTC)
    leader.stop()
    taken = _until(lambda: [w for w in _since(audit, asked, "patch") if _takes(w)], "it takes the Lease")
    return (taken[0].completed - asked).total_seconds()


def _since(audit: AuditLog, moment: datetime, verb: str) -> list[Write]:
    """The calls about the Lease that did what they asked for."""
    calls = audit.calls(NAMESPACE, "leases")
    return [w for w in calls if w.name == LEASE and w.verb == verb and w.took_effect and w.received > moment]


def _takes(write: Write) -> bool:
    return bool(write.body["spec"].get("holderIdentity"))


def _until(seen: Callable[[], list[Write]], what: str) -> list[Write]:
    deadline = time.monotonic() + SECONDS
    while not (found := seen()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {SECONDS:.0f} s in vain: {what}")
        time.sleep(POLL_SECONDS)
    return found


if __name__ == "__main__":
    main()
