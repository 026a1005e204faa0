"""What may change in our objects and what may not, and how they show in kubectl."""

import json
import re

import pytest

from hack.localcluster import Cluster, ClusterError
from tests.cluster.manifests import (
    AUTOMATIC,
    CUSTOM,
    PLATFORM,
    PROBED,
    Json,
    claim,
    image_version,
    made,
    scale_set,
    template,
    upgrade_run,
)

CATALOGUE = image_version(publishedTime="2026-01-02T03:04:05Z", targetRegions=[{"name": "eu", "image": "eu/os:1"}])
PLATFORM_SET = scale_set(imageReference=PLATFORM)
FULL_SET = scale_set(region="eu", osContainerName="os", serviceName="web", volumeClaimTemplates=[claim("data")])
FULL_RUN = upgrade_run(imageVersion="1.0.0", automaticRollback=True, instances="0-3")
NEW_SET = ("create a new ScaleSet",)
NEW_VERSION = ("ImageVersion",)
NEW_RUN = ("create another UpgradeRun",)


class Shell:
    """kubectl in one namespace."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace

    def __call__(self, *arguments: str, stdin: Json | None = None) -> str:
        sent = None if stdin is None else json.dumps(stdin)
        return self._cluster.kubectl(f"--namespace={self._namespace}", *arguments, stdin=sent)

    def create(self, manifest: Json) -> None:
        self("create", "--filename=-", stdin=manifest)

    def patch(self, manifest: Json, change: Json, *options: str) -> None:
        name = f"{manifest['kind']}/{manifest['metadata']['name']}"
        self("patch", name, "--type=merge", "--patch", json.dumps(change), *options)

    def get(self, manifest: Json) -> Json:
        found: Json = json.loads(self("get", manifest["kind"], manifest["metadata"]["name"], "--output=json"))
        return found


@pytest.fixture
def shell(cluster: Cluster, namespace: str) -> Shell:
    return Shell(cluster, namespace)


REFUSED: dict[str, tuple[Json, Json, tuple[str, ...]]] = {
    "publisher": (PLATFORM_SET, {"imageReference": {"publisher": "b"}}, ("imageReference.publisher", *NEW_SET)),
    "offer": (PLATFORM_SET, {"imageReference": {"offer": "b"}}, ("imageReference.offer", *NEW_SET)),
    "gallery": (scale_set(), {"imageReference": {"gallery": "b"}}, ("imageReference.gallery", *NEW_SET)),
    "form of the image": (
        PLATFORM_SET,
        {"imageReference": {**CUSTOM, **dict.fromkeys(PLATFORM)}},
        ("imageReference.publisher", "imageReference.offer", "imageReference.gallery", *NEW_SET),
    ),
    "OS type": (scale_set(), {"osType": "Windows"}, ("spec.osType", *NEW_SET)),
    "region": (FULL_SET, {"region": "us"}, ("spec.region", *NEW_SET)),
    "region removed": (FULL_SET, {"region": None}, ("spec.region", *NEW_SET)),
    "region added": (scale_set(), {"region": "us"}, ("spec.region", *NEW_SET)),
    "image in a region": (
        CATALOGUE,
        {"targetRegions": [{"name": "eu", "image": "eu/os:2"}]},
        ("targetRegions[0].image", "publish a higher version"),
    ),
    "image in a region removed": (
        CATALOGUE,
        {"targetRegions": [{"name": "eu"}]},
        ("targetRegions[0].image", "publish a higher version"),
    ),
    "service": (FULL_SET, {"serviceName": "b"}, ("spec.serviceName", *NEW_SET)),
    "service removed": (FULL_SET, {"serviceName": None}, ("spec.serviceName", *NEW_SET)),
    "service added": (scale_set(), {"serviceName": "b"}, ("spec.serviceName", *NEW_SET)),
    "OS container": (
        FULL_SET,
        {"osContainerName": "b", "template": template({"name": "b"})},
        ("spec.osContainerName", *NEW_SET),
    ),
    "OS container removed": (FULL_SET, {"osContainerName": None}, ("spec.osContainerName", *NEW_SET)),
    "other first container": (
        scale_set(),
        {"template": template({"name": "side", "image": "a"}, {"name": "os"})},
        ("spec.template", "leave it first"),
    ),
    "data disk added": (FULL_SET, {"volumeClaimTemplates": [claim("data"), claim("b")]}, NEW_SET),
    "data disks removed": (FULL_SET, {"volumeClaimTemplates": None}, ("spec.volumeClaimTemplates", *NEW_SET)),
    "pin while automatic": (
        scale_set(upgradePolicy=AUTOMATIC, health={"source": "Probe"}, template=template(PROBED)),
        {"imageReference": {"version": "1.0.0"}},
        ("spec.imageReference.version", "set version to latest"),
    ),
    "health removed while automatic": (
        scale_set(upgradePolicy=AUTOMATIC, health={"source": "Probe"}, template=template(PROBED)),
        {"health": None},
        ("spec.health", "add health.source Probe"),
    ),
    "catalogue: version": (CATALOGUE, {"version": "1.0.1"}, ("spec.version", *NEW_VERSION)),
    "catalogue: image": (CATALOGUE, {"image": "b"}, ("spec.image", "publish a higher version")),
    "catalogue: OS type": (CATALOGUE, {"osType": "Windows"}, ("spec.osType", *NEW_VERSION)),
    "catalogue: definition": (CATALOGUE, {"definition": "b"}, ("spec.definition", *NEW_VERSION)),
    "catalogue: form of the image": (
        CATALOGUE,
        {**PLATFORM, **dict.fromkeys(CUSTOM)},
        ("spec.publisher", "spec.offer", "spec.sku", "spec.gallery", "spec.definition", *NEW_VERSION),
    ),
    "catalogue: publishing time": (CATALOGUE, {"publishedTime": None}, ("spec.publishedTime", *NEW_VERSION)),
    "run: set": (FULL_RUN, {"scaleSetName": "b"}, ("spec.scaleSetName", *NEW_RUN)),
    "run: version": (FULL_RUN, {"imageVersion": "1.0.1"}, ("spec.imageVersion", *NEW_RUN)),
    "run: version removed": (FULL_RUN, {"imageVersion": None}, ("spec.imageVersion", *NEW_RUN)),
    "run: version added": (upgrade_run(), {"imageVersion": "1.0.1"}, ("spec.imageVersion", *NEW_RUN)),
    "run: rollback": (FULL_RUN, {"automaticRollback": False}, ("spec.automaticRollback", *NEW_RUN)),
    "run: instances": (FULL_RUN, {"instances": "0"}, ("spec.instances", *NEW_RUN)),
    "run: who started it": (FULL_RUN, {"startedBy": "Platform"}, ("spec.startedBy", *NEW_RUN)),
    "run: resumed after cancel": (
        upgrade_run(desiredState="Cancelled"),
        {"desiredState": "Running"},
        ("spec.desiredState", "create a new UpgradeRun"),
    ),
    "run: cancel removed": (
        upgrade_run(desiredState="Cancelled"),
        {"desiredState": None},
        ("spec.desiredState", "create a new UpgradeRun"),
    ),
}


@pytest.mark.parametrize(("manifest", "change", "says"), REFUSED.values(), ids=REFUSED)
def test_what_must_not_change(shell: Shell, manifest: Json, change: Json, says: tuple[str, ...]) -> None:
    shell.create(manifest)
    with pytest.raises(ClusterError) as refusal:
        shell.patch(manifest, {"spec": change})
    assert [words for words in says if words not in str(refusal.value)] == [], refusal.value


ALLOWED: dict[str, tuple[Json, Json]] = {
    "sku and version": (PLATFORM_SET, {"imageReference": {"sku": "b", "version": "1.0.0"}}),
    "definition": (scale_set(), {"imageReference": {"definition": "b"}}),
    "back to latest": (scale_set(imageReference={**CUSTOM, "version": "1.0.0"}), {"imageReference": {"version": None}}),
    "sidecar after the OS container": (scale_set(), {"template": template({"name": "os"}, {"name": "b"})}),
    "sidecar before a named OS container": (FULL_SET, {"template": template({"name": "b"}, {"name": "os"})}),
    "replicas": (FULL_SET, {"replicas": 0}),
    "retention": (FULL_SET, {"persistentVolumeClaimRetentionPolicy": {"whenScaled": "Delete"}}),
    "catalogue: exclusion": (CATALOGUE, {"excludeFromLatest": True, "automaticOSUpgradeSupported": False}),
    "catalogue: end of life": (CATALOGUE, {"endOfLifeTime": "2027-01-01T00:00:00Z"}),
    "catalogue: regions": (CATALOGUE, {"targetRegions": [{"name": "us"}, {"name": "eu", "image": "eu/os:1"}]}),
    "catalogue: no regions": (CATALOGUE, {"targetRegions": []}),
    "run: paused": (FULL_RUN, {"desiredState": "Paused"}),
    "run: cancelled": (upgrade_run(desiredState="Paused"), {"desiredState": "Cancelled"}),
}


@pytest.mark.parametrize(("manifest", "change"), ALLOWED.values(), ids=ALLOWED)
def test_what_may_change(shell: Shell, manifest: Json, change: Json) -> None:
    shell.create(manifest)
    shell.patch(manifest, {"spec": change})
    assert shell.get(manifest)["metadata"]["generation"] == 2


def test_pod_fields_that_no_schema_knows_survive(shell: Shell) -> None:
    pod = {
        "metadata": {"labels": {"app": "web"}, "annotations": {"a": "b"}, "creationTimestamp": None},
        "spec": {
            "containers": [{"name": "os", "futureField": {"deep": [1]}, "readinessProbe": {"grpc": {"port": 1}}}],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
            "futureField": "kept",
        },
    }
    shell.create(scale_set(template=pod))
    assert shell.get(scale_set())["spec"]["template"] == pod


def test_containers_have_one_owner_each(shell: Shell) -> None:
    """Whoever adds a sidecar by server-side apply leaves the other containers to their owner."""
    shell("apply", "--server-side", "--field-manager=owner", "--filename=-", stdin=scale_set())
    sidecar = made("ScaleSet", "web", {"template": template({"name": "side", "image": "a"})})
    shell("apply", "--server-side", "--field-manager=mesh", "--filename=-", stdin=sidecar)
    containers = shell.get(scale_set())["spec"]["template"]["spec"]["containers"]
    assert [container["name"] for container in containers] == ["os", "side"]


def status(**fields: object) -> Json:
    return {"status": {"observedGeneration": 1, **fields}}


def ready(status: str, message: str) -> Json:
    time = "2026-01-02T03:04:05Z"
    return {"type": "Ready", "status": status, "reason": "AsPlanned", "message": message, "lastTransitionTime": time}


def columns(table: str) -> dict[str, str]:
    """One line of a kubectl table by column. Columns are cut where the headings start, as cells can be empty."""
    heading, line = table.rstrip("\n").split("\n")
    names = list(re.finditer(r"\S+", heading))
    ends = [*(name.start() for name in names[1:]), None]
    return {name.group(): line[name.start() : end].strip() for name, end in zip(names, ends, strict=True)}


def test_columns_of_a_scale_set(shell: Shell) -> None:
    shell.create(scale_set(replicas=5))
    counts = {"replicas": 5, "readyReplicas": 4, "updatedReplicas": 3, "unhealthyReplicas": 1}
    versions = {"provenImageVersion": "1.0.0", "latestImageVersion": "1.1.0", "activeRunName": "web-1-1-0-abcde"}
    said = {"conditions": [ready("False", "1 of 5 instances is not healthy")]}
    shell.patch(scale_set(), status(**counts, **versions, **said), "--subresource=status")
    shown = columns(shell("get", "sset"))
    assert list(shown) == ["NAME", "DESIRED", "READY", "UPDATED", "VERSION", "LATEST", "RUN", "AGE"]
    assert list(shown.values())[:-1] == ["web", "5", "4", "3", "1.0.0", "1.1.0", "web-1-1-0-abcde"]
    wide = columns(shell("get", "sset", "--output=wide"))
    assert list(wide.items())[-3:] == [
        ("UNHEALTHY", "1"),
        ("AUTO", "false"),
        ("MESSAGE", "1 of 5 instances is not healthy"),
    ]


def test_columns_of_an_image_version(shell: Shell) -> None:
    shell.create(CATALOGUE)
    used = {"scaleSets": 1, "instances": 3}
    said = status(imageName="golden/web", usedBy=used, conditions=[ready("True", "")])
    shell.patch(CATALOGUE, said, "--subresource=status")
    shown = columns(shell("get", "imgv"))
    assert list(shown) == ["NAME", "IMAGE", "VERSION", "EXCLUDED", "READY", "INSTANCES", "AGE"]
    assert list(shown.values())[:-1] == ["v1", "golden/web", "1.0.0", "false", "True", "3"]


def test_columns_and_selectable_fields_of_a_run(shell: Shell) -> None:
    shell.create(upgrade_run())
    fields = {
        "runningStatus": {"code": "RollingForward"},
        "displayStatus": "Paused",
        "targetImageReference": {"version": "1.1.0"},
        "progress": {"summary": "16/20", "failedInstanceCount": 1},
        "currentBatch": {"number": 5, "instances": "16-19", "startTime": "2026-01-02T03:04:05Z"},
        "message": "waits",
    }
    shell.patch(upgrade_run(), status(**fields), "--subresource=status")
    selector = "spec.scaleSetName=web,spec.type=OSImage,spec.startedBy=User,status.runningStatus.code!=Completed"
    shown = columns(shell("get", "uprun", "--output=wide", f"--field-selector={selector}"))
    head = ["NAME", "SCALESET", "VERSION", "STATUS", "PROGRESS", "FAILED", "STARTED-BY", "AGE", "BATCH", "MESSAGE"]
    assert list(shown) == head
    del shown["AGE"]
    assert list(shown.values()) == ["run", "web", "1.1.0", "Paused", "16/20", "1", "User", "5", "waits"]
    assert shell("get", "uprun", "--field-selector=status.runningStatus.code=Completed", "--output=name") == ""


def test_all_kinds_are_in_one_category(shell: Shell) -> None:
    for manifest in (scale_set(), CATALOGUE, upgrade_run()):
        shell.create(manifest)
    found = shell("get", "rollkeeper", "--output=name").split()
    assert sorted(name.split(".")[0] for name in found) == ["imageversion", "scaleset", "upgraderun"]


def test_scaling_by_the_scale_subresource(shell: Shell) -> None:
    shell.create(scale_set())
    shell.patch(scale_set(), status(replicas=2, labelSelector="app=web"), "--subresource=status")
    shell("scale", "scaleset/web", "--replicas=7")
    scale = json.loads(shell("get", "scaleset", "web", "--subresource=scale", "--output=json"))
    assert scale["spec"] == {"replicas": 7}
    assert scale["status"] == {"replicas": 2, "selector": "app=web"}


def test_a_lost_status_never_counts_as_ready(shell: Shell) -> None:
    created = {**scale_set(), "status": {"observedGeneration": 1, "replicas": 77}}
    shell.create(created)
    assert shell.get(scale_set())["status"] == {"observedGeneration": -1}
    shell.patch(scale_set(), status(replicas=1), "--subresource=status")
    assert shell.get(scale_set())["status"] == {"observedGeneration": 1, "replicas": 1}
    shell.patch(scale_set(), {"status": None}, "--subresource=status")
    assert shell.get(scale_set())["status"] == {"observedGeneration": -1}
