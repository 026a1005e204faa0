"""What a running controller says of itself over HTTP."""

import pytest

from tests.cluster.controller import Controller
from tests.cluster.fleet import fleet, published
from tests.cluster.pages import Pages
from tests.cluster.world import World

KINDS = ("scalesets", "imageversions", "upgraderuns")


@pytest.fixture
def pages(own_controller: Controller) -> Pages:
    found = Pages()
    own_controller.start(flags=(f"--listen={found.listen}",))
    return found


def test_probes_and_metrics_of_a_working_controller(world: World, own_controller: Controller, pages: Pages) -> None:
    assert pages.get("/readyz") == (200, "ok")
    assert pages.get("/healthz") == (200, "ok")
    assert pages.samples("rollkeeper_leader") == {"": 1}
    world.create(published("1.0.0"), fleet(3))
    world.until_healthy("1.0.0", 3)
    world.create(published("1.1.0"))
    world.until_run_to("1.1.0", "Completed")
    assert pages.samples("rollkeeper_runs_total") == {"Completed,Completed,Platform,OSImage": 1}
    assert pages.samples("rollkeeper_instances") == {"healthy": 3, "unhealthy": 0, "starting": 0}
    assert pages.samples("rollkeeper_api_requests_total")["201,pods,evict"] == 3
    own_controller.stop()
    with pytest.raises(OSError, match="refused"):
        pages.get("/healthz")


def test_every_watch_is_heard_of(world: World, pages: Pages) -> None:
    """kopf's too, which itself tells nobody whether it watches."""
    prefix = f"kopf's watch /apis/rollkeeper.io/v1alpha1/namespaces/{world.namespace}"
    kopfs = {f"{prefix}/{kind}" for kind in KINDS}

    def heard() -> set[str]:
        """Sources that were heard of since the process began: all others are as old as it."""
        silence = pages.samples("rollkeeper_cache_silence_seconds")
        assert kopfs < silence.keys()
        oldest = max(silence.values())
        return {source for source, age in silence.items() if age < oldest}

    world.create(published("1.0.0"))
    world.until("kopf watches", lambda: kopfs <= heard() or None)


def test_a_standby_is_ready(world: World, own_controller: Controller, rival: Controller) -> None:
    """Readiness does not depend on leadership: else an upgrade of a Deployment would wait for ever."""
    own_controller.start()
    pages = Pages()
    rival.launch(flags=(f"--listen={pages.listen}",))
    world.until("the standby is ready", lambda: _answers(pages) or None)
    assert pages.samples("rollkeeper_leader") == {"": 0}


def _answers(pages: Pages) -> bool:
    try:
        return pages.get("/readyz") == (200, "ok")
    except OSError:
        return False
