"""Custom data and extensions on a real API server (E1, E2, M1, T8). Simulated nodes run no script."""

from tests.cluster.audit import Json
from tests.cluster.fleet import data_disk, fleet, published
from tests.cluster.world import World, places

AGENT = {"name": "agent", "type": "Service", "container": {"image": "registry.test/agent:1"}}
FETCH = {"name": "fetch", "type": "Task", "container": {"image": "registry.test/fetch:1"}}
TOOLS = {"name": "tools", "type": "Script", "script": {"inline": "install"}, "provisionAfterExtensions": ["agent"]}


def config_map(text: str) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "boot"}, "data": {"run": text}}


def _scripts(live: World) -> list[str]:
    return [pod["metadata"]["annotations"]["rollkeeper.io/custom-data"] for pod in live.pods()]


def test_custom_data_of_a_config_map(live: World) -> None:
    """E2, T8, M1: nothing is made while it is missing; its content is what instances get; new content rolls."""
    reference = {"configMapKeyRef": {"name": "boot", "key": "run"}}
    live.create(published("1.0.0"), fleet(3, customData=reference, volumeClaimTemplates=[data_disk()]))
    stalled = live.until_condition("web", "Stalled", "True", "MissingReference")
    assert "there is no ConfigMap boot" in stalled["message"]
    assert (live.pods(), live.claims(), live.items("upgraderuns")) == ([], {}, [])
    live.create(config_map("echo one"))
    live.until_healthy("1.0.0", 3)
    assert _scripts(live) == ["echo one"] * 3
    live.patch("configmap", "boot", {"data": {"run": "echo two"}})
    live.until("new content has rolled", lambda: _scripts(live) == ["echo two"] * 3)
    live.until_healthy("1.0.0", 3)
    (run,) = live.items("upgraderuns")
    assert (run["spec"]["type"], places(run)) == ("Model", {"succeeded": [0, 1, 2]})


def test_a_key_that_goes_missing_blocks_the_next_upgrade(live: World) -> None:
    """T8, E2: a condition before anything is touched; it goes on when the key is back."""
    reference = {"secretKeyRef": {"name": "boot", "key": "run"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "boot"}, "stringData": {"run": "echo"}}
    live.create(secret, published("1.0.0"), fleet(2, customData=reference))
    live.until_healthy("1.0.0", 2)
    before = [pod["metadata"]["uid"] for pod in live.pods()]
    assert "rollkeeper.io/custom-data" not in live.pods()[0]["metadata"]["annotations"]
    live.patch("scaleset", "web", {"spec": {"customData": {"secretKeyRef": {"name": "boot", "key": "other"}}}})
    live.create(published("1.1.0"))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "MissingReference")
    assert "Secret boot has no key other" in blocked["message"]
    assert [pod["metadata"]["uid"] for pod in live.pods()] == before
    live.patch("scaleset", "web", {"spec": {"customData": reference}})
    live.until_healthy("1.1.0", 2)


def test_extensions_in_the_pod(live: World) -> None:
    """E1: the API server takes what is made of them; they are part of every new pod."""
    live.create(published("1.0.0"), fleet(2, extensions=[TOOLS, FETCH, AGENT]))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0"))
    live.until_healthy("1.1.0", 2)
    for pod in live.pods():
        assert [c["name"] for c in pod["spec"]["initContainers"]] == ["extension-fetch", "extension-agent"]
        assert pod["metadata"]["annotations"]["extension.rollkeeper.io/tools"] == "install"
