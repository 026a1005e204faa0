"""First creation: nothing is proven yet, so there is nothing to protect (F4, F4b)."""

from tests.cluster.fleet import BROKEN, changed_template, fleet, published
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
