"""Asking registries for ImageVersions: what is asked, how often, with which credentials (V8, V4)."""

import json
from base64 import b64encode
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.controllers.pull_secrets import PullSecrets
from rollkeeper.controllers.resolver import Resolver
from rollkeeper.kube.errors import Forbidden, NotFound, Unavailable
from rollkeeper.kube.store import Key, Store
from rollkeeper.registry.credentials import Keychain
from rollkeeper.registry.errors import Denied, NotThere, RegistryError, Throttled, Unreachable
from rollkeeper.registry.reference import Reference, Repository

DIGEST = "sha256:" + "a" * 64
KEY = ("default", "os")


class Played:
    """Answers by repository path: a digest, or an error."""

    def __init__(self, **answers: str | RegistryError) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str | None]] = []
        self.woken: list[str] = []
        self.plainly: list[bool] = []

    async def digest(self, reference: Reference, keychain: Keychain, *, insecure: bool = False) -> str:
        self.plainly.append(insecure)
        login = keychain.login_for(reference.repository)
        self.asked.append((f"{reference.repository.path}:{reference.target}", login.username if login else None))
        answer = self.answers[reference.repository.path]
        if isinstance(answer, RegistryError):
            raise answer
        return answer

    async def tags(self, repository: Repository, keychain: Keychain, *, insecure: bool = False) -> tuple[str, ...]:
        raise NotImplementedError

    def wake(self, repository: Repository) -> None:
        self.woken.append(repository.registry)


class Secrets:
    """An API server that has one Secret, or refuses."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer

    async def get(self, _resource: object, namespace: str, name: str) -> Any:
        assert (namespace, name) == ("default", "pull")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def _is_plain(namespace: str, repository: Repository) -> bool:
    return (namespace, repository.registry) == ("default", "plain.example")


class World:
    def __init__(self, registry: Played, secret: Any = None, **spec: Any) -> None:
        self.registry = registry
        self.changed: list[Key] = []
        self.store: Store[ImageVersion] = Store(lambda raw, _: ImageVersion.model_validate(raw))
        secrets = PullSecrets(Secrets(secret))  # type: ignore[arg-type]
        self.resolver = Resolver(registry, secrets, self.store, self.changed.append, _is_plain)
        self._spec = {"gallery": "g", "definition": "d", "version": "1.0.0", "image": "r.example/os:1", **spec}
        self._version = 0
        self.put()

    def put(self, **annotations: str) -> None:
        self._version += 1
        meta = {"name": "os", "namespace": "default", "uid": "u", "resourceVersion": str(self._version)}
        self.store.apply({"metadata": {**meta, "annotations": annotations}, "spec": self._spec})

    @property
    def version(self) -> ImageVersion:
        found = self.store.get(KEY)
        assert found is not None
        return found

    def finding(self, reference: str = "r.example/os:1") -> tuple[str | None, str, str]:
        found = self.resolver.findings(self.version)[reference]
        return found.pinned, found.reason, found.state


async def test_a_tag_is_resolved_once() -> None:
    world = World(Played(os=DIGEST))
    assert world.resolver.is_due(world.version)
    assert await world.resolver.ask(KEY) is None
    assert world.finding() == (f"r.example/os@{DIGEST}", "", "Completed")
    assert world.changed == [KEY]
    assert not world.resolver.is_due(world.version)
    assert await world.resolver.ask(KEY) is None
    assert world.registry.asked == [("os:1", None)]


FAILURES: dict[str, tuple[RegistryError, str, str]] = {
    "unreachable": (Unreachable("gone"), "RegistryUnreachable", "Unknown"),
    "throttled": (Throttled("slow", retry_after=600), "RegistryThrottled", "Unknown"),
    "not there yet": (NotThere("none"), "ManifestNotFound", "Replicating"),
    "denied": (Denied("no"), "RegistryAccessDenied", "Failed"),
}


@pytest.mark.parametrize(("error", "reason", "state"), FAILURES.values(), ids=FAILURES)
async def test_failures_are_asked_again_less_and_less_often(error: RegistryError, reason: str, state: str) -> None:
    world = World(Played(os=error))
    waits = [await world.resolver.ask(KEY) for _ in range(9)]
    assert world.finding() == (None, reason, state)
    assert all(wait is not None and wait >= (error.retry_after or 12) for wait in waits)
    assert (waits[-1] or 0) > 600
    assert world.changed == [KEY], "the same answer again is no news"
    assert not world.resolver.is_due(world.version), "a reconcile does not ask between two tries"
    world.registry.answers["os"] = DIGEST
    assert await world.resolver.ask(KEY) is None
    assert world.finding()[0] == f"r.example/os@{DIGEST}"


async def test_a_person_who_asks_is_not_kept_waiting() -> None:
    world = World(Played(os=Unreachable("gone")))
    await world.resolver.ask(KEY)
    world.put(**{"rollkeeper.io/reconcile-at": "now"})
    assert world.resolver.is_due(world.version)
    await world.resolver.ask(KEY)
    assert world.registry.woken == ["r.example"]
    assert not world.resolver.is_due(world.version)


async def test_a_reference_that_is_none() -> None:
    world = World(Played(), image="NOT/A:REFERENCE:")
    await world.resolver.ask(KEY)
    assert world.finding("NOT/A:REFERENCE:") == (None, "InvalidReference", "Failed")


async def test_each_region_is_asked_for() -> None:
    there = [{"name": "eu"}, {"name": "us", "image": "us.example/mirror:1"}]
    world = World(Played(os=DIGEST, mirror=NotThere("none")), targetRegions=there, replication="Verified")
    assert await world.resolver.ask(KEY) is not None
    assert world.finding()[2] == "Completed"
    assert world.finding("us.example/mirror:1") == (None, "ManifestNotFound", "Replicating")
    assert await world.resolver.ask(KEY) is not None
    assert world.registry.asked == [("os:1", None), ("mirror:1", None), ("mirror:1", None)]


def secret() -> dict[str, Any]:
    config = {"auths": {"r.example": {"username": "me", "password": "hush"}}}
    return {"data": {".dockerconfigjson": b64encode(json.dumps(config).encode()).decode()}}


async def test_credentials_of_the_secret_that_the_version_names() -> None:
    world = World(Played(os=DIGEST), secret(), secretRef={"name": "pull"})
    await world.resolver.ask(KEY)
    assert world.registry.asked == [("os:1", "me")]


BAD_SECRETS = {
    "none": (NotFound(404, "NotFound", ""), "there is no Secret pull in namespace default: create it"),
    "not allowed": (Forbidden(403, "Forbidden", ""), "the controller may not read Secret pull in namespace default"),
    "of another kind": ({"data": {"password": "aHVzaA=="}}, "Secret pull has no .dockerconfigjson"),
    "empty": ({}, "Secret pull has no .dockerconfigjson"),
}


@pytest.mark.parametrize(("answer", "says"), BAD_SECRETS.values(), ids=BAD_SECRETS)
async def test_secrets_that_can_not_be_used(answer: Any, says: str) -> None:
    world = World(Played(os=DIGEST), answer, secretRef={"name": "pull"})
    assert await world.resolver.ask(KEY) is not None
    found = world.resolver.findings(world.version)["r.example/os:1"]
    assert (found.reason, found.state) == ("InvalidSecret", "Failed")
    assert says in found.message
    assert world.registry.asked == [], "without the credentials that were asked for, nobody is asked"


async def test_an_api_server_that_does_not_answer_is_no_bad_secret() -> None:
    world = World(Played(os=DIGEST), Unavailable(0, "", ""), secretRef={"name": "pull"})
    with pytest.raises(Unavailable):
        await world.resolver.ask(KEY)
    assert world.resolver.findings(world.version) == {}


async def test_what_is_gone_is_forgotten() -> None:
    world = World(Played(os=DIGEST))
    await world.resolver.ask(KEY)
    version = world.version
    world.resolver.forget("u")
    assert world.resolver.findings(version) == {}
    world.store.remove_key(KEY, "u")
    assert await world.resolver.ask(KEY) is None


@pytest.mark.parametrize("host", ["r.example", "plain.example"])
async def test_plain_http_is_spoken_where_the_namespace_says_so(host: str) -> None:
    world = World(Played(os=DIGEST), image=f"{host}/os:1")
    await world.resolver.ask(KEY)
    assert world.registry.plainly == [host == "plain.example"]
