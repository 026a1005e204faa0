"""H7: an extension's token expires, the next upgrade stops at its first batch, and renewing the token mends it."""

from typing import Any

import pytest

from tests.e2e.images import image
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site

Json = dict[str, Any]
SET = "cred"
PODS = ("cred-0", "cred-1", "cred-2")
ROLL_SECONDS = 240
pytestmark = pytest.mark.usefixtures("in_order")

LOG_IN = """
echo logging in
if [ "$TOKEN" = expired ]; then echo token expired; exit 1; fi
"""


def secret(token: str) -> Json:
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "agent"}, "stringData": {"token": token}}


def with_agent(renewed: str) -> Json:
    container = {
        "image": image("1.0.0"),
        "command": ["/bin/sh", "-c", LOG_IN],
        "env": [
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "agent", "key": "token"}}},
            {"name": "RENEWED", "value": renewed},
        ],
    }
    agent = {"name": "agent", "type": "Task", "container": container}
    return scale_set(SET, len(PODS), provisioning_seconds=20, spec={"extensions": [agent]})


def uids(site: Site) -> dict[str, str]:
    return {name: pod["metadata"]["uid"] for name, pod in site.pods(SET).items()}


def served(site: Site) -> list[str]:
    return [site.served(pod) for pod in PODS]


def test_a_token_that_works(site: Site) -> None:
    site.apply(secret("fresh"), image_version(SET, "1.0.0", image("1.0.0")), with_agent("in January"))
    site.wait_for_proven(SET, "1.0.0", len(PODS), 120)


def test_the_first_batch_fails_and_can_not_be_put_back(site: Site) -> None:
    """H7, E1: the failure has the last line of the extension's output."""
    before = uids(site)
    site.apply(secret("expired"), image_version(SET, "1.1.0", image("1.1.0")))
    status = site.finished(site.run_to(SET, "1.1.0"), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Faulted"
    assert status["error"]["message"].startswith("1 of 1 upgraded instances unhealthy (100%, limit 20%)")
    (failure,) = status["failures"]
    assert (failure["instance"], failure["reason"]) == (0, "ExtensionFailed")
    assert failure["message"] == "extension agent: exit code 1: token expired"
    assert status["instances"]["rollbackFailed"] == "0"
    assert status["progress"]["pendingInstanceCount"] == 2
    assert {name for name, uid in uids(site).items() if uid != before[name]} == {"cred-0"}


def test_renewed_it_is_mended_first_and_everything_follows(site: Site) -> None:
    """H7."""
    before = str(site.get("scaleset", SET)["status"]["modelRevision"])
    site.apply(secret("renewed"), with_agent("in July"))
    status = site.finished(site.model_run(SET, site.new_model(SET, before)), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Completed"
    assert [batch["instances"] for batch in status["batches"]] == ["0", "1", "2"]
    site.wait_for_proven(SET, "1.1.0", len(PODS), ROLL_SECONDS)
    assert served(site) == ["1.1.0"] * len(PODS)
