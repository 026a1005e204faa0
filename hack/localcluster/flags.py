"""The command lines of the processes: pure, in the order of their start."""

from collections.abc import Callable, Mapping
from pathlib import Path

from hack.localcluster import kubevirt_flags
from hack.localcluster.layout import Layout, Ports
from hack.localcluster.settings import Settings

KWOK_STAGES = Path(__file__).parent / "kwok.yaml"
GUEST_STAGES = Path(__file__).parent / "kwok-kubevirt.yaml"

LOOPBACK = "127.0.0.1"

Flags = Callable[[Layout, Ports, Settings], list[str]]


def etcd(layout: Layout, ports: Ports, _settings: Settings) -> list[str]:
    """No fsync: a test's data need not survive a power cut, and disks are what makes etcd slow."""
    client = f"http://{LOOPBACK}:{ports.etcd}"
    peer = f"http://{LOOPBACK}:{ports.etcd_peer}"
    return [
        f"--data-dir={layout.state / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    ]


def kube_apiserver(layout: Layout, ports: Ports, settings: Settings) -> list[str]:
    """Makes its own certificate; knows its users from the token file, their rights from RBAC."""
    flags = [
        f"--etcd-servers=http://{LOOPBACK}:{ports.etcd}",
        f"--secure-port={ports.api}",
        f"--bind-address={LOOPBACK}",
        f"--advertise-address={LOOPBACK}",
        # The `kubernetes` service may not have a loopback address: the reconciler would log an error every 10 s.
        "--endpoint-reconciler-type=none",
        f"--cert-dir={layout.certificates}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={layout.signing_key}",
        f"--service-account-signing-key-file={layout.signing_key}",
        "--authorization-mode=RBAC",
        # Hardened clusters ask who may block the deletion of an owner; so programs that forget about it show here.
        "--enable-admission-plugins=OwnerReferencesPermissionEnforcement",
        f"--token-auth-file={layout.tokens}",
        "--allow-privileged=true",
        "--kubelet-preferred-address-types=InternalIP",
    ]
    if settings.audit:
        flags += [
            f"--audit-policy-file={layout.audit_policy}",
            f"--audit-log-path={layout.audit_log}",
            # A rotated log would hide its older half from whoever checks that every write was right.
            "--audit-log-maxsize=100000",
        ]
    if settings.kubevirt:
        flags += kubevirt_flags.aggregation(layout)
    return flags


def kube_controller_manager(layout: Layout, _ports: Ports, settings: Settings) -> list[str]:
    """One service account a controller, so that the audit log tells them apart; volumes are folders of this machine."""
    flags = [
        f"--kubeconfig={layout.component_kubeconfig('kube-controller-manager')}",
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.authority}",
        "--use-service-account-credentials=true",
        "--leader-elect=false",
        "--enable-hostpath-provisioner=true",
        # Its fixed port would make the second cluster on a machine fail.
        "--secure-port=0",
    ]
    if settings.controller_manager_qps is not None:
        qps = settings.controller_manager_qps
        flags += [f"--kube-api-qps={qps}", f"--kube-api-burst={2 * qps}"]
    if settings.autoscaler_seconds is not None:
        flags.append(f"--horizontal-pod-autoscaler-sync-period={settings.autoscaler_seconds}s")
    return flags


def kube_scheduler(layout: Layout, _ports: Ports, _settings: Settings) -> list[str]:
    """The port is 0 for the same reason as the controller manager's."""
    return [f"--config={layout.scheduler_config}", "--secure-port=0"]


def kwok(layout: Layout, _ports: Ports, settings: Settings) -> list[str]:
    """Without node leases the nodes would be NotReady after 40 s, and their pods with them."""
    return [
        f"--kubeconfig={layout.component_kubeconfig('kwok')}",
        f"--config={KWOK_STAGES}",
        *([f"--config={GUEST_STAGES}"] if settings.kubevirt else []),
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
    ]


PROCESSES: Mapping[str, Flags] = {
    "etcd": etcd,
    "kube-apiserver": kube_apiserver,
    "kube-controller-manager": kube_controller_manager,
    "kube-scheduler": kube_scheduler,
    "kwok": kwok,
}
"""In the order of their start; they are stopped in the opposite order."""

KUBEVIRT_PROCESSES: Mapping[str, Flags] = {
    "virt-api": kubevirt_flags.virt_api,
    "virt-controller": kubevirt_flags.virt_controller,
}
"""Of clusters with KubeVirt."""

ALL_PROCESSES: Mapping[str, Flags] = {**PROCESSES, **KUBEVIRT_PROCESSES}
