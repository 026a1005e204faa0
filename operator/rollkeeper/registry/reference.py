"""Image references, read as container runtimes read them: `nginx` is `docker.io/library/nginx:latest`."""

import re
from dataclasses import dataclass
from functools import lru_cache

from rollkeeper.registry.errors import InvalidReference

DEFAULT_REGISTRY = "docker.io"
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_HOST = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_LOOPBACK = re.compile(r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Repository:
    """Where an image's versions are kept."""

    registry: str
    """The host as it was written, with a port if there is one; `docker.io` where none was."""
    path: str
    name: str
    """Both as the user wrote them: what nodes pull by, so that their mirrors and pull secrets apply."""

    @property
    def host(self) -> str:
        """Where the API is: Docker Hub's is not at the address in its references."""
        return "registry-1.docker.io" if self.registry == DEFAULT_REGISTRY else self.registry

    @property
    def is_loopback(self) -> bool:
        """This machine's own registries speak plain HTTP, as runtimes assume too."""
        return _LOOPBACK.fullmatch(self.host) is not None

    def pinned(self, digest: str) -> str:
        """The full reference of what has a digest (V8)."""
        return f"{self.name}@{digest}"


@dataclass(frozen=True, slots=True)
class Reference:
    """One image: a repository, and a tag or a digest. With both the digest counts."""

    repository: Repository
    tag: str | None
    digest: str | None

    @property
    def target(self) -> str:
        """What to ask the registry for."""
        return self.digest or self.tag or "latest"


@lru_cache(maxsize=4096)
def parse_repository(text: str) -> Repository:
    """Reads `registry.example.com/os/base`. Raises InvalidReference with a sentence for the user."""
    found = parse(text)
    if found.tag is not None or found.digest is not None:
        raise InvalidReference(f"{text!r} names one image: leave out the tag or digest")
    return found.repository


@lru_cache(maxsize=4096)
def parse(text: str) -> Reference:
    """Reads an image reference. Raises InvalidReference with a sentence for the user."""
    rest, _, digest = text.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, tag = rest, ""
    repository = _repository(name)
    wrong = (
        repository is None
        or ("@" in text and not _DIGEST.fullmatch(digest))
        or (rest.endswith(":") or (tag and not _TAG.fullmatch(tag)))
    )
    if wrong or repository is None:
        raise InvalidReference(
            f"{text!r} is no image reference: write it like registry.example.com/os/base:1.10.0, the part before the "
            "tag in lower case"
        )
    return Reference(repository, tag or None, digest or None)


def _repository(name: str) -> Repository | None:
    first, slash, rest = name.partition("/")
    if not slash or not ({".", ":"} & set(first) or first == "localhost" or first != first.lower()):
        registry, path = DEFAULT_REGISTRY, name
    else:
        registry, path = first, rest
    if registry in ("index.docker.io", DEFAULT_REGISTRY):
        registry, path = DEFAULT_REGISTRY, path if "/" in path else f"library/{path}"
    if not _HOST.fullmatch(registry) or not _REPOSITORY.fullmatch(path):
        return None
    return Repository(registry, path, name)
