"""Who we are: what a kubeconfig's user becomes as headers and client certificates.

Certificates, tokens, passwords, impersonation and credential plugins (client.authentication.k8s.io v1 and v1beta1).
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rollkeeper.kube.errors import NotConfigured, Unauthorized
from rollkeeper.kube.user.kubeconfig import Target, inline

_PLUGIN_VERSIONS = frozenset({"client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"})
_PLUGIN_SECONDS = 120.0
"""A plugin may open a browser and wait for the person."""


Headers = tuple[tuple[str, str], ...]
"""Names and values; a name may come twice."""


@dataclass(frozen=True)
class Identity:
    """What goes with each request, and what the TLS connection shows. Never shown itself: it holds secrets."""

    headers: Headers = field(default=(), repr=False)
    certificate: bytes | None = field(default=None, repr=False)
    """PEM; with `key`, a client certificate."""
    key: bytes | None = field(default=None, repr=False)


def identify(target: Target, kubeconfig: Path | None) -> Identity:
    """The identity of a context's user, read anew at each call.

    `kubeconfig` is what the user named, for the loader that knows old `auth-provider` entries. Raises NotConfigured,
    and Unauthorized when a credential plugin gives no credentials.
    """
    user = target.user
    headers = _impersonation(user)
    certificate, key = inline(user, "client-certificate"), inline(user, "client-key")
    if token := _token(user):
        return Identity((*headers, ("Authorization", f"Bearer {token}")), certificate, key)
    if user.get("username"):
        word = base64.b64encode(f"{user['username']}:{user.get('password') or ''}".encode()).decode()
        return Identity((*headers, ("Authorization", f"Basic {word}")), certificate, key)
    if user.get("exec"):
        return _from_plugin(user["exec"], target, Identity(headers, certificate, key))
    if user.get("auth-provider"):
        return Identity((*headers, ("Authorization", _from_provider(target, kubeconfig))), certificate, key)
    return Identity(headers, certificate, key)


def _token(user: Mapping[str, Any]) -> str | None:
    """`tokenFile` wins, as in kubectl: it is read anew, the token beside it may be old."""
    if user.get("tokenFile"):
        content = inline({"token": user["tokenFile"]}, "token") or b""
        return content.decode().strip() or None
    return str(user["token"]) if user.get("token") else None


def _impersonation(user: Mapping[str, Any]) -> Headers:
    headers = [("Impersonate-User", user.get("as")), ("Impersonate-Uid", user.get("as-uid"))]
    headers += [("Impersonate-Group", group) for group in user.get("as-groups") or ()]
    for name, values in (user.get("as-user-extra") or {}).items():
        headers += [(f"Impersonate-Extra-{quote(str(name), safe='')}", value) for value in values]
    return tuple((name, str(value)) for name, value in headers if value)


def _from_plugin(config: Mapping[str, Any], target: Target, known: Identity) -> Identity:
    """What the plugin gives, beside what the kubeconfig itself has."""
    status = _ask_plugin(config, target)
    token, certificate, key = (status.get(f) for f in ("token", "clientCertificateData", "clientKeyData"))
    if not token and not certificate:
        raise Unauthorized(0, "NoCredentials", f"{config['command']} gave neither a token nor a certificate")
    headers = (*known.headers, ("Authorization", f"Bearer {token}")) if token else known.headers
    if not certificate:
        return replace(known, headers=headers)
    return Identity(headers, certificate.encode(), key.encode() if key else None)


def _ask_plugin(config: Mapping[str, Any], target: Target) -> Mapping[str, Any]:
    """Runs the plugin. Raises Unauthorized with what it said, and NotConfigured when it can't be run."""
    version, command = str(config.get("apiVersion") or ""), str(config.get("command") or "")
    if version not in _PLUGIN_VERSIONS:
        raise NotConfigured(f"credential plugin {command!r} speaks {version!r}, which no client knows any more")
    mode = config.get("interactiveMode") or "IfAvailable"
    interactive = mode != "Never" and sys.stdin.isatty()
    if mode == "Always" and not interactive:
        raise NotConfigured(f"credential plugin {command!r} needs a terminal")
    asked: dict[str, Any] = {"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": interactive}}
    if config.get("provideClusterInfo"):
        asked["spec"]["cluster"] = _cluster_info(target)
    environment = {**os.environ, **{str(e["name"]): str(e["value"]) for e in config.get("env") or ()}}
    environment["KUBERNETES_EXEC_INFO"] = json.dumps(asked)
    try:
        done = subprocess.run(  # noqa: S603 - the user's own kubeconfig names it, as for kubectl
            [command, *map(str, config.get("args") or ())],
            env=environment,
            stdin=None if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=_PLUGIN_SECONDS,
            check=False,
        )
    except FileNotFoundError:
        hint = f": {config['installHint'].strip()}" if config.get("installHint") else ""
        raise NotConfigured(f"credential plugin {command!r} is not installed{hint}") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotConfigured(f"credential plugin {command!r} can't be run: {error}") from error
    if done.returncode != 0:
        raise Unauthorized(0, "NoCredentials", f"credential plugin {command!r} ended with code {done.returncode}")
    return _status(done.stdout, command, version)


def _status(answer: bytes, command: str, version: str) -> Mapping[str, Any]:
    try:
        said = json.loads(answer)
        status = said["status"]
        spoken = said.get("apiVersion")
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Unauthorized(0, "NoCredentials", f"credential plugin {command!r} gave no ExecCredential") from None
    if spoken != version:
        raise Unauthorized(0, "NoCredentials", f"credential plugin {command!r} speaks {spoken!r}, not {version!r}")
    return status if isinstance(status, dict) else {}


def _cluster_info(target: Target) -> dict[str, Any]:
    """`spec.cluster` of an ExecCredential."""
    cluster = target.cluster
    authority = inline(cluster, "certificate-authority")
    extensions = {e.get("name"): e.get("extension") for e in cluster.get("extensions") or ()}
    info = {
        "server": target.server,
        "tls-server-name": cluster.get("tls-server-name"),
        "insecure-skip-tls-verify": cluster.get("insecure-skip-tls-verify"),
        "certificate-authority-data": base64.b64encode(authority).decode() if authority else None,
        "proxy-url": cluster.get("proxy-url"),
        "config": extensions.get("client.authentication.k8s.io/exec"),
    }
    return {name: value for name, value in info.items() if value}


def _from_provider(target: Target, kubeconfig: Path | None) -> str:
    """`auth-provider` was taken out of kubectl but for OpenID Connect: the official client still knows them."""
    import asyncio  # noqa: PLC0415 - as below

    from rollkeeper.kube.connection import Connection  # noqa: PLC0415 - takes longer than a whole command

    async def ask() -> str | None:
        connection = await Connection.open(kubeconfig, target.context)
        try:
            return await connection.authorization()
        finally:
            await connection.close()

    header = asyncio.run(ask())
    if not header:
        raise Unauthorized(0, "NoCredentials", "the kubeconfig's auth-provider gave no token")
    return header
