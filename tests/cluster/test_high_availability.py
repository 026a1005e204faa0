"""Two replicas, as the chart runs them: one leads, one stands by. Whatever happens to the leader, to the API server or
to etcd in mid-run, the run ends as it would have, and the audit log shows that no invariant was broken (I8).

How fast somebody takes over is shown in tests/unit/kube/test_lease.py, on a clock that no busy machine slows down, and
measured by bench.handover. Here the Lease and the audit log tell who led when, and who looked how often.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from hack.localcluster import LocalCluster
from rollkeeper.kube.lease import LeaseTiming
from tests.cluster.audit import AuditLog
from tests.cluster.controller import Controller
from tests.cluster.fleet import fleet, gate, published
from tests.cluster.killable import FROZEN, KILLED
from tests.cluster.leadership import NOBODY, Leadership, waited
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5
LEADER, STANDBY = "controller", "rival"
LEASE = timedelta(seconds=LeaseTiming().lease)
FROZEN_FOR = timedelta(seconds=40)
OUTAGE_SECONDS = 30.0
CLIENTS = ("kube-scheduler", "kube-controller-manager")
PATIENT = {"healthTimeoutSeconds": 300}


@pytest.fixture
def leadership(world: World, audit: AuditLog) -> Leadership:
    return Leadership(world, audit)


@pytest.fixture
def both(own_controller: Controller, rival: Controller) -> Iterator[tuple[Controller, Controller]]:
    """A leader, and one who stands by."""
    own_controller.start()
    rival.launch()
    yield own_controller, rival
    for controller in (own_controller, rival):
        controller.end()


def _rolled(world: World) -> None:
    """The run to 1.1.0 ends as it would have: each batch once, nothing failed, nothing held."""
    run = world.until_run_to("1.1.0", "Completed", seconds=120)
    assert places(run) == {"succeeded": list(range(REPLICAS))}
    batches = [(b["number"], b["instances"], b["succeeded"], b["failed"]) for b in status_of(run)["batches"]]
    assert batches == [(1, "0-1", 2, 0), (2, "2-3", 2, 0), (3, "4", 1, 0)]
    assert status_of(run).get("failures", []) == []
    scale_set = world.until_healthy("1.1.0", REPLICAS)
    assert world.versions() == ["1.1.0"] * REPLICAS
    assert status_of(scale_set).get("heldVersions", []) == []
    assert condition(scale_set, "UpToDate")["status"] == "True"
    assert [r["metadata"].get("finalizers", []) for r in world.items("upgraderuns")] == [[]]


def test_a_killed_leader_is_succeeded(
    world: World, own_controller: Controller, rival: Controller, leadership: Leadership
) -> None:
    """I8: killed between an eviction and what follows it; the other goes on when the Lease has run out, not before."""
    own_controller.start((*KILLED, "first pod evicted"))
    rival.launch()
    world.create(published("1.0.0"), fleet(REPLICAS, percent=40))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    own_controller.wait_for_its_death(60)
    _rolled(world)
    first, second = leadership.terms()
    assert (first.holder, second.holder) == (LEADER, STANDBY)
    assert waited(first, second) >= LEASE
    assert leadership.transitions() == 1


def test_a_leader_that_stood_still_gives_up_when_it_wakes(
    world: World, own_controller: Controller, rival: Controller, leadership: Leadership
) -> None:
    """I8: stopped right after an eviction, woken 40 s later while its successor is in the middle of a later batch."""
    own_controller.start((*FROZEN, "first pod evicted"))
    rival.launch()
    world.create(published("1.0.0"), gate(4), fleet(REPLICAS, percent=40))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    leadership.until_led_by(STANDBY)
    world.until_gated("1.1.0", 4)
    leadership.until_renewed_after(STANDBY, leadership.terms()[0].renewed + FROZEN_FOR)
    own_controller.wake()
    own_controller.wait_until_it_gives_up(60)
    world.open_gate()
    _rolled(world)
    assert leadership.holders() == [LEADER, STANDBY]


def test_a_clean_stop_hands_over(world: World, both: tuple[Controller, Controller], leadership: Leadership) -> None:
    """The Lease is given back in mid-batch, and the standby takes it the next time it looks, which it does each second.

    How long that takes on the clock is measured by bench.handover.
    """
    world.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=40))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    world.until_gated("1.1.0", 2)
    both[0].stop()
    leadership.until_led_by(STANDBY)
    world.open_gate()
    _rolled(world)
    assert leadership.holders() == [LEADER, NOBODY, STANDBY]
    assert leadership.looks_before(STANDBY) <= 1, "at its first look"


def test_the_api_server_is_restarted(
    world: World, simulated: LocalCluster, both: tuple[Controller, Controller]
) -> None:
    """I8: in mid-batch. A leader that could not renew for so long gives up, and is started again as by the kubelet.

    No pod can go meanwhile, which is given time: it would count as stuck (H8).
    """
    world.create(published("1.0.0"), fleet(REPLICAS, percent=40, rolling=PATIENT))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    world.until("a run is in its first batch", lambda: _batch(world) or None)
    with _without(simulated, "kube-apiserver"):
        pass
    _until_it_leads_again(world, both)
    _rolled(world)


def test_etcd_is_away(
    world: World, simulated: LocalCluster, both: tuple[Controller, Controller], leadership: Leadership
) -> None:
    """I8: for 30 s in mid-batch, which no leader survives; one that is started meanwhile waits for the end of it."""
    world.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=40, rolling=PATIENT))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    world.until_said(world.until_gated("1.1.0", 2), "gate")
    began = time.monotonic()
    with _without(simulated, "etcd"):
        both[0].wait_until_it_gives_up(60)
        both[0].launch()
        time.sleep(max(0.0, OUTAGE_SECONDS - (time.monotonic() - began)))  # the outage itself, nothing is awaited by it
    _until_it_leads_again(world, both)
    world.until("all instances are ready", lambda: _all_ready(world))
    world.open_gate()
    _rolled(world)
    assert NOBODY not in leadership.holders()


@contextmanager
def _without(simulated: LocalCluster, name: str) -> Iterator[None]:
    """While one part of the control plane is away.

    Its clients go with it. A scheduler that was binding pods may end itself later, because its cache contradicts what
    it reads, and here no kubelet would start it again. And a controller manager that could not read the nodes' Leases
    for long would call all nodes lost, which is another story than this one.
    """
    for client in CLIENTS:
        simulated.stop(client)
    simulated.stop(name)
    yield
    simulated.start(name)
    for client in CLIENTS:
        simulated.start(client)


def _all_ready(world: World) -> bool:
    found = [condition(pod, "Ready").get("status") for pod in world.pods()]
    return found == ["True"] * REPLICAS


def _batch(world: World) -> int:
    numbers = [status_of(run).get("currentBatch", {}).get("number", 0) for run in world.items("upgraderuns")]
    return max(numbers, default=0)


def _until_it_leads_again(world: World, controllers: tuple[Controller, Controller]) -> None:
    """Somebody has renewed the Lease since now; who gave up meanwhile is started again."""
    version = world.get("leases", "rollkeeper")["metadata"]["resourceVersion"]

    def renewed() -> bool:
        for controller in controllers:
            controller.start_again_if_it_gave_up()
        return bool(world.get("leases", "rollkeeper")["metadata"]["resourceVersion"] != version)

    world.until("somebody leads again", renewed)
