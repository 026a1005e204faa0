"""A push to a registry is all it takes: ImageSources against a real registry (V7, V8)."""

import itertools

import pytest

from hack.localcluster import ClusterError
from hack.localregistry import LocalRegistry
from tests.cluster.audit import Json
from tests.cluster.fleet import fleet
from tests.cluster.manifests import CUSTOM, PLATFORM, made
from tests.cluster.pull_secret import pull_secret
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition
from tests.registry.front import Spoil, code, front_of, torn
from tests.registry.tokens import Tokens


def source(world: World, registry: LocalRegistry, **spec: object) -> Json:
    repository = f"{registry.host}/{world.namespace}"
    return made("ImageSource", "os", {**CUSTOM, "repository": repository, "intervalSeconds": 3600, **spec})


def scan(world: World, why: str) -> None:
    """What a registry's webhook does."""
    world("annotate", "--overwrite", "imagesource", "os", f"rollkeeper.io/reconcile-at={why}")
    world.until(
        "it was followed", lambda: status_of(world.get("imagesources", "os")).get("lastHandledReconcileAt") == why
    )


def names(world: World) -> list[str]:
    return [version["metadata"]["name"] for version in world.items("imageversions")]


def ready(world: World, status: str, reason: str) -> str:
    return str(world.until_condition("os", "Ready", status, reason, kind="imagesources")["message"])


def test_a_push_rolls(live: World, registry: LocalRegistry) -> None:
    """V8, V7: the digest that was pushed runs; a tag that is moved is told, not followed; what was deleted stays so."""
    first = registry.push(live.namespace, "1.0.0")
    registry.push(live.namespace, "latest")
    labels = {"labels": {"team": "os"}}
    live.create(source(live, registry, versionTemplate=labels), fleet(2, 50))
    live.until_healthy("1.0.0", 2)
    (version,) = live.items("imageversions")
    assert version["metadata"]["name"] == "os-1.0.0"
    assert version["metadata"]["labels"] == {"team": "os", "rollkeeper.io/image-source": "os"}
    assert version["spec"]["image"] == f"{registry.host}/{live.namespace}@{first}"
    second = registry.push(live.namespace, "v1.1.0")
    scan(live, "pushed")
    live.until_run_to("1.1.0", "Completed")
    live.until_healthy("1.1.0", 2)
    images = {pod["spec"]["containers"][0]["image"] for pod in live.pods()}
    assert images == {f"{registry.host}/{live.namespace}@{second}"}
    moved = registry.push(live.namespace, "v1.1.0", "something else")
    live("delete", "imageversion", "os-1.0.0", "--wait=false")
    scan(live, "moved")
    told = live.until_condition("os", "TagMoved", "True", "TagMoved", kind="imagesources")
    assert f"tag v1.1.0 was {second} and is {moved} now" in told["message"]
    assert "os-1.1.0" in names(live)
    found = live.get("imageversions", "os-1.1.0")["spec"]["image"]
    assert found.endswith(second)
    status = status_of(live.get("imagesources", "os"))
    assert (status["latestVersion"], status["tagCount"], status["matchingTagCount"]) == ("1.1.0", 3, 2)
    assert [r["spec"]["imageVersion"] for r in live.items("upgraderuns")] == ["1.1.0"]
    events = live.until("events are there", lambda: _events(live) >= {"VersionPublished", "TagMoved"} and _events(live))
    assert "ScanFailed" not in events


def _events(world: World) -> set[str]:
    return {e["reason"] for e in world.items("events") if e["regarding"]["kind"] == "ImageSource"}


def test_old_versions_go_when_nothing_uses_them(live: World, registry: LocalRegistry) -> None:
    """V7: so many old ones stay, and besides them what is in use; what is gone does not come back."""
    for number in range(5):
        registry.push(live.namespace, f"1.{number}.0")
    live.create(source(live, registry, keep=2))
    ready(live, "True", "Scanned")
    assert names(live) == ["os-1.2.0", "os-1.3.0", "os-1.4.0"]
    live.create(fleet(1, imageReference={**CUSTOM, "version": "1.2.0"}, automatic=False))
    live.until_healthy("1.2.0", 1)
    for number in (5, 6):
        registry.push(live.namespace, f"1.{number}.0")
    scan(live, "more")
    live.until("the old one is gone", lambda: names(live) == ["os-1.2.0", "os-1.4.0", "os-1.5.0", "os-1.6.0"])
    live("delete", "scaleset", "web", "--wait=true")
    scans = itertools.count()

    def gone() -> bool:
        scan(live, f"free-{next(scans)}")
        return names(live) == ["os-1.4.0", "os-1.5.0", "os-1.6.0"]

    live.until("it is gone too when nobody uses it", gone)


def test_what_is_written_into_versions(live: World, registry: LocalRegistry) -> None:
    """V4, V3: what the template says; tags that are left out are not published."""
    digest = registry.push(live.namespace, "r1.0.0")
    registry.push(live.namespace, "r1.1.0")
    regions = [{"name": "eu", "repository": f"{registry.host}/mirror"}, {"name": "us", "excludeFromLatest": True}]
    template = {
        "labels": {"team": "os"},
        "osType": "Windows",
        "targetRegions": regions,
        "automaticOSUpgradeSupported": False,
    }
    live.create(
        source(live, registry, tagPattern=r"r(\d+\.\d+\.\d+)", excludeTags=["r1.1.0"], versionTemplate=template)
    )
    ready(live, "True", "Scanned")
    (version,) = live.items("imageversions")
    spec = version["spec"]
    assert version["metadata"]["annotations"]["rollkeeper.io/tag"] == "r1.0.0"
    assert (spec["osType"], spec["automaticOSUpgradeSupported"]) == ("Windows", False)
    assert [(r["name"], r.get("image"), r["excludeFromLatest"]) for r in spec["targetRegions"]] == [
        ("eu", f"{registry.host}/mirror@{digest}", False),
        ("us", None, True),
    ]
    live.patch("imagesource", "os", {"spec": {"versionTemplate": {"labels": {"team": "no label value"}}}})
    live.patch("imagesource", "os", {"spec": {"excludeTags": []}})
    told = ready(live, "False", "VersionRefused")
    assert "tag r1.1.0: the API server refuses ImageVersion os-1.1.0" in told
    assert names(live) == ["os-1.0.0"]
    live.patch("imagesource", "os", {"spec": {"versionTemplate": {"labels": {"team": "os"}}}})
    ready(live, "True", "Scanned")
    assert names(live) == ["os-1.0.0", "os-1.1.0"]


def test_bad_input_says_what_to_do(live: World, locked: LocalRegistry) -> None:
    """No credentials, wrong ones, a pattern that is none and one that matches nothing, tags that are no versions."""
    locked.push(live.namespace, "build-7")
    live.create(source(live, locked))
    assert "no credentials" in ready(live, "False", "RegistryAccessDenied")
    live.patch("imagesource", "os", {"spec": {"secretRef": {"name": "pull"}}})
    assert "there is no Secret pull" in ready(live, "False", "InvalidSecret")
    pull_secret(live, locked.host, "wrong-one")
    scan(live, "wrong")
    told = ready(live, "False", "RegistryAccessDenied")
    assert f"correct the credentials for {locked.host} in the Secret" in told
    assert "wrong-one" not in told
    pull_secret(live, locked.host)
    scan(live, "right")
    assert "none of the 1 tags" in ready(live, "False", "NoMatchingTags")
    live.patch("imagesource", "os", {"spec": {"tagPattern": "build-("}})
    assert "spec.tagPattern is no regular expression" in ready(live, "False", "InvalidTagPattern")
    live.patch("imagesource", "os", {"spec": {"tagPattern": "build-([0-9.]+)"}})
    ready(live, "False", "NoMatchingTags")
    told = condition(live.get("imagesources", "os"), "TagsIgnored")["message"]
    assert "tag build-7: '7' is no version" in told
    locked.push(live.namespace, "build-1.0.0")
    scan(live, "pushed")
    ready(live, "True", "Scanned")
    assert names(live) == ["os-1.0.0"]


def test_suspended(live: World, registry: LocalRegistry) -> None:
    """Nothing is scanned, also when somebody asks; afterwards what was pushed meanwhile is published."""
    registry.push(live.namespace, "1.0.0")
    live.create(source(live, registry, suspend=True))
    ready(live, "True", "Suspended")
    live("annotate", "imagesource", "os", "rollkeeper.io/reconcile-at=anyway")
    assert names(live) == []
    live.patch("imagesource", "os", {"spec": {"suspend": False}})
    ready(live, "True", "Scanned")
    assert names(live) == ["os-1.0.0"]


def test_tokens(live: World, guarded: LocalRegistry, tokens: Tokens) -> None:
    """A registry that believes in a token server's tokens; its regions are asked for with the same Secret (V4)."""
    token = tokens.token(f"repository:{live.namespace}:pull,push")
    digest = guarded.push(live.namespace, "1.0.0", token=token)
    pull_secret(live, guarded.host)
    template = {"targetRegions": [{"name": "eu"}], "replication": "Verified"}
    live.create(source(live, guarded, secretRef={"name": "pull"}, versionTemplate=template))
    ready(live, "True", "Scanned")
    assert live.get("imageversions", "os-1.0.0")["spec"]["image"].endswith(digest)
    live.until("its region has it", lambda: _states(live) == [("eu", "Completed")])


def _states(world: World) -> list[tuple[str, str]]:
    found = status_of(world.get("imageversions", "os-1.0.0")).get("replicationStatus", [])
    return [(r["region"], r["state"]) for r in found]


def test_a_name_that_is_taken(live: World, registry: LocalRegistry) -> None:
    """What is there is not touched; the source says what is in its way, and goes on when that is gone."""
    registry.push(live.namespace, "1.0.0")
    other = {"gallery": "other", "definition": "os", "version": "1.0.0", "image": "registry.test/other:1.0.0"}
    live.create(made("ImageVersion", "os-1.0.0", other), source(live, registry))
    told = ready(live, "False", "VersionRefused")
    assert "tag 1.0.0: ImageVersion os-1.0.0 is there and is of something else" in told
    assert live.get("imageversions", "os-1.0.0")["spec"]["gallery"] == "other"
    live("delete", "imageversion", "os-1.0.0")
    scan(live, "gone")
    ready(live, "True", "Scanned")
    assert live.get("imageversions", "os-1.0.0")["spec"]["gallery"] == CUSTOM["gallery"]


def test_an_outage_loses_nothing(live: World, registry: LocalRegistry) -> None:
    registry.push(live.namespace, "1.0.0")
    live.create(source(live, registry, intervalSeconds=10))
    ready(live, "True", "Scanned")
    registry.stop()
    try:
        assert "does not answer" in ready(live, "False", "RegistryUnreachable")
        assert condition(live.get("imagesources", "os"), "Stalled")["status"] == "False"
        assert names(live) == ["os-1.0.0"]
    finally:
        registry.start()
    registry.push(live.namespace, "1.1.0")
    live("annotate", "imagesource", "os", "rollkeeper.io/reconcile-at=back")
    ready(live, "True", "Scanned")
    live.until("the new one is there", lambda: names(live) == ["os-1.0.0", "os-1.1.0"])


TROUBLE: dict[str, tuple[Spoil, str, str]] = {
    "429": (code(429, Retry_After="3600"), "RegistryThrottled", "asks to slow down"),
    "500": (code(500), "RegistryUnreachable", "answers HTTP 500"),
    "no tag list": (code(200), "MalformedAnswer", "is no JSON"),
    "torn off": (torn, "RegistryUnreachable", "does not answer"),
}


@pytest.mark.parametrize(("spoil", "reason", "says"), TROUBLE.values(), ids=TROUBLE)
def test_a_registry_in_trouble(live: World, registry: LocalRegistry, spoil: Spoil, reason: str, says: str) -> None:
    """What was published stays; what is pushed meanwhile comes when the trouble is over, at once if a person asks."""
    registry.push(live.namespace, "1.0.0")
    with front_of(registry.host) as front:
        live.create(source(live, registry, repository=f"{front.host}/{live.namespace}"))
        ready(live, "True", "Scanned")
        front.always = spoil
        registry.push(live.namespace, "1.1.0")
        scan(live, "pushed")
        assert says in ready(live, "False", reason)
        assert status_of(live.get("imagesources", "os"))["latestVersion"] == "1.0.0"
        assert names(live) == ["os-1.0.0"]
        front.mend()
        scan(live, "mended")
        ready(live, "True", "Scanned")
        assert names(live) == ["os-1.0.0", "os-1.1.0"]


def test_a_registry_that_hangs(live: World, registry: LocalRegistry) -> None:
    """It says so; another source is scanned, and a set is made, while it hangs."""
    registry.push(live.namespace, "1.0.0")
    with LocalRegistry(registry.folder / live.namespace) as hanging, hanging.frozen():
        hung = source(live, hanging, definition="hung")
        hung["metadata"]["name"] = "hung"
        live.create(hung, source(live, registry), fleet(1))
        ready(live, "True", "Scanned")
        live.until_healthy("1.0.0", 1)
        told = live.until_condition("hung", "Ready", "False", "RegistryUnreachable", kind="imagesources")
        assert f"{hanging.host} does not answer within 15 s" in told["message"]


def test_a_manifest_that_the_registry_has_lost_keeps_no_other_back(live: World, registry: LocalRegistry) -> None:
    """It is told with its tag, and published when it is mended."""
    broken = registry.stored(registry.push(live.namespace, "1.1.0"))
    registry.push(live.namespace, "1.0.0")
    content = broken.read_bytes()
    broken.write_bytes(b"{nonsense")
    live.create(source(live, registry))
    ready(live, "True", "Scanned")
    assert names(live) == ["os-1.0.0"]
    told = condition(live.get("imagesources", "os"), "TagsIgnored")["message"]
    assert f"tag 1.1.0: {registry.host} answers HTTP 500" in told
    broken.write_bytes(content)
    scan(live, "mended")
    live.until_condition("os", "TagsIgnored", "False", "None", kind="imagesources")
    assert names(live) == ["os-1.0.0", "os-1.1.0"]


REFUSED: dict[str, tuple[Json, str]] = {
    "no image": (made("ImageSource", "os", {"repository": "r.example/os"}), "name an image"),
    "two images": (
        made("ImageSource", "os", {**CUSTOM, **PLATFORM, "repository": "r.example/os"}),
        "use one form only",
    ),
    "a tag": (made("ImageSource", "os", {**CUSTOM, "repository": "r.example/os:1"}), "without tag or digest"),
    "a digest": (made("ImageSource", "os", {**CUSTOM, "repository": "r.example/os@sha256:1"}), "without tag or digest"),
    "no repository": (made("ImageSource", "os", CUSTOM), 'missing required field "repository"'),
    "too often": (made("ImageSource", "os", {**CUSTOM, "repository": "r/os", "intervalSeconds": 1}), "equal to 10"),
    "a long name": (made("ImageSource", "o" * 64, {**CUSTOM, "repository": "r/os"}), "at most 63 characters"),
}


@pytest.mark.parametrize(("manifest", "says"), REFUSED.values(), ids=REFUSED)
def test_refused_with_a_message_that_says_what_to_do(world: World, manifest: Json, says: str) -> None:
    with pytest.raises(ClusterError) as refusal:
        world.create(manifest)
    assert says in str(refusal.value)


def test_the_image_of_a_source_stays(world: World) -> None:
    world.create(made("ImageSource", "os", {**CUSTOM, "repository": "registry.example.com:5000/os"}))
    with pytest.raises(ClusterError, match="create another ImageSource"):
        world.patch("imagesource", "os", {"spec": {"definition": "other"}})
    world("get", "imgsrc")
