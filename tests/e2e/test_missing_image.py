"""A version whose image exists nowhere: the run says so, and the instance is put back."""

import pytest

from tests.e2e.images import image
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site

REPLICAS = 2


@pytest.mark.parametrize(
    ("name", "pull_policy", "missing", "reasons"),
    [
        ("never", "Never", "rollkeeper-e2e/nowhere:1.1.0", {"ErrImageNeverPull"}),
        # Nobody listens on port 1 of a node's loopback interface.
        ("pulled", "IfNotPresent", "127.0.0.1:1/nowhere:1.1.0", {"RegistryUnreachable"}),
    ],
)
def test_reason_is_told_and_instance_put_back(
    site: Site, name: str, pull_policy: str, missing: str, reasons: set[str]
) -> None:
    site.apply(
        image_version(name, "1.0.0", image("1.0.0")),
        scale_set(name, REPLICAS, pull_policy=pull_policy, provisioning_seconds=20),
    )
    site.wait_for_proven(name, "1.0.0", REPLICAS, 120)
    site.apply(image_version(name, "1.1.0", missing))
    status = site.finished(site.run_to(name, "1.1.0"), 120)
    assert status["runningStatus"]["code"] == "Faulted"
    failure = status["failures"][0]
    assert failure["reason"] in reasons
    assert missing in failure["message"]
    assert status["instances"]["rolledBack"] == "0"
    assert [site.served(f"{name}-{n}") for n in range(REPLICAS)] == ["1.0.0", "1.0.0"]
