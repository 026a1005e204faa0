"""User names and passwords from Docker configurations, as pull secrets hold them."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from rollkeeper.registry.decoding import read_json
from rollkeeper.registry.errors import BadCredentials
from rollkeeper.registry.reference import DEFAULT_REGISTRY, Repository

CONFIG_KEYS = (".dockerconfigjson", ".dockercfg")
"""Keys of a Secret's data, by type `kubernetes.io/dockerconfigjson` and the older `kubernetes.io/dockercfg`."""
_DOCKER_HUB = {"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com", DEFAULT_REGISTRY}


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to one registry. Its parts never show in logs or errors."""

    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    """A refresh token in the place of a password."""


@dataclass(frozen=True)
class Keychain:
    """Logins by registry, or by a path below it."""

    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)

    def login_for(self, repository: Repository) -> Login | None:
        """The login whose entry fits best: the longest path, as the kubelet chooses."""
        wanted = f"{_canonical(repository.registry)}/{repository.path}"
        fitting = [key for key in self.logins if _fits(key, wanted)]
        return self.logins[max(fitting, key=len)] if fitting else None


NOBODY = Keychain()
"""No credentials at all."""


def read_secret(data: Mapping[str, str]) -> Keychain:
    """The keychain in the data of a Secret (base64). Raises BadCredentials, whose message tells nothing of it."""
    encoded = next((data[key] for key in CONFIG_KEYS if key in data), None)
    if encoded is None:
        raise BadCredentials(
            "has no .dockerconfigjson: make it with `kubectl create secret docker-registry`, or name another one"
        )
    try:
        config = read_json(base64.b64decode(encoded, validate=True))
        entries = config["auths"] if ".dockerconfigjson" in data else config
        return Keychain({_key(name): _login(entry) for name, entry in entries.items()})
    except (ValueError, binascii.Error, KeyError, TypeError, AttributeError):
        # Not `from error`: the message of the JSON decoder can have a part of the password in it.
        raise BadCredentials(
            'is no Docker configuration: it must be JSON like {"auths": {"registry.example.com": {"auth": …}}}'
        ) from None


def _login(entry: Mapping[str, Any]) -> Login:
    username, password = str(entry.get("username") or ""), str(entry.get("password") or "")
    if entry.get("auth"):
        username, _, password = base64.b64decode(entry["auth"], validate=True).decode().partition(":")
    return Login(username, password, str(entry.get("identitytoken") or ""))


def _key(name: str) -> str:
    """`https://index.docker.io/v1/`, `registry.example.com/team` -> host and path."""
    address = urlsplit(name if "://" in name else f"https://{name}")
    path = address.path.strip("/")
    host = _canonical(address.netloc)
    return host if not path or path in {"v1", "v2"} else f"{host}/{path}"


def _canonical(host: str) -> str:
    return DEFAULT_REGISTRY if host.lower() in _DOCKER_HUB else host.lower()


def _fits(key: str, wanted: str) -> bool:
    """Whether an entry is for a repository. `*` in a host stands for one label, as in pull secrets."""
    host, slash, path = key.partition("/")
    wanted_host, _, wanted_path = wanted.partition("/")
    labels, wanted_labels = host.split("."), wanted_host.split(".")
    same = len(labels) == len(wanted_labels) and all(a in {"*", b} for a, b in zip(labels, wanted_labels, strict=True))
    return same and (not slash or wanted_path == path or wanted_path.startswith(f"{path}/"))
