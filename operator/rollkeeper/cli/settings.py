"""The controller's settings: flags first, then environment variables (`ROLLKEEPER_…`), then defaults."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_NAMESPACE_FILE = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")


def own_namespace() -> str:
    """The namespace that the controller runs in; `default` outside of a cluster."""
    return _NAMESPACE_FILE.read_text().strip() if _NAMESPACE_FILE.exists() else "default"


class Settings(BaseSettings):
    """What can be set. Each field is a flag of `rollkeeper run` and an environment variable of the same name."""

    model_config = SettingsConfigDict(env_prefix="ROLLKEEPER_", frozen=True, use_attribute_docstrings=True)

    kubeconfig: Path | None = None
    """Kubeconfig file. Left out: in-cluster, else $KUBECONFIG, else the default kubeconfig."""
    context: str | None = None
    """Context in the kubeconfig. Left out: the current one."""
    namespace: Annotated[str, Field(default_factory=own_namespace)]
    """The controller's own namespace: its Lease lives there."""
    images_namespace: str | None = None
    """Namespace whose ImageVersions all scale sets see. Left out: the controller's own."""
    watch_namespaces: tuple[str, ...] = ()
    """Namespaces to work in. Left out: all."""
    leader_elect: bool = True
    """Work only while holding the Lease, so that a second process can stand by."""
    workers: Annotated[int, Field(ge=1, le=64)] = 8
    """Scale sets worked on at once."""
    qps: Annotated[float, Field(gt=0)] = 500
    """Own calls to the API server a second, at most."""
    burst: Annotated[int, Field(ge=1)] = 1000
    """Own calls to the API server that may be made at once after a quiet time."""
    resync_seconds: Annotated[float, Field(ge=5)] = 300
    """How often everything is listed and looked at again."""
    resolve_digests: bool = True
    """Ask registries for the digests of ImageVersions, so that a tag that is moved later changes nothing. Off:
    instances get tags as they are, and replication can't be verified."""
    kubevirt: bool = True
    """Make virtual machines, where KubeVirt is installed and the controller may use it."""
    insecure_registries: tuple[str, ...] = ()
    """Registries that speak plain HTTP, as HOST or HOST:PORT; this machine's own always do."""
    listen: Annotated[str, Field(pattern=r"^$|^[^\s]*:[0-9]{1,5}$")] = ""
    """HOST:PORT to serve metrics and probes on; no HOST: on all addresses. Left out: nothing is served."""
    log_format: Literal["text", "json"] = "text"
    """Log lines for people or for programs."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important lines that are logged."""
