"""What registries are asked for: digests (V8), and whether a region has an image (V4). Against a real registry."""

from hack.localregistry import PASSWORD, LocalRegistry
from tests.cluster.audit import Json
from tests.cluster.fleet import fleet, published
from tests.cluster.pull_secret import pull_secret
from tests.cluster.replay import status_of
from tests.cluster.world import World


def version(number: str, image: str, **spec: object) -> Json:
    manifest = published(number)
    manifest["spec"] |= {"image": image, **spec}
    return manifest


def ask_again(world: World, number: str) -> None:
    world("annotate", "--overwrite", "imageversion", f"os-{number}", f"rollkeeper.io/reconcile-at={world.namespace}")


def images(world: World) -> list[str]:
    return [pod["spec"]["containers"][0]["image"] for pod in world.pods()]


def take_away(world: World, name: str) -> None:
    """By force where something still uses it: what becomes of it then is what is looked at."""
    world("delete", "imageversion", name, "--wait=false")
    left = world.find("imageversions", name)
    if left is not None and left["metadata"].get("finalizers"):
        world.patch("imageversion", name, {"metadata": {"finalizers": None}})
    world.until("it is gone", lambda: world.find("imageversions", name) is None)


def resolved(world: World, number: str, status: str, reason: str) -> Json:
    return world.until_condition(f"os-{number}", "Resolved", status, reason, kind="imageversions")


def test_a_tag_that_is_moved_later_changes_nothing(live: World, registry: LocalRegistry) -> None:
    """V8: neither a repair nor scaling nor a version that is published anew brings the other image in."""
    tag = f"{registry.host}/{live.namespace}:1.0.0"
    digest = registry.push(live.namespace, "1.0.0", "the first")
    pinned = f"{registry.host}/{live.namespace}@{digest}"
    live.create(version("1.0.0", tag), fleet(2, automatic=False))
    live.until_healthy("1.0.0", 2)
    assert images(live) == [pinned] * 2
    assert status_of(live.get("imageversions", "os-1.0.0"))["resolvedImage"] == pinned
    assert registry.push(live.namespace, "1.0.0", "the second") != digest
    ask_again(live, "1.0.0")
    live("delete", "pod", "web-0", "--wait=true")
    live("scale", "scaleset", "web", "--replicas=3")
    live.until_healthy("1.0.0", 3)
    assert images(live) == [pinned] * 3
    take_away(live, "os-1.0.0")
    live.create(version("1.0.0", tag))
    resolved(live, "1.0.0", "True", "Resolved")
    assert status_of(live.get("imageversions", "os-1.0.0"))["resolvedImage"] != pinned
    live("scale", "scaleset", "web", "--replicas=4")
    live.until_healthy("1.0.0", 4)
    assert images(live) == [pinned] * 4


def test_an_image_for_several_architectures(live: World, registry: LocalRegistry) -> None:
    """V8: pinned as a whole, so that nodes of each kind find their own."""
    index = registry.push_index(live.namespace, "1.0.0", ("amd64", "arm64"))
    live.create(version("1.0.0", f"{registry.host}/{live.namespace}:1.0.0"), fleet(1))
    live.until_healthy("1.0.0", 1)
    assert images(live) == [f"{registry.host}/{live.namespace}@{index}"]


def test_a_registry_that_is_out_of_reach(live: World, registry: LocalRegistry) -> None:
    """V8: the tag is used, the status says so; when the registry is back, nothing rolls because of it."""
    tag = f"{registry.host}/{live.namespace}:1.0.0"
    digest = registry.push(live.namespace, "1.0.0")
    registry.stop()
    try:
        live.create(version("1.0.0", tag), fleet(2))
        said = resolved(live, "1.0.0", "False", "RegistryUnreachable")
        assert f"{registry.host} does not answer" in said["message"]
        assert f"instances get the tag {tag}" in said["message"]
        live.until_healthy("1.0.0", 2)
        assert images(live) == [tag] * 2
    finally:
        registry.start()
    ask_again(live, "1.0.0")
    resolved(live, "1.0.0", "True", "Resolved")
    uids = [pod["metadata"]["uid"] for pod in live.pods()]
    live("scale", "scaleset", "web", "--replicas=3")
    live.until_healthy("1.0.0", 3)
    assert [pod["metadata"]["uid"] for pod in live.pods()][:2] == uids
    assert live.items("upgraderuns") == []
    assert status_of(live.get("imageversions", "os-1.0.0"))["resolvedImage"].endswith(digest)


def _asked(world: World) -> list[Json] | None:
    """The regions of os-1.1.0 when each of their registries has been asked."""
    regions: list[Json] = status_of(world.get("imageversions", "os-1.1.0"))["replicationStatus"]
    return regions if all(region["state"] != "Unknown" for region in regions) else None


def test_a_region_counts_when_its_registry_has_the_image(live: World, registry: LocalRegistry) -> None:
    """V4: until then the version is not there for the set, and says what its registry said."""
    registry.push(live.namespace, "1.0.0")
    first = f"{registry.host}/{live.namespace}:1.0.0"
    live.create(version("1.0.0", first), fleet(2, 50, region="eu"))
    live.until_healthy("1.0.0", 2)
    mirror = f"mirror-{live.namespace}"
    there = [{"name": "us"}, {"name": "eu", "image": f"{registry.host}/{mirror}:1.1.0"}]
    registry.push(live.namespace, "1.1.0")
    second = f"{registry.host}/{live.namespace}:1.1.0"
    live.create(version("1.1.0", second, targetRegions=there, replication="Verified"))
    resolved(live, "1.1.0", "True", "Resolved")
    us, eu = live.until("its registry was asked", lambda: _asked(live))
    assert (us["region"], us["state"]) == ("us", "Completed")
    assert (eu["region"], eu["state"]) == ("eu", "Replicating")
    assert f"the registry has no {registry.host}/{mirror}:1.1.0" in eu["message"]
    assert live.items("upgraderuns") == []
    assert status_of(live.get("scalesets", "web"))["latestImageVersion"] == "1.0.0"
    digest = registry.push(mirror, "1.1.0")
    ask_again(live, "1.1.0")
    live.until_healthy("1.1.0", 2)
    assert images(live) == [f"{registry.host}/{mirror}@{digest}"] * 2


def test_credentials(live: World, locked: LocalRegistry) -> None:
    """V8: those of the Secret that the version names; what is wrong with them is told, never they themselves."""
    digest = locked.push(live.namespace, "1.0.0")
    live("create", "secret", "generic", "pull", f"--from-literal=auth={PASSWORD}")
    tag = f"{locked.host}/{live.namespace}:1.0.0"
    live.create(version("1.0.0", tag, secretRef={"name": "pull"}))
    said = resolved(live, "1.0.0", "False", "InvalidSecret")
    assert "Secret pull has no .dockerconfigjson" in said["message"]
    for password, status, reason in (("wrong", "False", "RegistryAccessDenied"), (PASSWORD, "True", "Resolved")):
        pull_secret(live, locked.host, password)
        live("annotate", "--overwrite", "imageversion", "os-1.0.0", f"rollkeeper.io/reconcile-at={password[:3]}")
        said = resolved(live, "1.0.0", status, reason)
        assert password not in said["message"]
    assert said["message"] == f"instances get {locked.host}/{live.namespace}@{digest}"
