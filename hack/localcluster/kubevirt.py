"""KubeVirt without a hypervisor: its real API, virt-api and virt-controller; kwok plays virt-handler and the guests.

What virt-operator would install comes from KubeVirt's own generators (`modules/kubevirt/manifests`). So tests here show
how a controller gets on with KubeVirt's API and control plane. They show nothing about the booting of an image, the
shutdown of a guest or what is on a disk.
"""

import json
import socket
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from hack.localcluster.certificates import write_pair
from hack.localcluster.client import Client
from hack.localcluster.errors import ClusterError
from hack.localcluster.kubevirt_flags import NAMESPACE
from hack.localcluster.layout import Layout, Ports

Json = dict[str, Any]


def write_certificates(layout: Layout) -> None:
    """The API server's as the one who hands requests on, and virt-api's, whom it hands them to."""
    write_pair(layout.certificates, "front", "front", "front")
    write_pair(layout.certificates, "virt-api", "virt-api", f"virt-api.{NAMESPACE}.svc")


def own_address() -> str:
    """An address of this machine that is not loopback: a Service may not point at loopback. Nothing is sent.

    Raises:
        ClusterError: the machine has none.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError as error:
            message = f"KubeVirt's API needs an address other than loopback, and this machine has no network: {error}"
            raise ClusterError(message) from error
        return str(probe.getsockname()[0])


@dataclass(frozen=True)
class Installer:
    """Puts KubeVirt into a cluster whose API server runs."""

    layout: Layout
    ports: Ports
    manifests: Path
    """The program that prints what virt-operator would install."""
    client: Client
    kubectl: Callable[..., str]
    start: Callable[[str], None]
    """Starts one process of the cluster."""
    wait: Callable[[str, Callable[[], bool]], None]

    def install(self) -> None:
        """CRDs, roles, the KubeVirt object, then the two servers; returns when they work."""
        self.client.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        self.install_kinds()
        self._apply("rbac")
        self._configure()
        self.start("virt-api")
        address = own_address()
        self.wait("virt-api to listen", lambda: _listens(address, self.ports.virt_api))
        authority = self.layout.certificates / "virt-api-ca.crt"
        self._apply("api", str(authority), address, str(self.ports.virt_api))
        self.wait("virt-api to be available", self._is_available)
        self.start("virt-controller")
        self.wait("virt-controller to lead", self._leads)

    def install_kinds(self) -> None:
        """The CRDs alone."""
        self._apply("crds")
        self.kubectl("wait", "--for=condition=Established", "--timeout=60s", "crd", "--all")

    def _apply(self, *arguments: str) -> None:
        made = subprocess.run([self.manifests, *arguments], capture_output=True, text=True, check=True)  # noqa: S603 - built here
        self.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=made.stdout)

    def _configure(self) -> None:
        """What virt-operator would write, by hand; without the architecture virt-api refuses every VMI."""
        authority = (self.layout.certificates / "virt-api-ca.crt").read_text(encoding="utf-8")
        self.client.create(
            f"/api/v1/namespaces/{NAMESPACE}/configmaps",
            {"metadata": {"name": "kubevirt-ca"}, "data": {"ca-bundle": authority}},
        )
        kubevirt: Json = {
            "apiVersion": "kubevirt.io/v1",
            "kind": "KubeVirt",
            "metadata": {"name": "kubevirt", "namespace": NAMESPACE},
            "spec": {"configuration": {"developerConfiguration": {"useEmulation": True}}},
        }
        self.client.create(f"/apis/kubevirt.io/v1/namespaces/{NAMESPACE}/kubevirts", kubevirt)
        status = json.dumps({"status": {"phase": "Deployed", "defaultArchitecture": "amd64"}})
        self.kubectl(
            f"--namespace={NAMESPACE}",
            "patch",
            "kubevirt",
            "kubevirt",
            "--subresource=status",
            "--type=merge",
            "-p",
            status,
        )

    def _is_available(self) -> bool:
        found = self.client.call("GET", "/apis/apiregistration.k8s.io/v1/apiservices/v1.subresources.kubevirt.io")
        conditions = found.get("status", {}).get("conditions", ())
        return any(c["type"] == "Available" and c["status"] == "True" for c in conditions)

    def _leads(self) -> bool:
        try:
            self.client.call("GET", f"/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases/virt-controller")
        except HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True


def _listens(address: str, port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with urlopen(f"https://{address}:{port}/", timeout=5, context=context):
            return True
    except HTTPError:  # it answers, if only to refuse
        return True
    except OSError:
        return False
