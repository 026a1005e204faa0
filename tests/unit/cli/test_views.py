"""H1, H4: an instance is told of as the controller judges it, by its application too."""

import pytest

from rollkeeper.cli.plugin.views import SetView, instances
from tests.unit.cli.objects import Json, condition, pod, scale_set

ASKED: Json = {
    "source": "ApplicationHealth",
    "applicationHealth": {"protocol": "HTTP", "port": 8080, "requestPath": "/health"},
}
SAID = "HTTP 503 from http://10.0.0.7:8080/health"


def says(state: str) -> Json:
    return condition("rollkeeper.io/ApplicationHealthy", "Unknown", state, SAID)


@pytest.mark.parametrize(
    ("health", "told", "wanted"),
    [
        (ASKED, says("Healthy"), ("healthy", "")),
        (ASKED, says("Unhealthy"), ("unhealthy", f"ApplicationUnhealthy: {SAID}")),
        (ASKED, says("Initializing"), ("unhealthy", f"ApplicationInitializing: {SAID}")),
        (ASKED, None, ("unhealthy", "its application was not asked yet")),
        ({"source": "Probe"}, says("Unhealthy"), ("healthy", "")),
    ],
)
def test_h4_health_by_application(health: Json, told: Json | None, wanted: tuple[str, str]) -> None:
    one = pod(0)
    one["status"]["conditions"] += [told] if told else []
    (line,) = instances(SetView(scale_set(1, health=health)), None, [one])
    assert (line.health, line.why) == wanted
