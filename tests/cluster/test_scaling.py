"""Instances that come and go outside of batches: scaling, repair, deletion (B6, B11, V5, F5, I3, F7)."""

import pytest

from hack.localcluster import LocalCluster
from tests.cluster.applications import NET, Applications
from tests.cluster.audit import AuditLog
from tests.cluster.fleet import data_disk, fleet, gate, published, users_run
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

REPLICAS = 5


def _gated(world: World) -> str:
    """A set in mid-run: 0 and 1 are upgraded, 2 can't be evicted. Returns the run's name."""
    world.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=20, volumeClaimTemplates=[data_disk()]))
    world.until_healthy("1.0.0", REPLICAS)
    world.create(published("1.1.0"))
    return world.until_gated("1.1.0")


def test_scale_out_in_mid_run(live: World) -> None:
    """B11, F4: new instances get the proven version and join as pending."""
    name = _gated(live)
    live("scale", "scaleset/web", "--replicas=8")
    live.until("the new pods are there", lambda: len(live.pods()) == 8)
    assert live.versions() == ["1.1.0"] * 2 + ["1.0.0"] * 6
    live.until("they have joined", lambda: places(live.get("upgraderuns", name)).get("pending", [])[-1:] == [7])
    live.open_gate()
    assert places(live.until_run(name, "Completed")) == {"succeeded": list(range(8))}
    live.until_healthy("1.1.0", 8)
    assert live.versions() == ["1.1.0"] * 8


def test_scale_in_in_mid_run(live: World) -> None:
    """B11, I3: removed instances leave every count; their data disks stay."""
    name = _gated(live)
    claims = live.claims()
    live("scale", "scaleset/web", "--replicas=3")
    live.until("the pods are gone", lambda: len(live.pods()) == 3)
    live.until("they have left", lambda: max(map(max, places(live.get("upgraderuns", name)).values())) == 2)
    live.open_gate()
    run = live.until_run(name, "Completed")
    assert places(run) == {"succeeded": [0, 1, 2]}
    assert status_of(run)["progress"]["summary"] == "3/3"
    live.until_healthy("1.1.0", 3)
    assert live.claims() == claims


def test_scale_out_while_going_down(live: World) -> None:
    """V5, B11: during a user's run to a lower version new instances get its target."""
    live.publish(published("1.0.0"), published("1.1.0"))
    live.create(gate(1), fleet(3, percent=34, automatic=False))
    live.until_healthy("1.1.0", 3)
    live.create(users_run("down", "1.0.0"))
    live.until_gated("1.0.0", 1)
    live("scale", "scaleset/web", "--replicas=4")
    live.until("the new pod is there", lambda: len(live.pods()) == 4)
    assert live.versions() == ["1.0.0", "1.1.0", "1.1.0", "1.0.0"]
    live.open_gate()
    assert places(live.until_run("down", "Completed")) == {"succeeded": [0, 1, 2, 3]}
    live.until_healthy("1.0.0", 4)


def test_who_starts_stops_no_run(live: World) -> None:
    """B6, B11, H2: 3 of 8 were scaled out and are not healthy yet; they are starting, so the run goes on to them."""
    with Applications(minors=(0, 1), replicas=8) as applications:
        for ordinal in (5, 6, 7):
            applications.says(0, (503, None), ordinal)
        live.create(published("1.0.0"), gate(2), applications.fleet(5, rolling={"healthTimeoutSeconds": 50}))
        live.until_healthy("1.0.0", 5)
        live.create(published("1.1.0"))
        name = live.until_gated("1.1.0")
        live("scale", "scaleset/web", "--replicas=8")
        live.until("they are asked", lambda: all(applications.asked.get(f"{NET}.0.{o}") for o in (5, 6, 7)))
        assert status_of(live.get("scalesets", "web"))["provenImageVersion"] == "1.0.0"
        live.open_gate()
        assert places(live.until_run(name, "Completed")) == {"succeeded": list(range(8))}
        live.until_healthy("1.1.0", 8)


AUTOSCALER = "system:serviceaccount:kube-system:horizontal-pod-autoscaler"


def test_a_horizontal_pod_autoscaler_in_mid_run(live: World, audit: AuditLog) -> None:
    """B11: a real autoscaler scales the set out and in through its scale subresource while a run is active.

    Nobody measures anything in this cluster: it is the autoscaler's limits that make it scale, out by minReplicas and
    in by maxReplicas.
    """
    name, begin = _gated(live), audit.mark()
    live("autoscale", "scaleset/web", "--min=8", "--max=9", "--cpu=50%")
    live.until("the new pods are there", lambda: len(live.pods()) == 8)
    live.until("they have joined", lambda: places(live.get("upgraderuns", name)).get("pending", [])[-1:] == [7])
    assert live.versions() == ["1.1.0"] * 2 + ["1.0.0"] * 6
    live.patch("horizontalpodautoscaler", "web", {"spec": {"minReplicas": 3, "maxReplicas": 4}})
    live.until("the surplus is gone", lambda: len(live.pods()) == 4)
    live.open_gate()
    assert places(live.until_run(name, "Completed")) == {"succeeded": [0, 1, 2, 3]}
    live.until_healthy("1.1.0", 4)
    mine = [w for w in audit.writes(live.namespace, begin) if w.user == AUTOSCALER and w.took_effect]
    assert [w.body["spec"]["replicas"] for w in mine if w.resource == "scalesets/scale"] == [8, 4]


def test_repair(live: World) -> None:
    """F5, V8: a pod that disappears comes back as it was, with its data disk, whatever was published since."""
    live.create(published("1.0.0"), fleet(3, automatic=False, volumeClaimTemplates=[data_disk()]))
    live.until_healthy("1.0.0", 3)
    live.create(published("1.1.0"))
    claims, before = live.claims(), live.get("pods", "web-1")
    live("delete", "pod", "web-1", "--wait=false")

    def anew() -> bool:
        pod = live.find("pods", "web-1")
        return pod is not None and pod["metadata"]["uid"] != before["metadata"]["uid"]

    live.until("web-1 is made anew", anew)
    live.until_healthy("1.0.0", 3)
    after = live.get("pods", "web-1")
    assert after["metadata"]["annotations"]["rollkeeper.io/made-by"] == "Repair"
    assert after["spec"]["containers"][0]["image"] == before["spec"]["containers"][0]["image"]
    assert live.versions() == ["1.0.0"] * 3
    assert live.claims() == claims


def test_to_zero_and_back(live: World) -> None:
    """F4, I3: a set of no instances is ready; later ones get the proven version and find their data disks."""
    live.create(published("1.0.0"), fleet(2, automatic=False, volumeClaimTemplates=[data_disk()]))
    live.until_healthy("1.0.0", 2)
    claims = live.claims()
    live("scale", "scaleset/web", "--replicas=0")
    empty = live.until_healthy("1.0.0", 0)
    assert condition(empty, "Ready")["reason"] == "NoInstances"
    assert live.pods() == []
    live.create(published("1.1.0"))
    live("scale", "scaleset/web", "--replicas=2")
    live.until_healthy("1.0.0", 2)
    assert live.versions() == ["1.0.0"] * 2
    assert live.claims() == claims


def test_at_zero_nothing_is_proven(live: World) -> None:
    """T1, F4, B11: no run starts, and a user's proves nothing; who comes gets the proven one, and rolls then."""
    live.create(published("1.0.0"), fleet(2, percent=50))
    live.until_healthy("1.0.0", 2)
    live("scale", "scaleset/web", "--replicas=0")
    live.until_healthy("1.0.0", 0)
    live.publish(published("1.1.0"))
    live.create(users_run("mine", "1.1.0"))
    live.until_run("mine", "Completed")
    assert status_of(live.until_healthy("1.0.0", 0))["latestImageVersion"] == "1.1.0"
    assert [run["metadata"]["name"] for run in live.items("upgraderuns")] == ["mine"]
    live("scale", "scaleset/web", "--replicas=2")
    run = live.until_run_to("1.1.0", "Completed")
    assert [origin["imageVersion"] for origin in status_of(run)["origins"]] == ["1.0.0"]
    live.until_healthy("1.1.0", 2)


@pytest.mark.parametrize("cascade", ["background", "foreground"])
def test_deletion_in_mid_run(live: World, cascade: str) -> None:
    """F7, I3: the set, its pods and its run go, whatever finalizers they have; the data disks stay."""
    name = _gated(live)
    claims = live.claims()
    live("delete", "scaleset", "web", f"--cascade={cascade}", "--timeout=60s")
    live.until("the set is gone", lambda: live.find("scalesets", "web") is None)
    live.until("its run is gone", lambda: live.find("upgraderuns", name) is None)
    live.until("its pods are gone", lambda: live.items("pods") == [])
    assert live.claims() == claims


def test_users_run_outlives_its_set(live: World) -> None:
    """F7: a user's run ends with its set, and nothing keeps it from being deleted."""
    live.create(published("1.0.0"), gate(2), fleet(REPLICAS, percent=20, automatic=False))
    live.until_healthy("1.0.0", REPLICAS)
    live.create(published("1.1.0"), users_run("mine", "1.1.0"))
    live.until_gated("1.1.0")
    live("delete", "scaleset", "web", "--timeout=60s")
    run = live.until_run("mine", "Cancelled")
    assert status_of(run)["error"]["code"] == "ScaleSetDeleted"
    live("delete", "upgraderun", "mine", "--timeout=10s")


def test_a_namespace_goes_in_mid_run(simulated: LocalCluster, live: World) -> None:
    """F7: an object can always be deleted, with everything around it; nothing waits for a finalizer of ours."""
    doomed = World(simulated, f"{live.namespace}-doomed")
    doomed("create", "namespace", doomed.namespace)
    _gated(doomed)
    simulated.kubectl("delete", "namespace", doomed.namespace, "--timeout=60s")
