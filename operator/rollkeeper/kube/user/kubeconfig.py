"""Reads kubeconfig files as kubectl does: which server, as whom, in which namespace.

Source: the kubeconfig (v1) reference of the Kubernetes documentation. Of several files in $KUBECONFIG the first that
sets a value wins, and relative paths are relative to the file that they stand in.
"""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rollkeeper.kube.errors import NotConfigured

DEFAULT = Path("~/.kube/config")
_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

_PATHS = {
    "clusters": ("certificate-authority",),
    "users": ("client-certificate", "client-key", "tokenFile"),
}
"""Fields that hold a path, by section."""

_SECTIONS = ("contexts", "clusters", "users")

Section = Mapping[str, Any]


@dataclass(frozen=True)
class Target:
    """One context of the kubeconfig, resolved: cluster and user as they stand in the file, paths made absolute."""

    context: str
    namespace: str
    server: str
    cluster: Section
    user: Section = field(repr=False)
    """Holds secrets: not shown."""


def load(kubeconfig: Path | None, context: str | None) -> Target:
    """The context to talk to: of the file given, else of $KUBECONFIG, else of ~/.kube/config, else of our own pod.

    Raises NotConfigured, with what to do.
    """
    files = _files(kubeconfig)
    present = [path for path in files if path.is_file()]
    if not present:
        if kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ:
            return _in_cluster()
        named = " or ".join(str(path) for path in files)
        raise NotConfigured(f"there is no kubeconfig {named}: name one with --kubeconfig or $KUBECONFIG")
    merged = _merge([_read(path) for path in present])
    wanted = context or merged["current-context"]
    if not wanted:
        known = ", ".join(sorted(merged["contexts"])) or "none"
        raise NotConfigured(f"the kubeconfig has no current context: choose one with --context; there are: {known}")
    found = _named(merged, "contexts", "context", wanted)
    cluster = _named(merged, "clusters", "cluster", str(found.get("cluster") or ""))
    user = _named(merged, "users", "user", str(found["user"])) if found.get("user") else {}
    if not cluster.get("server"):
        raise NotConfigured(f"cluster {found.get('cluster')!r} of the kubeconfig names no server")
    return Target(
        context=wanted,
        namespace=str(found.get("namespace") or "default"),
        server=str(cluster["server"]).rstrip("/"),
        cluster=cluster,
        user=user,
    )


def inline(section: Section, name: str) -> bytes | None:
    """The bytes of a certificate or key: `<name>-data`, which wins, else the file `<name>`. Raises NotConfigured."""
    if data := section.get(f"{name}-data"):
        try:
            return base64.b64decode(str(data), validate=False)
        except ValueError as error:
            raise NotConfigured(f"{name}-data in the kubeconfig is not base64: {error}") from error
    if path := section.get(name):
        return _content(Path(str(path)), name)
    return None


def _content(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotConfigured(f"{what} of the kubeconfig can't be read: {error}") from error


def _files(given: Path | None) -> list[Path]:
    if given is not None:
        return [given.expanduser()]
    listed = [Path(part) for part in os.environ.get("KUBECONFIG", "").split(os.pathsep) if part]
    return listed or [DEFAULT.expanduser()]


def _read(path: Path) -> Section:
    import yaml  # noqa: PLC0415 - only commands that talk to a cluster need it

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = yaml.load(_content(path, "the file"), Loader=loader)  # noqa: S506 - both are safe loaders
    except yaml.YAMLError as error:
        raise NotConfigured(f"kubeconfig {path} is no YAML: {error}") from error
    if not isinstance(content, dict):
        raise NotConfigured(f"kubeconfig {path} is empty")
    for section in _SECTIONS:
        _check(content.get(section) or [], section, path)
    folder = path.absolute().parent
    for section, fields in _PATHS.items():
        for entry in content.get(section) or ():
            body = entry.get(section.removesuffix("s")) or {}
            body.update({name: str(folder / str(body[name])) for name in fields if body.get(name)})
    for entry in content.get("users") or ():
        command = str(((entry.get("user") or {}).get("exec") or {}).get("command") or "")
        if os.sep in command:
            entry["user"]["exec"]["command"] = str(folder / command)
    return content


def _check(entries: object, section: str, path: Path) -> None:
    """Raises NotConfigured where a section is something else than named entries."""
    what = section.removesuffix("s")
    if not isinstance(entries, list) or not all(_is_entry(entry, what) for entry in entries):
        raise NotConfigured(f"kubeconfig {path}: {section} must be a list, each with a name and a {what}")


def _is_entry(entry: object, what: str) -> bool:
    body = (entry.get(what) or {}) if isinstance(entry, dict) else None
    return isinstance(body, dict) and isinstance(body.get("exec") or {}, dict)


def _merge(files: list[Section]) -> dict[str, Any]:
    """All files as one: the first that has a name or the current context keeps it."""
    merged: dict[str, Any] = {"contexts": {}, "clusters": {}, "users": {}, "current-context": ""}
    for content in files:
        merged["current-context"] = merged["current-context"] or str(content.get("current-context") or "")
        for section in _SECTIONS:
            for entry in content.get(section) or ():
                merged[section].setdefault(str(entry.get("name")), entry.get(section.removesuffix("s")) or {})
    return merged


def _named(merged: Mapping[str, Any], section: str, what: str, name: str) -> Section:
    found: Section | None = merged[section].get(name)
    if found is None:
        known = ", ".join(sorted(merged[section])) or "none"
        raise NotConfigured(f"the kubeconfig has no {what} {name!r}; there are: {known}")
    return found


def _in_cluster() -> Target:
    """Our own pod's service account."""
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    namespace = _content(_SERVICE_ACCOUNT / "namespace", "the service account").decode().strip()
    return Target(
        context="in-cluster",
        namespace=namespace or "default",
        server=f"https://{f'[{host}]' if ':' in host else host}:{port}",
        cluster={"certificate-authority": str(_SERVICE_ACCOUNT / "ca.crt")},
        user={"tokenFile": str(_SERVICE_ACCOUNT / "token")},
    )
