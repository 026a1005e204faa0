"""A push to a registry is all it takes: ImageSources against a real registry (V7, V8)."""

import json
from base64 import b64encode
from collections.abc import Iterator

import pytest

from hack.localcluster import ClusterError
from hack.localregistry import PASSWORD, USER, LocalRegistry
from tests.cluster.audit import Json
from tests.cluster.fleet import fleet
from tests.cluster.manifests import CUSTOM, PLATFORM, made
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    with LocalRegistry(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    with LocalRegistry(tmp_path_factory.mktemp("locked"), "basic") as started:
        yield started


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
    """The digest that was pushed runs; a tag that is moved is told, not followed; what was deleted stays so."""
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


def test_only_the_newest_are_kept_and_what_is_used(live: World, registry: LocalRegistry) -> None:
    for number in range(5):
        registry.push(live.namespace, f"1.{number}.0")
    live.create(source(live, registry, keep=2))
    ready(live, "True", "Scanned")
    assert names(live) == ["os-1.3.0", "os-1.4.0"]
    live.create(fleet(1, imageReference={**CUSTOM, "version": "1.3.0"}, automatic=False))
    live.until_healthy("1.3.0", 1)
    for number in (5, 6):
        registry.push(live.namespace, f"1.{number}.0")
    scan(live, "more")
    live.until("the old one is gone", lambda: names(live) == ["os-1.3.0", "os-1.5.0", "os-1.6.0"])


def test_bad_input_says_what_to_do(live: World, locked: LocalRegistry) -> None:
    """No credentials, wrong ones, a pattern that is none and one that matches nothing, tags that are no versions."""
    locked.push(live.namespace, "build-7")
    live.create(source(live, locked))
    assert "no credentials" in ready(live, "False", "RegistryAccessDenied")
    live.patch("imagesource", "os", {"spec": {"secretRef": {"name": "pull"}}})
    assert "there is no Secret pull" in ready(live, "False", "InvalidSecret")
    auth = b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    config = json.dumps({"auths": {locked.host: {"auth": auth}}})
    live("create", "secret", "generic", "pull", f"--from-literal=.dockerconfigjson={config}")
    live("annotate", "imagesource", "os", "rollkeeper.io/reconcile-at=secret")
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
    live.patch("imagesource", "os", {"spec": {"suspend": True}})
    ready(live, "True", "Suspended")


def test_a_name_that_is_taken(live: World, registry: LocalRegistry) -> None:
    """What is there is not touched; the source says what is in its way, and goes on when that is gone."""
    registry.push(live.namespace, "1.0.0")
    other = {"gallery": "other", "definition": "os", "version": "1.0.0", "image": "registry.test/other:1.0.0"}
    live.create(made("ImageVersion", "os-1.0.0", other), source(live, registry))
    told = live.until_condition("os", "TagsIgnored", "True", "TagsIgnored", kind="imagesources")["message"]
    assert "tag 1.0.0: ImageVersion os-1.0.0 is there and is of something else" in told
    assert live.get("imageversions", "os-1.0.0")["spec"]["gallery"] == "other"
    live("delete", "imageversion", "os-1.0.0")
    scan(live, "gone")
    live.until_condition("os", "TagsIgnored", "False", "None", kind="imagesources")
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
