"""Which programs a cluster needs, in which versions, and where they are kept.

The versions are written once, in the `go.mod` files under `modules/`: what is built there is what is named here.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hack.localcluster.errors import ClusterError

MODULES = Path(__file__).parent / "modules"
KUBERNETES = "k8s.io/kubernetes"
KUBEVIRT = "kubevirt.io/kubevirt"
KUBERNETES_PROGRAMS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")


@dataclass(frozen=True)
class Tool:
    """One program, built from the small Go module in the folder `module`, which pins everything by checksum."""

    name: str
    module: Path
    package: str
    origin: str
    """The Go module that the program comes from; its version is the program's."""

    @property
    def version(self) -> str:
        """As Go writes it, with the v: `v1.37.2`."""
        return required_version((self.module / "go.mod").read_text(encoding="utf-8"), self.origin)

    @property
    def linker_flags(self) -> str:
        """Kubernetes learns its version from its linker; without these flags the API server says v0.0.0."""
        flags = "-s -w"
        if self.origin == KUBERNETES:
            major, minor, _ = self.version.removeprefix("v").split(".")
            prefix = "-X k8s.io/component-base/version."
            flags += f" {prefix}gitVersion={self.version} {prefix}gitMajor={major} {prefix}gitMinor={minor}"
        return flags

    def path(self, cache_folder: Path) -> Path:
        """Where the finished program lies: one folder a tool and version, so that versions live side by side."""
        return cache_folder / f"{self.origin_name}-{self.version}" / self.name

    @property
    def origin_name(self) -> str:
        """The name of the cache's folder: kubernetes, or that of the program."""
        return "kubernetes" if self.origin == KUBERNETES else self.name


def required_version(go_mod: str, module: str) -> str:
    """The version of `module` that the text of a go.mod requires (a `replace` does not count)."""
    found = re.search(rf"^(?:require\s+|\t){re.escape(module)} (v\S+)", go_mod, re.MULTILINE)
    if found is None:
        message = f"go.mod does not require {module}"
        raise ClusterError(message)
    return found.group(1)


@cache
def kubernetes_modules() -> Mapping[str, Path]:
    """Version without the v ("1.37.2") -> folder of its Go module, newest first."""
    found = {
        required_version(path.read_text(encoding="utf-8"), KUBERNETES).removeprefix("v"): path.parent
        for path in MODULES.glob("kubernetes-*/go.mod")
    }
    return dict(sorted(found.items(), key=lambda item: [int(part) for part in item[0].split(".")], reverse=True))


def newest_kubernetes() -> str:
    """The version that is used when none is asked for."""
    return next(iter(kubernetes_modules()))


def tools_for(kubernetes: str) -> tuple[Tool, ...]:
    """All programs of a cluster, quick builds first so that a missing compiler or network shows at once.

    Raises:
        ClusterError: no Go module is pinned for this version.
    """
    known = kubernetes_modules()
    if kubernetes not in known:
        message = f"Kubernetes {kubernetes} is not pinned here; there are {', '.join(known)}"
        raise ClusterError(message)
    server = "go.etcd.io/etcd/server/v3"
    kwok = "sigs.k8s.io/kwok"
    return (
        Tool("etcd", MODULES / "etcd", server, server),
        Tool("kwok", MODULES / "kwok", f"{kwok}/cmd/kwok", kwok),
        *(Tool(name, known[kubernetes], f"{KUBERNETES}/cmd/{name}", KUBERNETES) for name in KUBERNETES_PROGRAMS),
    )


def kubevirt_tools() -> tuple[Tool, ...]:
    """KubeVirt's servers, and what prints the objects that its operator would install."""
    module = MODULES / "kubevirt"
    return (
        Tool("virt-controller", module, f"{KUBEVIRT}/cmd/virt-controller", KUBEVIRT),
        Tool("virt-api", module, f"{KUBEVIRT}/cmd/virt-api", KUBEVIRT),
        Tool("kubevirt-manifests", module, "./manifests", KUBEVIRT),
    )


def registry_tool() -> Tool:
    """An image registry, for tests of what is asked of one."""
    distribution = "github.com/distribution/distribution/v3"
    return Tool("registry", MODULES / "registry", f"{distribution}/cmd/registry", distribution)


def helm_tool() -> Tool:
    """What renders, checks and installs the chart; no part of a cluster."""
    helm = "helm.sh/helm/v4"
    return Tool("helm", MODULES / "helm", f"{helm}/cmd/helm", helm)


def kubeconform_tool() -> Tool:
    """What checks manifests against schemas; no part of a cluster."""
    kubeconform = "github.com/yannh/kubeconform"
    return Tool("kubeconform", MODULES / "kubeconform", f"{kubeconform}/cmd/kubeconform", kubeconform)


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where built programs are kept: ROLLKEEPER_CACHE, else XDG_CACHE_HOME/rollkeeper, else ~/.cache/rollkeeper."""
    if own := environment.get("ROLLKEEPER_CACHE"):
        return Path(own).expanduser().absolute()
    if shared := environment.get("XDG_CACHE_HOME"):
        return Path(shared).expanduser().absolute() / "rollkeeper"
    return Path.home() / ".cache" / "rollkeeper"
