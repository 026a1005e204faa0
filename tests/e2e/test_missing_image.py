"""A version whose image exists nowhere: the run says so, and the instance is put back."""

import pytest

from tests.e2e.images import image
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site

REPLICAS = 2
MISSING = {
    # set: pull policy, image, reasons
    "never": ("Never", "rollkeeper-e2e/nowhere:1.1.0", {"ErrImageNeverPull"}),
    # Nobody listens on port 1 of a node's loopback interface.
    "pulled": ("IfNotPresent", "127.0.0.1:1/nowhere:1.1.0", {"RegistryUnreachable"}),
}


@pytest.fixture(scope="module")
def published(site: Site) -> Site:
    """Both sets at once: they spend their time waiting."""
    for name, (pull_policy, _, _) in MISSING.items():
        site.apply(
            image_version(name, "1.0.0", image("1.0.0")),
            scale_set(name, REPLICAS, pull_policy=pull_policy, provisioning_seconds=20),
        )
    for name in MISSING:
        site.wait_for_proven(name, "1.0.0", REPLICAS, 120)
    site.apply(*(image_version(name, "1.1.0", missing) for name, (_, missing, _) in MISSING.items()))
    return site


@pytest.mark.parametrize("name", MISSING)
def test_reason_is_told_and_instance_put_back(published: Site, name: str) -> None:
    _, missing, reasons = MISSING[name]
    status = published.finished(published.run_to(name, "1.1.0"), 120)
    assert status["runningStatus"]["code"] == "Faulted"
    failure = status["failures"][0]
    assert failure["reason"] in reasons
    assert missing in failure["message"]
    assert status["instances"]["rolledBack"] == "0"
    assert [published.served(f"{name}-{n}") for n in range(REPLICAS)] == ["1.0.0", "1.0.0"]
