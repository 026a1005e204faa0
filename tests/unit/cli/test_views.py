"""H1, H4: an instance is told of as the controller judges it, by its application too."""

import json

import pytest

from rollkeeper.api.v1alpha1 import names
from rollkeeper.cli.plugin.views import RunView, SetView, instances
from tests.unit.cli.objects import Json, condition, pod, run, scale_set

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


def test_b5_an_image_changed_in_place_is_said() -> None:
    """The kubelet still tells of the old container, which runs and is ready."""
    swapped = pod(0, "1.2.0")
    swapped["status"]["containerStatuses"][0]["containerID"] = "cri://old"
    told = {"time": "2026-01-02T11:59:00+00:00", "containerID": "cri://old", "imageID": ""}
    swapped["metadata"]["annotations"] = {names.ANNOTATION_IN_PLACE: json.dumps(told)}
    at_work = run(status={"instances": {"inProgress": "0"}})
    (line,) = instances(SetView(scale_set(1)), RunView(at_work), [swapped])
    assert (line.version, line.health) == ("1.2.0", "upgrading")
    assert line.why == "its image was changed in place, and the new container has not started yet"
