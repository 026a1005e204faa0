"""The configuration files of the processes, as data. JSON is YAML too: no YAML library is needed to write them."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hack.localcluster import kubevirt_flags
from hack.localcluster.settings import Settings, User

Json = dict[str, Any]

GROUP = "rollkeeper.io"

ADMIN = User("admin", ("system:masters",))

_COMPONENTS: Mapping[str, User] = {
    "kube-controller-manager": User("system:kube-controller-manager"),
    "kube-scheduler": User("system:kube-scheduler"),
    "kwok": User("kwok", ("system:masters",)),
}
"""Kubernetes ships the roles of the first two; kwok plays the kubelets of all nodes."""


def components(settings: Settings) -> Mapping[str, User]:
    """Who the processes are."""
    return {**_COMPONENTS, **kubevirt_flags.USERS, "kwok": kubevirt_flags.HANDLER} if settings.kubevirt else _COMPONENTS


READS = ["get", "list", "watch"]

RECORDED = (
    ("", ["pods", "pods/*", "events", "persistentvolumeclaims", "persistentvolumeclaims/*"]),
    ("events.k8s.io", ["events"]),
    ("apps", ["controllerrevisions"]),
    ("coordination.k8s.io", ["leases"]),
    ("kubevirt.io", ["virtualmachines", "virtualmachineinstances", "virtualmachinepools"]),
)


@dataclass(frozen=True)
class Token:
    """What a user shows to the API server."""

    user: User
    secret: str


def token_file(tokens: Sequence[Token]) -> str:
    """The CSV of --token-auth-file: token, name, uid, "group,group"."""
    lines = (
        f'{token.secret},{token.user.name},{token.user.name},"{",".join(token.user.groups)}"\n' for token in tokens
    )
    return "".join(lines)


def authority_of(chain: str) -> str:
    """The last certificate of a PEM chain. The controller manager publishes it and refuses one that is no authority."""
    begin = "-----BEGIN CERTIFICATE-----"
    return begin + chain.rpartition(begin)[2]


def kubeconfig(server: str, authority: str, token: Token) -> Json:
    """Complete in itself, so that it can be copied elsewhere."""
    name = "local"
    data = base64.b64encode(authority.encode()).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {"server": server, "certificate-authority-data": data}}],
        "users": [{"name": token.user.name, "user": {"token": token.secret}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": token.user.name}}],
        "current-context": name,
    }


def audit_policy() -> Json:
    """Every write is recorded, those that tests judge with their bodies; reads, which are the bulk, seldom.

    Those of service accounts that are not Kubernetes' own tell which rights an installed program needs.
    """
    bodies = [{"group": group, "resources": resources} for group, resources in RECORDED]
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [
            {"level": "None", "verbs": READS, "userGroups": ["system:serviceaccounts:kube-system"]},
            {"level": "Metadata", "verbs": READS, "userGroups": ["system:serviceaccounts"]},
            {"level": "None", "verbs": READS},
            # The heartbeats of the simulated nodes: most of all writes, and nobody asks for them.
            {
                "level": "None",
                "namespaces": ["kube-node-lease"],
                "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}],
            },
            {"level": "Request", "resources": [*bodies, {"group": GROUP}]},
            {"level": "Metadata"},
        ],
    }


def scheduler_config(kubeconfig_path: str, qps: int | None) -> Json:
    """Its request rates can't be set by flags."""
    connection: Json = {"kubeconfig": kubeconfig_path}
    if qps is not None:
        connection |= {"qps": qps, "burst": 2 * qps}
    return {
        "apiVersion": "kubescheduler.config.k8s.io/v1",
        "kind": "KubeSchedulerConfiguration",
        "clientConnection": connection,
        "leaderElection": {"leaderElect": False},
    }
