"""The life of an installation with Helm, step by step.

Installed into a namespace that enforces the restricted profile, upgraded in mid-run, its leader killed and a worker
drained in mid-run, uninstalled. The controller works in all namespaces.
"""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.helm import HelmError
from tests.e2e import images
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import SITE
from tests.e2e.images import image
from tests.e2e.installation import (
    RELEASE,
    REPLICAS,
    REPOSITORY,
    Edition,
    Installation,
    bill_of_materials,
    build,
    inspect,
    previous_edition,
    this_edition,
)
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site, until

Json = dict[str, Any]
EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WEB, WEB_REPLICAS = "site", 5
HERD, HERD_REPLICAS = "herd", 6
GATE = "gate"
ROLL_SECONDS = 300
KINDS = ("scalesets", "upgraderuns", "imageversions", "pods", "persistentvolumeclaims")
PATIENT = {"provisioningTimeoutSeconds": 120, "healthTimeoutSeconds": 120, "maxUnhealthyInstancePercent": 50}
"""Drained instances are away for as long as another worker takes to start them."""
KERNELS = "/dev/shm", "/dev/mqueue", "/dev/pts", "/proc", "/sys"  # noqa: S108 - looked for, not used
WRITABLE = f"""
import os
roots = {KERNELS!r}
for folder, folders, _ in os.walk("/"):
    folders[:] = [name for name in folders if os.path.join(folder, name) not in roots]
    if os.access(folder, os.W_OK):
        print(folder)
"""
"""Prints every folder that can be written to, but for those that the kernel and the kubelet give to any container."""
pytestmark = pytest.mark.usefixtures("in_order")


@dataclass(frozen=True)
class Story:
    """What the steps share."""

    installation: Installation
    site: Site
    previous: Edition
    current: Edition


@pytest.fixture(scope="module")
def story(
    cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("installation")
    (folder / "previous").mkdir()
    previous, current = previous_edition(folder / "previous"), this_edition()
    build(previous)
    build(current)
    examples = images.build("images.example/webserver")
    cluster.load([previous.tag, current.tag, *examples])
    mark = uuid.uuid4().hex[:6]
    system, apps = f"rollkeeper-e2e-system-{mark}", f"rollkeeper-e2e-apps-{mark}"
    for name in (system, apps):
        cluster.kubectl("create", "namespace", name)
    cluster.kubectl("label", "namespace", system, "pod-security.kubernetes.io/enforce=restricted")
    installation = Installation(cluster, system)
    site = request.config.stash[SITE] = Site(cluster, apps, installation, folder)
    yield Story(installation, site, previous, current)
    del request.config.stash[SITE]
    images.remove([previous.tag, current.tag, *examples])
    _take_away(cluster, installation, apps)


def _take_away(cluster: Cluster, installation: Installation, apps: str) -> None:
    """Also what a step that broke off has left. Nobody lets go any more of what runs and versions hold: we do."""
    with suppress(HelmError):  # most often it was the last step that did it
        installation.uninstall()
    cluster.let_go()
    for name in (apps, installation.namespace):
        cluster.kubectl("delete", "namespace", name, "--timeout=120s", seconds=150)


def example(name: str) -> Json:
    found: Json = yaml.safe_load((EXAMPLES / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def budget(name: str, **spec: Any) -> Json:
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec}


def served(site: Site, name: str, replicas: int) -> list[str]:
    return [site.served(f"{name}-{n}") for n in range(replicas)]


def images_of(pods: dict[str, Json]) -> set[str]:
    return {pod["spec"]["containers"][0]["image"] for pod in pods.values()}


def batch_reached(site: Site, run: str, number: int) -> bool | None:
    batch = site.get("upgraderun", run)["status"].get("currentBatch") or {}
    return True if batch.get("number", 0) >= number else None


def test_the_image_says_what_it_is_and_what_is_in_it(story: Story) -> None:
    """Labels, a numeric user, a bill of materials; and nothing that only builds need."""
    config = inspect(story.current)["Config"]
    assert config["User"] == "65532:65532"
    labels = {name.removeprefix("org.opencontainers.image.") for name in config["Labels"]}
    assert labels >= {"title", "description", "licenses", "version", "revision", "created", "base.name"}
    packages = {component["purl"].partition("@")[0] for component in bill_of_materials(story.current)["components"]}
    assert {"pkg:pypi/kopf", "pkg:pypi/rollkeeper", "pkg:generic/python"} <= packages
    assert not packages & {f"pkg:pypi/{name}" for name in ("pip", "setuptools", "wheel", "pytest", "ruff", "mypy")}
    assert not {name for name in packages if name.endswith(("/gcc", "/make", "/git", "/curl"))}


def test_the_previous_chart_is_installed(story: Story) -> None:
    notes = story.installation.install(story.previous)
    assert "is installed in namespace" in notes
    assert images_of(story.installation.pods()) == {f"{REPOSITORY}:previous"}
    until("somebody leads", story.installation.leader, 60)


def test_the_examples_are_applied(story: Story) -> None:
    made = example("webserver/scaleset")
    made["spec"]["upgradePolicy"]["rollingUpgradePolicy"] |= PATIENT
    story.site.apply(example("imageversion-1.0.0"), made)
    story.site.wait_for_proven(WEB, "1.0.0", WEB_REPLICAS, ROLL_SECONDS)
    assert served(story.site, WEB, WEB_REPLICAS) == ["1.0.0"] * WEB_REPLICAS


def test_the_chart_is_upgraded_in_mid_run(story: Story) -> None:
    """The run stands still at a budget until the new edition leads."""
    site, last = story.site, str(WEB_REPLICAS - 1)
    labels = {"rollkeeper.io/scale-set": WEB, "rollkeeper.io/ordinal": last}
    site.apply(budget(GATE, minAvailable=1, selector={"matchLabels": labels}))
    with site.watching(WEB) as watch:
        site.apply(example("imageversion-1.1.0"))
        run = site.run_to(WEB, "1.1.0")
        until("the second batch", lambda: batch_reached(site, run, 2), ROLL_SECONDS)
        story.installation.upgrade(story.current)
        until("the new edition leads", lambda: story.installation.leader() in story.installation.pods() or None, 60)
        site.kubectl("delete", "poddisruptionbudget", GATE)
        status = site.finished(run, ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Completed"
    assert [batch["instances"] for batch in status["batches"]] == ["0-1", "2-3", "4"]
    assert watch.fewest_ready() >= WEB_REPLICAS - 2
    site.wait_for_proven(WEB, "1.1.0", WEB_REPLICAS, 60)
    assert images_of(story.installation.pods()) == {f"{REPOSITORY}:current"}


def test_the_definitions_were_upgraded_with_it(story: Story) -> None:
    kept = {**yaml.safe_load((EXAMPLES.parent / "crds" / "scalesets.yaml").read_text(encoding="utf-8"))}
    found = json.loads(story.installation.kubectl("get", "crd", kept["metadata"]["name"], "--output=json"))
    wanted = kept["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    assert found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"] == wanted


def test_its_pods_can_write_nowhere_and_are_not_root(story: Story) -> None:
    pods = story.installation.pods()
    assert len(pods) == REPLICAS
    for pod in pods:
        assert story.installation.python(pod, WRITABLE) == ""
        assert story.installation.python(pod, "import os; print(os.getuid(), os.getgid())") == "65532 65532"


def test_it_tells_what_it_does(story: Story) -> None:
    """One JSON line an act; metrics of both replicas, of which one leads."""
    acts = [line for line in story.installation.logs() if line["logger"] == "rollkeeper"]
    assert {"scale_set", "run", "batch", "instance", "reason"} <= {key for act in acts for key in act}
    leaders = [line for pod in story.installation.pods() for line in metric(story, pod, "rollkeeper_leader")]
    assert sorted(leaders) == ["rollkeeper_leader 0.0", "rollkeeper_leader 1.0"]


def metric(story: Story, pod: str, name: str) -> list[str]:
    path = f"/api/v1/namespaces/{story.installation.namespace}/pods/{pod}:8080/proxy/metrics"
    lines = story.installation.kubectl("get", "--raw", path).splitlines()
    return [line for line in lines if line.startswith(f"{name} ")]


def test_leader_killed_and_worker_drained_in_mid_run(story: Story, cluster: Cluster) -> None:
    site, installation = story.site, story.installation
    herd = scale_set(HERD, HERD_REPLICAS, spec={"volumeClaimTemplates": []})
    del herd["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
    herd["spec"]["template"]["spec"]["volumes"] = []
    herd["spec"]["upgradePolicy"]["rollingUpgradePolicy"] = PATIENT
    one_at_a_time = budget(HERD, maxUnavailable=1, selector={"matchLabels": {"rollkeeper.io/scale-set": HERD}})
    site.apply(image_version(HERD, "1.0.0", image("1.0.0")), one_at_a_time, herd)
    site.wait_for_proven(HERD, "1.0.0", HERD_REPLICAS, ROLL_SECONDS)
    site.apply(image_version(HERD, "1.1.0", image("1.1.0")))
    run = site.run_to(HERD, "1.1.0")
    until("the second batch", lambda: batch_reached(site, run, 2), ROLL_SECONDS)

    killed, transitions = installation.leader(), installation.lease()["leaseTransitions"]
    installation.kubectl("delete", "pod", str(killed), "--grace-period=0", "--force")
    until("another one leads", lambda: installation.leader() not in {None, killed} or None, 90)
    assert installation.lease()["leaseTransitions"] == transitions + 1

    node = site.pods(HERD)[f"{HERD}-{HERD_REPLICAS - 1}"]["spec"]["nodeName"]
    try:
        cluster.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s", seconds=270)
        assert node not in {pod["spec"].get("nodeName") for pod in site.pods(HERD).values()}
        status = site.finished(run, ROLL_SECONDS)
    finally:
        cluster.kubectl("uncordon", node)
    assert status["runningStatus"]["code"] == "Completed"
    assert status["progress"]["summary"] == f"{HERD_REPLICAS}/{HERD_REPLICAS}"
    site.wait_for_proven(HERD, "1.1.0", HERD_REPLICAS, 120)
    assert served(site, HERD, HERD_REPLICAS) == ["1.1.0"] * HERD_REPLICAS
    # Instances with data disks of the drained worker can't run elsewhere: they come back with it, as they were (F5).
    site.wait_for_proven(WEB, "1.1.0", WEB_REPLICAS, 180)


def belongings(site: Site) -> dict[str, set[str]]:
    """What users have: uids by kind."""
    return {kind: {item["metadata"]["uid"] for item in site.every(kind)} for kind in KINDS}


def test_uninstalled_it_leaves_what_is_the_users(story: Story, cluster: Cluster) -> None:
    before = belongings(story.site)
    definitions = cluster.kubectl("get", "crd", "--output=name")
    story.installation.uninstall()
    until("its pods are gone", lambda: None if story.installation.pods() else True, 60)
    assert all(before.values())
    assert belongings(story.site) == before
    assert cluster.kubectl("get", "crd", "--output=name") == definitions
    assert served(story.site, WEB, WEB_REPLICAS) == ["1.1.0"] * WEB_REPLICAS
    selector = f"--selector=app.kubernetes.io/instance={RELEASE}"
    own = "deployments,services,serviceaccounts,roles,rolebindings,poddisruptionbudgets,configmaps"
    assert story.installation.kubectl("get", own, selector, "--output=name") == ""
    assert cluster.kubectl("get", "clusterroles,clusterrolebindings", selector, "--output=name") == ""
