"""The command lines of KubeVirt's two servers, who they are, and how an API server hands requests on to one."""

from collections.abc import Mapping

from hack.localcluster.layout import Layout, Ports
from hack.localcluster.settings import Settings, User

NAMESPACE = "kubevirt"

USERS: Mapping[str, User] = {
    "virt-api": User.service_account(NAMESPACE, "kubevirt-apiserver"),
    "virt-controller": User.service_account(NAMESPACE, "kubevirt-controller"),
}
"""KubeVirt's own accounts, with the roles that it gives them."""

HANDLER = User(
    f"system:serviceaccount:{NAMESPACE}:kubevirt-handler",
    ("system:masters", "system:serviceaccounts", f"system:serviceaccounts:{NAMESPACE}"),
)
"""Whom kwok is here: virt-api lets only KubeVirt's own accounts change the status of a VMI."""


def aggregation(layout: Layout) -> list[str]:
    """The API server hands requests on by endpoints, as virt-api runs beside it and not behind a proxied address."""
    certificates = layout.certificates
    return [
        "--enable-aggregator-routing=true",
        f"--proxy-client-cert-file={certificates / 'front.crt'}",
        f"--proxy-client-key-file={certificates / 'front.key'}",
        f"--requestheader-client-ca-file={certificates / 'front-ca.crt'}",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
    ]


def virt_api(layout: Layout, ports: Ports, _settings: Settings) -> list[str]:
    """On all addresses: the API server reaches it by one that is not loopback."""
    certificate, key = layout.certificates / "virt-api.crt", layout.certificates / "virt-api.key"
    return [
        f"--kubeconfig={layout.component_kubeconfig('virt-api')}",
        "--listen=0.0.0.0",
        f"--port={ports.virt_api}",
        f"--tls-cert-file={certificate}",
        f"--tls-key-file={key}",
        f"--handler-cert-file={certificate}",
        f"--handler-key-file={key}",
    ]


def virt_controller(layout: Layout, ports: Ports, _settings: Settings) -> list[str]:
    """No image of a launcher is ever pulled."""
    return [
        f"--kubeconfig={layout.component_kubeconfig('virt-controller')}",
        "--listen=127.0.0.1",
        f"--port={ports.virt_controller}",
        "--launcher-image=virt-launcher:simulated",
        f"--prom-cert-file={layout.certificates / 'virt-api.crt'}",
        f"--prom-key-file={layout.certificates / 'virt-api.key'}",
    ]
