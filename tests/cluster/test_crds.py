"""What the API server makes of manifests: refused with a message that says what to do, or accepted with defaults.

Messages are never compared as a whole: servers of different versions put different words around ours.
"""

import json
from collections.abc import Callable, Iterator

import pytest

from hack.localcluster import Cluster, ClusterError
from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet, UpgradeRun
from tests.cluster.conftest import fresh_namespace
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

DryRun = Callable[[Json], Json]

MANY = "a" * 53


def probed(**probe: object) -> Json:
    return template({"name": "os", "readinessProbe": probe})


def asked(**fields: object) -> Json:
    """A set whose applications are asked over HTTP, but for those fields; None leaves one out."""
    how = {"protocol": "HTTP", "port": 8080, "requestPath": "/health", **fields}
    given = {name: value for name, value in how.items() if value is not None}
    return scale_set(health={"source": "ApplicationHealth", "applicationHealth": given})


def fabric(health: Json | None = None, **fields: object) -> Json:
    """A sound Service Fabric set with automatic upgrades, but for those fields; None leaves one out."""
    told = {"durabilityLevel": "Silver", "clusterDurabilityLevel": "Silver", "typeHandlerVersion": "1.1", **fields}
    given = {name: value for name, value in told.items() if value is not None}
    made = scale_set(upgradePolicy=AUTOMATIC, serviceFabric=given, template=template(PROBED))
    return {**made, "spec": {**made["spec"], **({"health": health} if health else {})}}


def images(**reference: str) -> Json:
    return scale_set(imageReference=reference)


def pinned(version: object) -> Json:
    return scale_set(imageReference={**CUSTOM, "version": version})


KEY = {"name": "boot", "key": "run"}
HOOKED: Json = {"name": "os", "lifecycle": {"postStart": {"exec": {"command": ["a"]}}}}


def script(name: str, *after: str) -> Json:
    return {"name": name, "type": "Script", "script": {"inline": "a"}, "provisionAfterExtensions": list(after)}


def task(name: str, /, *after: str, **container: object) -> Json:
    what = {"container": {"image": "a", **container}, "provisionAfterExtensions": list(after)}
    return {"name": name, "type": "Task", **what}


REFUSED: dict[str, tuple[Json, tuple[str, ...]]] = {
    "name too long": (scale_set(name=MANY), ("metadata.name", "at most 52 characters")),
    "name with dots": (scale_set(name="web.example"), ("metadata.name", "without dots")),
    "no image": (images(), ("spec.imageReference", "name an image")),
    "two images": (images(**PLATFORM, **CUSTOM), ("spec.imageReference", "use one form only")),
    "platform image without sku": (images(publisher="a", offer="b"), ("all three of publisher, offer and sku",)),
    "platform image, sku only": (images(sku="a"), ("all three of publisher, offer and sku",)),
    "custom image without definition": (images(gallery="a"), ("both gallery and definition",)),
    "empty publisher": (images(**{**PLATFORM, "publisher": ""}), ("spec.imageReference.publisher", "at least 1 char")),
    "publisher with a slash": (images(**{**PLATFORM, "publisher": "a/b"}), ("must not contain slashes or blanks",)),
    "offer with a blank": (images(**{**PLATFORM, "offer": "a b"}), ("must not contain slashes or blanks",)),
    "long gallery": (images(**{**CUSTOM, "gallery": "g" * 129}), ("spec.imageReference.gallery", "128")),
    "two parts": (pinned("1.10"), ("1.10 is not a version", "three numbers", "in quotes", "or 'latest'")),
    "version is a number": (pinned(1.10), ("spec.imageReference.version", "must be of type string")),
    "four parts": (pinned("1.2.3.4"), ("1.2.3.4 is not a version", "three numbers")),
    "leading zero": (pinned("1.02.3"), ("1.02.3 is not a version", "without leading zeros")),
    "leading v": (pinned("v1.2.3"), ("v1.2.3 is not a version",)),
    "pre-release": (pinned("1.2.3-rc1"), ("1.2.3-rc1 is not a version",)),
    "part too large": (pinned("1.2.2147483648"), ("1.2.2147483648 is too large", "2147483647")),
    "eleven digits": (pinned("1.2.10000000000"), ("1.2.10000000000 is not a version",)),
    "empty version": (pinned(""), ("is not a version",)),
    "Latest": (pinned("Latest"), ("Latest is not a version", "or 'latest'")),
    "automatic with a pin": (
        scale_set(imageReference={**CUSTOM, "version": "1.0.0"}, upgradePolicy=AUTOMATIC),
        ("spec.imageReference.version", "set version to latest"),
    ),
    "automatic without health": (scale_set(upgradePolicy=AUTOMATIC), ("spec.health", "add health.source Probe")),
    "automatic on Windows": (
        scale_set(osType="Windows", upgradePolicy=AUTOMATIC, health={"source": "Probe"}, template=template(PROBED)),
        ("spec.windowsConfiguration", "set windowsConfiguration.enableAutomaticUpdates to false"),
    ),
    "automatic on Windows that updates itself": (
        scale_set(
            osType="Windows",
            windowsConfiguration={},
            upgradePolicy=AUTOMATIC,
            health={"source": "Probe"},
            template=template(PROBED),
        ),
        ("spec.windowsConfiguration", "set windowsConfiguration.enableAutomaticUpdates to false"),
    ),
    "H1 Probe without a probe": (
        scale_set(health={"source": "Probe"}),
        ("spec.health.source", "needs a readinessProbe"),
    ),
    "H1 probe too slow": (
        scale_set(health={"source": "Probe"}, template=probed(periodSeconds=120)),
        ("spec.health.source", "periodSeconds below 120"),
    ),
    "probe on another container": (
        scale_set(
            health={"source": "Probe"},
            osContainerName="os",
            template=template({**PROBED, "name": "side"}, {"name": "os"}),
        ),
        ("spec.health.source", "on the OS container"),
    ),
    "probe on the second container": (
        scale_set(health={"source": "Probe"}, template=template({"name": "os"}, {**PROBED, "name": "side"})),
        ("spec.health.source", "first container of the template"),
    ),
    "health without source": (scale_set(health={}), ("spec.health.source", "Required")),
    "unknown health source": (scale_set(health={"source": "Guess"}), ("spec.health.source", '"Probe"')),
    "ApplicationHealth without how": (
        scale_set(health={"source": "ApplicationHealth"}),
        ("spec.health.applicationHealth", "must know how to ask", "{protocol: HTTP"),
    ),
    "Probe with applicationHealth": (
        scale_set(
            health={"source": "Probe", "applicationHealth": {"protocol": "TCP", "port": 1}}, template=template(PROBED)
        ),
        ("spec.health.applicationHealth", "set source to it, or remove"),
    ),
    "applicationHealth without source": (
        scale_set(health={"applicationHealth": {"protocol": "TCP", "port": 1}}),
        ("spec.health.source", "Required"),
    ),
    "HTTP without a path": (asked(requestPath=None), ("applicationHealth.requestPath", "HTTP and HTTPS need")),
    "HTTPS without a path": (asked(protocol="HTTPS", requestPath=None), ("HTTP and HTTPS need a requestPath",)),
    "TCP with a path": (asked(protocol="TCP"), ("applicationHealth.requestPath", "remove requestPath")),
    "Rich over TCP": (
        asked(protocol="TCP", requestPath=None, mode="Rich"),
        ("applicationHealth.mode", "use HTTP or HTTPS, or mode Binary"),
    ),
    "path without a slash": (asked(requestPath="health"), ("health must begin with a slash",)),
    "path with a blank": (asked(requestPath="/my health"), ("without blanks",)),
    "path to another host": (asked(requestPath="@evil.example/"), ("must begin with a slash",)),
    "no path": (asked(requestPath=""), ("must begin with a slash",)),
    "no protocol": (asked(protocol=None), ("applicationHealth.protocol", "Required")),
    "unknown protocol": (asked(protocol="GRPC"), ("applicationHealth.protocol", '"HTTP", "HTTPS", "TCP"')),
    "no port": (asked(port=None), ("applicationHealth.port", "Required")),
    "port 0": (asked(port=0), ("applicationHealth.port", "greater than or equal to 1")),
    "port too high": (asked(port=65536), ("applicationHealth.port", "65535")),
    "asked too often": (asked(intervalSeconds=4), ("intervalSeconds", "greater than or equal to 5")),
    "asked too seldom": (asked(intervalSeconds=61), ("intervalSeconds", "60")),
    "no probes": (asked(numberOfProbes=0), ("numberOfProbes", "greater than or equal to 1")),
    "too many probes": (asked(numberOfProbes=25), ("numberOfProbes", "24")),
    "grace too long": (asked(gracePeriodSeconds=14401), ("gracePeriodSeconds", "14400")),
    "Bronze with state": (
        fabric(durabilityLevel="Bronze", clusterDurabilityLevel="Bronze"),
        ("serviceFabric.durabilityLevel", "use Silver or Gold", "stateless"),
    ),
    "Bronze without state, without health": (
        fabric(durabilityLevel="Bronze", clusterDurabilityLevel="Bronze", stateless=True),
        ("spec.health", "add health.source ApplicationHealth"),
    ),
    "another level in the cluster": (
        fabric(clusterDurabilityLevel="Gold"),
        ("serviceFabric.clusterDurabilityLevel", "set both to the same level"),
    ),
    "unknown durability": (fabric(durabilityLevel="Iron"), ("durabilityLevel", '"Bronze", "Silver", "Gold"')),
    "Service Fabric by probes": (fabric({"source": "Probe"}), ("spec.health.source", "not judged by probes")),
    "old type handler": (fabric(typeHandlerVersion="1.0"), ("typeHandlerVersion", "1.0 is too old", "1.1")),
    "older type handler": (fabric(typeHandlerVersion="0.9.7"), ("0.9.7 is too old",)),
    "type handler without a dot": (fabric(typeHandlerVersion="2"), ("2 is not a version", "like '1.1'")),
    "type handler as a number": (fabric(typeHandlerVersion=1.1), ("typeHandlerVersion", "must be of type string")),
    "no type handler": (fabric(typeHandlerVersion=None), ("typeHandlerVersion", "Required")),
    "no durability of the cluster": (fabric(clusterDurabilityLevel=None), ("clusterDurabilityLevel", "Required")),
    "no update domains": (fabric(updateDomainCount=0), ("updateDomainCount", "greater than or equal to 1")),
    "OS container that is not there": (
        scale_set(osContainerName="db"),
        ("spec.osContainerName", "one of template.spec.containers"),
    ),
    "no containers": (scale_set(template=template()), ("spec.template.spec.containers", "at least 1 item")),
    "container without name": (scale_set(template=template({"image": "a"})), ("containers[0].name", "Required")),
    "two containers of one name": (scale_set(template=template({"name": "a"}, {"name": "a"})), ("Duplicate value",)),
    "no template": (made("ScaleSet", "web", {"imageReference": CUSTOM}), ("exactly one of template",)),
    "too many replicas": (scale_set(replicas=10001), ("spec.replicas", "10000")),
    "batch of nothing": (
        scale_set(upgradePolicy={"rollingUpgradePolicy": {"maxBatchInstancePercent": 0}}),
        ("maxBatchInstancePercent", "greater than or equal to 1"),
    ),
    "region with a blank": (scale_set(region="West Europe"), ("spec.region", "letters, digits")),
    "unknown OS": (scale_set(osType="BSD"), ("spec.osType", '"Linux", "Windows"')),
    "claims of one name": (scale_set(volumeClaimTemplates=[claim("a"), claim("a")]), ("a name of its own",)),
    "claim name": (scale_set(volumeClaimTemplates=[claim("My_Data")]), ("metadata.name", "lower-case letters")),
    "claim without name": (scale_set(volumeClaimTemplates=[{"spec": {}}]), ("metadata", "Required")),
    "script from nowhere": (scale_set(customData={}), ("spec.customData", "exactly one of inline, configMapKeyRef")),
    "script from two places": (
        scale_set(customData={"inline": "a", "secretKeyRef": KEY}),
        ("spec.customData", "exactly one of"),
    ),
    "long script": (scale_set(customData={"inline": "a" * 65537}), ("spec.customData.inline", "65536")),
    "no interpreter": (scale_set(customData={"inline": "a", "interpreter": []}), ("interpreter", "at least 1 item")),
    "custom data beside a hook": (
        scale_set(customData={"inline": "a"}, template=template(HOOKED)),
        ("spec.template", "run in the postStart hook", "move that into customData"),
    ),
    "script beside a hook": (
        scale_set(extensions=[script("a")], template=template(HOOKED)),
        ("spec.template", "run in the postStart hook"),
    ),
    "extensions in a circle": (
        scale_set(extensions=[script("a", "c"), script("b", "a"), script("c", "b"), script("d")]),
        ("spec.extensions", "wait for each other in a circle"),
    ),
    "extension after itself": (scale_set(extensions=[script("a", "a")]), ("wait for each other in a circle",)),
    "longest circle": (
        scale_set(extensions=[script(f"e{n}", f"e{(n + 1) % 32}") for n in range(32)]),
        ("wait for each other in a circle",),
    ),
    "extension after one that is not there": (
        scale_set(extensions=[script("a", "b")]),
        ("provisionAfterExtensions names an extension that is not there",),
    ),
    "task after a script": (
        scale_set(extensions=[script("a"), task("b", "a")]),
        ("can't come after a Script", "make it a Task"),
    ),
    "two extensions of one name": (scale_set(extensions=[script("a"), script("a")]), ("Duplicate value",)),
    "name of an extension": (scale_set(extensions=[script("My_Agent")]), ("extensions[0].name", "lower-case letters")),
    "extension of no type": (scale_set(extensions=[{"name": "a"}]), ("extensions[0].type", "Required")),
    "script without a script": (
        scale_set(extensions=[{"name": "a", "type": "Script"}]),
        ("extensions[0]", "type Script has a script and no container"),
    ),
    "task with a script": (
        scale_set(extensions=[{**script("a"), "type": "Task"}]),
        ("extensions[0]", "Task or Service has a container and no script"),
    ),
    "task with a name of its own": (
        scale_set(extensions=[task("a", name="b")]),
        ("extensions[0].container", "leave out the name"),
    ),
    "task that restarts": (scale_set(extensions=[task("a", restartPolicy="Always")]), ("leave out restartPolicy",)),
    "task without an image": (
        scale_set(extensions=[{"name": "a", "type": "Task", "container": {}}]),
        ("container.image", "Required"),
    ),
    "suppressed without a command": (
        scale_set(extensions=[{**task("a"), "suppressFailures": True}]),
        ("extensions[0].container", "add container.command"),
    ),
    "service name": (scale_set(serviceName="web.default"), ("spec.serviceName", "lower-case letters")),
    "typo": (scale_set(replica=3), ('unknown field "spec.replica"',)),
    "catalogue: latest": (image_version(version="latest"), ("latest is not a version", "three numbers")),
    "catalogue: two parts": (image_version(version="1.0"), ("1.0 is not a version", "three numbers")),
    "catalogue: part too large": (image_version(version="9999999999.0.0"), ("is too large",)),
    "catalogue: two images": (image_version(**PLATFORM), ("use one form only",)),
    "catalogue: image with a blank": (image_version(image="a b"), ("spec.image", "without blanks")),
    "catalogue: region twice": (image_version(targetRegions=[{"name": "a"}, {"name": "a"}]), ("Duplicate value",)),
    "catalogue: region without name": (image_version(targetRegions=[{}]), ("targetRegions[0].name", "Required")),
    "catalogue: region with a slash": (image_version(targetRegions=[{"name": "a/b"}]), ("letters, digits",)),
    "catalogue: region's image with a blank": (
        image_version(targetRegions=[{"name": "a", "image": "b c"}]),
        ("targetRegions[0].image", "without blanks"),
    ),
    "catalogue: no image": (made("ImageVersion", "v", {**CUSTOM, "version": "1.0.0"}), ("exactly one of image",)),
    "catalogue: time": (image_version(endOfLifeTime="tomorrow"), ("spec.endOfLifeTime", "date-time")),
    "run without a set": (made("UpgradeRun", "run", {}), ("spec.scaleSetName", "Required")),
    "run to nonsense": (upgrade_run(imageVersion="newest"), ("newest is not a version", "or 'latest'")),
    "run of unknown type": (upgrade_run(type="Kernel"), ("spec.type", '"OSImage"')),
    "run started by nobody": (upgrade_run(startedBy="Nobody"), ("spec.startedBy", '"User", "Platform"')),
    "instances with blanks": (upgrade_run(instances="0, 2"), ("spec.instances", "joined by commas", "0-3,7")),
    "instances by name": (upgrade_run(instances="web-0"), ("spec.instances", "0-3,7")),
    "open range": (upgrade_run(instances="3-"), ("spec.instances", "0-3,7")),
    "no instances": (upgrade_run(instances=""), ("spec.instances", "0-3,7")),
    "state": (upgrade_run(desiredState="Stopped"), ("spec.desiredState", '"Paused"')),
}


@pytest.fixture(scope="module")
def dry_run(cluster: Cluster) -> Iterator[DryRun]:
    """Creates an object without keeping it; returns it as the server would have stored it."""
    with fresh_namespace(cluster) as name:

        def create(manifest: Json) -> Json:
            options = ("--dry-run=server", "--output=json", f"--namespace={name}", "--filename=-")
            stored: Json = json.loads(cluster.kubectl("create", *options, stdin=json.dumps(manifest)))
            return stored

        yield create


@pytest.mark.parametrize(("manifest", "says"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_message_that_says_what_to_do(dry_run: DryRun, manifest: Json, says: tuple[str, ...]) -> None:
    with pytest.raises(ClusterError) as refusal:
        dry_run(manifest)
    assert [words for words in says if words not in str(refusal.value)] == [], refusal.value


ACCEPTED: dict[str, Json] = {
    "platform image": images(**PLATFORM),
    "longest name": scale_set(name=MANY[:52]),
    "largest version": pinned("2147483647.0.10"),
    "none yet": scale_set(replicas=0),
    "automatic": scale_set(upgradePolicy=AUTOMATIC, health={"source": "Probe"}, template=template(PROBED)),
    "OS container by name": scale_set(
        osContainerName="os", health={"source": "Probe"}, template=template({"name": "side"}, PROBED)
    ),
    "slowest probe": scale_set(health={"source": "Probe"}, template=probed(periodSeconds=119, exec={"command": ["a"]})),
    "application over HTTP": asked(),
    "application over HTTPS": asked(
        protocol="HTTPS", mode="Rich", intervalSeconds=60, numberOfProbes=24, gracePeriodSeconds=14400
    ),
    "application over TCP": asked(protocol="TCP", requestPath=None, gracePeriodSeconds=0),
    "automatic by application": scale_set(
        upgradePolicy=AUTOMATIC,
        health={"source": "ApplicationHealth", "applicationHealth": {"protocol": "TCP", "port": 22}},
    ),
    "Service Fabric": fabric(),
    "Service Fabric, Gold, by application": fabric(
        {"source": "ApplicationHealth", "applicationHealth": {"protocol": "TCP", "port": 19080}},
        durabilityLevel="Gold",
        clusterDurabilityLevel="Gold",
        typeHandlerVersion="2.0.1.7",
        updateDomainCount=20,
    ),
    "Service Fabric, Bronze, stateless": fabric(
        {"source": "ApplicationHealth", "applicationHealth": {"protocol": "TCP", "port": 19080}},
        durabilityLevel="Bronze",
        clusterDurabilityLevel="Bronze",
        stateless=True,
        typeHandlerVersion="1.10",
    ),
    "null as absent": scale_set(osType=None, upgradePolicy=None, health=None, volumeClaimTemplates=None),
    "claim as kubectl prints it": scale_set(
        volumeClaimTemplates=[
            {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data", "creationTimestamp": None, "labels": {"a": "b"}},
                "spec": {"resources": {"requests": {"storage": "1Gi"}}},
                "status": {"phase": "Pending"},
            }
        ]
    ),
    "Windows": scale_set(osType="Windows"),
    "Windows that updates itself": scale_set(osType="Windows", windowsConfiguration={}),
    "automatic on Windows": scale_set(
        osType="Windows",
        windowsConfiguration={"enableAutomaticUpdates": False},
        upgradePolicy=AUTOMATIC,
        health={"source": "Probe"},
        template=template(PROBED),
    ),
    "custom data": scale_set(customData={"inline": "a", "interpreter": ["python3", "-u"]}),
    "custom data from a Secret": scale_set(
        customData={"secretKeyRef": KEY}, extensions=[script("a", "b"), script("b")]
    ),
    "hook of another container": scale_set(
        customData={"inline": "a"}, template=template({"name": "os"}, {**HOOKED, "name": "side"})
    ),
    "hook without custom data": scale_set(extensions=[task("a")], template=template(HOOKED)),
    "hook before the end": scale_set(
        customData={"inline": "a"},
        template=template({"name": "os", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}),
    ),
    "most extensions": scale_set(extensions=[script(f"e{n}", *(["e31"] if n < 31 else [])) for n in range(32)]),
    "longest chain": scale_set(extensions=[script(f"e{n}", *([f"e{n + 1}"] if n < 31 else [])) for n in range(32)]),
    "extensions of all types": scale_set(
        extensions=[
            script("a", "b"),
            task("b", volumeMounts=[{"name": "a", "mountPath": "/a"}]),
            {**task("c", "b", command=["a"]), "type": "Service", "suppressFailures": True},
        ]
    ),
    "region": scale_set(region="westeurope"),
    "catalogue: regions": image_version(
        targetRegions=[{"name": "eu-1", "excludeFromLatest": True}, {"name": "us.2_b", "image": "us/os:1"}]
    ),
    "catalogue": image_version(publishedTime="2026-01-02T03:04:05Z", excludeFromLatest=True),
    "catalogue: platform image": made("ImageVersion", "v", {**PLATFORM, "version": "0.0.0", "image": "os@sha256:ab"}),
    "run": upgrade_run(),
    "run with everything": upgrade_run(
        imageVersion="1.2.3",
        startedBy="Platform",
        automaticRollback=False,
        instances="0-3,7,10-12",
        desiredState="Paused",
    ),
    "run to latest": upgrade_run(imageVersion="latest", instances="0"),
}
MODELS: dict[str, type[ScaleSet | ImageVersion | UpgradeRun]] = {
    "ScaleSet": ScaleSet,
    "ImageVersion": ImageVersion,
    "UpgradeRun": UpgradeRun,
}


@pytest.mark.parametrize("manifest", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted_and_the_defaults_are_those_of_the_models(dry_run: DryRun, manifest: Json) -> None:
    """What the server fills in is what the controller would have assumed, and the reverse."""
    stored = dry_run(manifest)
    given = {**manifest, "spec": {name: value for name, value in manifest["spec"].items() if value is not None}}
    model = MODELS[manifest["kind"]]
    assumed = model.model_validate(given).spec
    assert model.model_validate(stored).spec == assumed
    assert stored["spec"].items() >= assumed.to_json().items()
    assert stored["status"] == {"observedGeneration": -1}
