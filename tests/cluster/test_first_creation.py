"""First creation: nothing is proven yet, so there is nothing to protect (F4, F4b)."""

from tests.cluster.applications import Applications
from tests.cluster.fleet import BROKEN, changed_template, fleet, gate, published
from tests.cluster.replay import status_of
from tests.cluster.world import World

REPLICAS = 3


def test_a_bad_start_is_healed_by_a_fix(live: World) -> None:
    """F4b: a newer version, and then another model, replace what is not healthy at once and without a run."""
    live.create(published("1.0.0", BROKEN), fleet(REPLICAS, 34))
    live.until("all are made", lambda: live.versions() == ["1.0.0"] * REPLICAS)
    live.create(published("1.1.0", BROKEN))
    live.until("all are replaced", lambda: live.versions() == ["1.1.0"] * REPLICAS)
    live.patch("scaleset", "web", {"spec": {"template": changed_template("one")}})
    live.until("all have the model", lambda: live.settings() == ["one"] * REPLICAS)
    assert "provenImageVersion" not in status_of(live.get("scalesets", "web"))
    live.create(published("1.2.0"))
    status = status_of(live.until_healthy("1.2.0", REPLICAS))
    assert status["provenModelRevision"] == status["modelRevision"]
    assert (live.settings(), live.items("upgraderuns")) == (["one"] * REPLICAS, [])


def test_a_bad_start_is_healed_by_withdrawing(live: World) -> None:
    """F4b, V3, F4: the bad version is excluded, so the one below it is the latest; it is proven by health alone."""
    live.publish(published("1.0.0"), published("1.1.0", BROKEN))
    live.create(fleet(REPLICAS, 34))
    live.until("all are made", lambda: live.versions() == ["1.1.0"] * REPLICAS)
    live.patch("imageversion", "os-1.1.0", {"spec": {"excludeFromLatest": True}})
    scale_set = live.until_healthy("1.0.0", REPLICAS)
    assert (status_of(scale_set).get("heldVersions", []), live.items("upgraderuns")) == ([], [])


def test_some_that_stay_ill_keep_nothing_from_being_proven(live: World) -> None:
    """F4, B9, H2: when their time-outs are over, 2 of 5 are too many, and 1 of 5, which is 20%, is not."""
    with Applications(minors=(0,), replicas=5) as applications:
        for ordinal in (1, 3):
            applications.says(0, (503, None), ordinal)
        hasty = {"provisioningTimeoutSeconds": 5}
        live.create(published("1.0.0"), applications.fleet(5, rolling=hasty))
        live.until_condition("web", "Ready", "False", "InstancesUnhealthy")
        live.until("both are late", lambda: status_of(live.get("scalesets", "web"))["unhealthyReplicas"] == 2)
        assert "provenImageVersion" not in status_of(live.get("scalesets", "web"))
        applications.says(0, (200, None), 1)
        live.until("it is proven", lambda: status_of(live.get("scalesets", "web")).get("provenImageVersion"))
        assert status_of(live.get("scalesets", "web"))["readyReplicas"] == 4


def test_who_is_healthy_follows_by_a_run(live: World) -> None:
    """F4b, F4, T1: while nothing is proven a newer version replaces the ill one at once, the others batch by batch."""
    with Applications(minors=(0, 1), replicas=REPLICAS) as applications:
        applications.says(0, (503, None), 1)
        live.create(published("1.0.0"), gate(2), applications.fleet(REPLICAS, 34))
        live.until("two are well", lambda: status_of(live.get("scalesets", "web")).get("readyReplicas") == 2)
        assert "provenImageVersion" not in status_of(live.get("scalesets", "web"))
        live.create(published("1.1.0"))
        live.until_gated("1.1.0")
        assert live.versions() == ["1.1.0", "1.1.0", "1.0.0"]
        assert live.get("pods", "web-1")["metadata"]["annotations"]["rollkeeper.io/made-by"] == "FirstCreation"
        live.open_gate()
        run = live.until_run_to("1.1.0", "Completed")
        assert [(o["imageVersion"], o["instances"]) for o in status_of(run)["origins"]] == [("1.0.0", "0,2")]
        live.until_healthy("1.1.0", REPLICAS)
