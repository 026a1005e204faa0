"""H4 on real containers: the controller asks the application of an instance, and what it answers judges the rollout.

The controller runs outside of the cluster, so the instance uses the network of its node, whose address can be reached
from here (on Linux; where Docker runs in a virtual machine it can't). For the same reason there is one instance only.
"""

import signal
from typing import Any

import pytest

from tests.e2e.images import PORT, image
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site, until

NAME = "asked"
POD = f"{NAME}-0"
TYPE = "rollkeeper.io/ApplicationHealthy"
SECONDS = 120
Json = dict[str, Any]
pytestmark = pytest.mark.usefixtures("in_order")


def manifest() -> Json:
    """Pods are Ready as soon as they run: only the application tells a good version from a bad one."""
    made = scale_set(NAME, 1)
    asked = {"protocol": "HTTP", "port": PORT, "requestPath": "/state", "mode": "Rich", "numberOfProbes": 2}
    made["spec"]["health"] = {"source": "ApplicationHealth", "applicationHealth": asked}
    pod = made["spec"]["template"]["spec"]
    pod["hostNetwork"] = True
    del pod["containers"][0]["readinessProbe"]
    return made


def told(site: Site) -> Json:
    """What the pod tells of its application."""
    conditions = site.get("pod", POD)["status"]["conditions"]
    return next((c for c in conditions if c["type"] == TYPE), {})


def address(site: Site) -> str:
    return str(site.get("pod", POD)["status"]["podIP"])


def restarted(site: Site) -> str | None:
    """When the container that was started anew began to run."""
    container = site.get("pod", POD)["status"]["containerStatuses"][0]
    running = container["state"].get("running", {}).get("startedAt")
    return str(running) if container["restartCount"] and running else None


def test_first_creation(site: Site) -> None:
    site.apply(image_version(NAME, "1.0.0", image("1.0.0")), manifest())
    site.wait_for_proven(NAME, "1.0.0", 1, SECONDS)
    found = told(site)
    assert (found["status"], found["reason"]) == ("True", "Healthy")
    assert found["message"] == f"HTTP 200 from http://{address(site)}:{PORT}/state: Healthy, 2 times"


def test_good_version_rolls(site: Site) -> None:
    site.apply(image_version(NAME, "1.1.0", image("1.1.0")))
    assert site.finished(site.run_to(NAME, "1.1.0"), SECONDS)["runningStatus"]["code"] == "Completed"
    site.wait_for_proven(NAME, "1.1.0", 1, 30)


def test_version_that_says_it_is_unhealthy_is_put_back(site: Site) -> None:
    """H4: all pods are Ready; what the application says stands in the failure."""
    where = address(site)
    site.apply(image_version(NAME, "1.2.0", image("1.2.0")))
    status = site.finished(site.run_to(NAME, "1.2.0"), SECONDS)
    assert status["runningStatus"]["code"] == "Faulted"
    assert status["instances"]["rolledBack"] == "0"
    (failure,) = status["failures"]
    assert failure["reason"] == "ApplicationUnhealthy"
    assert failure["message"] == f"HTTP 200 from http://{where}:{PORT}/state: Unhealthy, 2 times"
    site.wait_for_proven(NAME, "1.1.0", 1, 30)


def test_state_outlives_a_killed_controller(site: Site) -> None:
    """H4: the kubelet leaves the condition alone, and the controller writes it only when it changes."""
    before = told(site)
    assert site.controller.end(signal.SIGKILL) == -signal.SIGKILL
    site.shell(POD, "cp /www/state /www/kept && echo nonsense > /www/state")
    site.controller.start()
    until("the application is Unknown", lambda: True if told(site).get("reason") == "Unknown" else None, 60)
    site.shell(POD, "mv /www/kept /www/state")
    until("the application is Healthy", lambda: True if told(site).get("reason") == "Healthy" else None, 60)
    assert told(site)["lastTransitionTime"] > before["lastTransitionTime"]


def test_container_that_restarts_is_asked_anew(site: Site) -> None:
    """The state of the container before says nothing of the one after it."""
    site.shell(POD, "kill 1")
    began = until("the container runs again", lambda: restarted(site), 60)

    def healthy_again() -> bool | None:
        found = told(site)
        return True if found["reason"] == "Healthy" and found["lastTransitionTime"] >= began else None

    until("the application is Healthy again", healthy_again, 60)
    site.wait_for_proven(NAME, "1.1.0", 1, 60)
