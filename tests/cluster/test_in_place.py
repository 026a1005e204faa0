"""Images changed in place on simulated nodes, which swap a container as a kubelet does (B5, B12, E1, H3)."""

from collections import Counter

from tests.cluster.audit import AuditLog, Json
from tests.cluster.fleet import BROKEN, changed_template, closed_gate, data_disk, fleet, gate, published, users_run
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places

TASK: Json = {"name": "agent", "type": "Task", "container": {"image": "registry.test/agent:1"}}


def in_place(replicas: int = 4, percent: int = 50, **spec: object) -> Json:
    """A fleet whose pods are to stay."""
    made = fleet(replicas, percent, **spec)  # type: ignore[arg-type]
    made["spec"]["upgradePolicy"]["replacementMethod"] = "InPlaceIfPossible"
    return made


def on_instances(audit: AuditLog, world: World, since: int) -> Counter[str]:
    """What the controller wrote to pods and claims, by verb and resource; dry runs don't count."""
    mine = [w for w in audit.writes(world.namespace, since) if w.by_controller and w.took_effect]
    kinds = ("pods", "persistentvolumeclaims")
    return Counter(f"{w.verb} {w.resource}" for w in mine if w.resource.startswith(kinds))


def images(world: World) -> list[str]:
    """What really runs, as the kubelet says."""
    return [pod["status"]["containerStatuses"][0]["image"] for pod in world.pods()]


def test_one_patch_an_instance(live: World, audit: AuditLog) -> None:
    """B5, I2, I3: pods, addresses and disks stay; each pod is written once, and each disk gets its label."""
    live.create(published("1.0.0"), in_place(volumeClaimTemplates=[data_disk()]))
    live.until_healthy("1.0.0", 4)
    before, disks, begin = live.uids(), live.claims(), audit.mark()
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0-1", "2-3"]
    assert (live.uids(), live.claims(), live.versions()) == (before, disks, ["1.1.0"] * 4)
    assert images(live) == ["registry.test/os:1.1.0"] * 4
    assert on_instances(audit, live, begin) == {"patch pods": 4, "patch persistentvolumeclaims": 4}
    labels = [
        claim["metadata"]["labels"]["rollkeeper.io/image-version"] for claim in live.items("persistentvolumeclaims")
    ]
    assert labels == ["1.1.0"] * 4
    live.until_healthy("1.1.0", 4)


def test_a_broken_image_is_put_back_in_place(live: World, audit: AuditLog) -> None:
    """H3, B12, F3: the pods stay, a budget that refuses all does not keep the broken ones, and the version is held."""
    live.create(published("1.0.0"), in_place())
    live.until_healthy("1.0.0", 4)
    before, begin = live.uids(), audit.mark()
    live.create(published("1.1.0", BROKEN))
    name = live.until("the first are changed", lambda: live.versions().count("1.1.0") == 2 and live.attempt_at("1.1.0"))
    live.create(closed_gate())
    run = live.until_run(name, "Faulted")
    assert places(run) == {"failed": [0, 1], "rolledBack": [0, 1], "pending": [2, 3]}
    assert status_of(run)["failures"][0]["reason"] == "CrashLoopBackOff"
    assert (live.uids(), live.versions()) == (before, ["1.0.0"] * 4)
    assert images(live) == ["registry.test/os:1.0.0"] * 4
    assert on_instances(audit, live, begin) == {"patch pods": 4}
    live.until_healthy("1.0.0", 4)


def test_an_image_that_is_not_there_is_put_back_in_place(live: World) -> None:
    """H5: the kubelet's words, though the pod has run well before."""
    live.create(published("1.0.0"), in_place(2, rolling={"provisioningTimeoutSeconds": 4}))
    live.until_healthy("1.0.0", 2)
    before = live.uids()
    live.create(published("1.1.0", "-x:bad"))
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
    assert status_of(run)["failures"][0]["reason"] == "ImagePullBackOff"
    live.until_healthy("1.0.0", 2)
    assert live.uids() == before


def test_a_budget_keeps_an_image(live: World, audit: AuditLog) -> None:
    """B12: what would refuse the eviction keeps the image; a dry run asks, and takes nothing from the budget."""
    live.create(published("1.0.0"), in_place(2), gate(1))
    live.until_healthy("1.0.0", 2)
    before, begin = live.uids(), audit.mark()
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0", 1)
    live.until_said(
        name, "web-1 can't be replaced: The disruption budget gate needs 1 healthy pods and has 1 currently"
    )
    assert on_instances(audit, live, begin) == {"patch pods": 1}
    live.open_gate()
    live.until_run(name, "Completed")
    live.until_healthy("1.1.0", 2)
    assert live.uids() == before


def test_one_at_a_time_if_a_budget_says_so(live: World) -> None:
    """B12: the batch is four, the budget allows one: never are two of them away."""
    live.create(published("1.0.0"), in_place(4, percent=100))
    live.until_healthy("1.0.0", 4)
    budget = gate(0)
    # Not maxUnavailable: for that the disruption controller must know the CRD, which takes it 30 s on a new cluster.
    budget["spec"] = {"minAvailable": 3, "selector": {"matchLabels": {"rollkeeper.io/scale-set": "web"}}}
    live.create(budget)
    live.create(published("1.1.0"))
    run = live.until_run_to("1.1.0", "Completed")
    assert [b["instances"] for b in status_of(run)["batches"]] == ["0-3"]
    changed = sorted(condition(pod, "Ready")["lastTransitionTime"] for pod in live.pods())
    assert len(set(changed)) > 1, "all became ready again in the same second"


def test_where_it_takes_new_pods(live: World) -> None:
    """E1, B5, M1: for a changed model, and where a Task has to run again; the batch says so."""
    live.create(published("1.0.0"), in_place(2, automatic=False))
    live.until_healthy("1.0.0", 2)
    before = live.uids()
    live.create(gate(0))
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one"), "extensions": [TASK]}})
    model = live.until(
        "a Model run begins", lambda: next((r["metadata"]["name"] for r in live.items("upgraderuns")), None)
    )
    live.until_said(model, "web-0 can't be replaced")
    live.open_gate()
    live.until_run(model, "Completed")
    live.until_healthy("1.0.0", 2)
    changed = live.uids()
    assert set(changed.values()).isdisjoint(before.values())
    live.create(published("1.1.0"), users_run("up", "1.1.0"))
    live.until_run("up", "Completed")
    live.until_healthy("1.1.0", 2)
    assert set(live.uids().values()).isdisjoint(changed.values())
    said = [e["note"] for e in live.items("events") if e["reason"] == "BatchStarted"]
    assert "batch 1: replacing 0 by new pods (the model changes)" in said
    assert "batch 1: replacing 0 by new pods (Task extensions run in new pods only)" in said
