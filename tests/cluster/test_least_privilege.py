"""The controller with the rights that the chart gives and no other: none is missing, and each has its reason."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from hack.helm import template
from hack.localcluster import LocalCluster
from tests.cluster.audit import AuditLog
from tests.cluster.conftest import fresh_namespace
from tests.cluster.controller import Controller
from tests.cluster.fleet import BROKEN, data_disk, fleet, published, users_run
from tests.cluster.invariants import check
from tests.cluster.pages import Pages
from tests.cluster.replay import Story
from tests.cluster.world import World

JsonMap = dict[str, Any]
Right = tuple[str, str]
"""Verb and resource, without its subresource: the controller's metrics know no more."""

NOT_SEEN = {
    ("get", "scalesets"): "read again when somebody else wrote first",
    ("get", "upgraderuns"): "as above",
    ("get", "controllerrevisions"): "read when the answer to a create was lost",
    ("get", "pods"): "as above, and when two budgets cover a pod",
    ("delete", "controllerrevisions"): "more than ten models, see the unit tests of revisions",
    ("get", "configmaps"): "scripts that stand in ConfigMaps (E2)",
    ("get", "priorityclasses"): "models that name one, see test_references",
    ("get", "imageversions"): "read again when it has changed before its first use (V7)",
    ("create", "imageversions"): "ImageSources need a registry",
    ("delete", "imageversions"): "as above",
    ("patch", "imagesources"): "as above",
    ("delete", "upgraderuns"): "runs beyond the newest five of a type (F6)",
    ("patch", "events"): "an Event that repeats for minutes",
    ("update", "scalesets"): "only an admission plugin asks, where it is on",
    **{
        ("watch", kind): "kopf watches our own kinds, past our client; the test waits for what it hears"
        for kind in ("scalesets", "upgraderuns", "imageversions", "imagesources")
    },
}
"""Rights that this test's story does not use, and why they are needed all the same."""

CLUSTERS = {("get", "storageclasses"), ("get", "priorityclasses")}
"""Asked for in one namespace too, and taken as there when that is refused (T8)."""


@dataclass(frozen=True)
class Installed:
    """A release's account at work in a namespace."""

    world: World
    controller: Controller
    pages: Pages
    audit: AuditLog
    rights: frozenset[Right]
    whole_cluster: bool


@pytest.fixture(params=["all namespaces", "one namespace"])
def installed(simulated: LocalCluster, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Installed]:
    audit = AuditLog(simulated.audit_log)
    begin = audit.mark()
    with fresh_namespace(simulated) as name:
        watched = [name] if request.param == "one namespace" else []
        given = accounts_and_roles(name, {"watchNamespaces": watched})
        simulated.kubectl(
            "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": given})
        )
        pages = Pages()
        flags = (f"--namespace={name}", f"--listen={pages.listen}", *(f"--watch-namespace={w}" for w in watched))
        flags += ("--no-kubevirt",)  # as the chart has it, unless it is told otherwise
        controller = Controller(kubeconfig_of(simulated, name, tmp_path), tmp_path / "controller.log", *flags)
        request.node.controller = controller
        controller.start()
        try:
            yield Installed(World(simulated, name), controller, pages, audit, _rights(given), not watched)
            check(Story(audit.writes(name, begin), frozenset({f"system:serviceaccount:{name}:rollkeeper"})))
        finally:
            controller.kill()
            cluster_wide = [d for d in given if d["kind"].startswith("Cluster")]
            for document in cluster_wide:
                simulated.kubectl("delete", document["kind"], document["metadata"]["name"])


def accounts_and_roles(namespace: str, values: JsonMap) -> list[JsonMap]:
    """What the chart makes of these values, as far as it is about rights."""
    rendered = yaml.safe_load_all(template(namespace, {**values, "crds": {"install": False}}))
    return [d for d in rendered if d and (d["kind"] == "ServiceAccount" or "rbac" in d["apiVersion"])]


def kubeconfig_of(cluster: LocalCluster, namespace: str, folder: Path) -> Path:
    """As the pod has it: a token of the service account."""
    config = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": cluster.kubectl("create", "token", "rollkeeper", f"-n={namespace}").strip()}
    path = folder / "kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def _rights(manifests: list[JsonMap]) -> frozenset[Right]:
    """What the roles bound to the controller allow."""
    bound = {d["roleRef"]["name"] for d in manifests if d["kind"].endswith("Binding")}
    return frozenset(
        ("evict" if resource == "pods/eviction" else verb, resource.partition("/")[0])
        for d in manifests
        if "rules" in d and d["metadata"]["name"] in bound
        for rule in d["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    )


def test_every_right_is_there_and_needed(installed: Installed) -> None:
    world = installed.world
    disk = {**data_disk(), "spec": {**data_disk()["spec"], "storageClassName": "standard"}}
    retention = {"whenDeleted": "Retain", "whenScaled": "Delete"}
    world.create(
        published("1.0.0"),
        fleet(3, volumeClaimTemplates=[disk], persistentVolumeClaimRetentionPolicy=retention),
    )
    world.patch("scaleset", "web", {"spec": {"template": {"spec": {"serviceAccountName": "default"}}}})
    world.until_healthy("1.0.0", 3)
    world.create(published("1.1.0"))
    world.until_run_to("1.1.0", "Completed")
    world.create(published("1.2.0", BROKEN))
    world.until_run_to("1.2.0", "Faulted")
    world.patch("scaleset", "web", {"spec": {"replicas": 2}})
    world.until_healthy("1.1.0", 2)
    world.patch("scaleset", "web", {"spec": {"upgradePolicy": {"replacementMethod": "InPlaceIfPossible"}}})
    world.create(users_run("mine", "1.0.0"))
    world.until_run("mine", "Completed")
    world("delete", "upgraderun", "mine")
    world.until("Events are written", lambda: world.items("events") or None)

    calls = [key.split(",") for key in installed.pages.samples("rollkeeper_api_requests_total")]
    # By the authorizer: a pod for a namespace of another test that is just being deleted is refused by admission.
    asked = (call for call in installed.audit.asked("rollkeeper") if call.account == world.namespace)
    refused = {(call.right.verb, call.right.resource) for call in asked if not call.allowed}
    if not installed.whole_cluster:
        refused -= CLUSTERS
    assert refused == set(), f"the chart's role lacks {refused}"
    used = {(verb, resource) for code, resource, verb in calls if code != "403"}
    assert used <= installed.rights
    unused = installed.rights - used - NOT_SEEN.keys()
    assert unused == set(), f"nothing needed {sorted(unused)}: take it out of the role, or say in NOT_SEEN who does"
