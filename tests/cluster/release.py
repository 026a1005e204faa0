"""What the chart gives a controller to work with: a service account and its rights, and nothing else.

All controllers of these tests are such accounts. So the audit log tells at the end which rights were needed, and which
were missing (test_rights).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from hack.helm import template
from hack.localcluster import LocalCluster

JsonMap = dict[str, Any]

ACCOUNT = "rollkeeper-tests"
"""The name of the release, and so of its account and roles."""
SYSTEM = "all-namespaces"
"""Where a controller for all namespaces is installed."""
_PLACE = "some-namespace"
_VALUES: dict[str, JsonMap] = {
    # Secrets may be read where that is asked for only: tests of scripts and pull secrets from Secrets need it.
    SYSTEM: {"rbac": {"readSecrets": True}, "kubevirt": {"enabled": True}},
    _PLACE: {"watchNamespaces": [_PLACE], "kubevirt": {"enabled": True}},
}


@dataclass(frozen=True, order=True)
class Right:
    """One verb on one resource."""

    group: str
    resource: str
    """With its subresource."""
    verb: str


def user(namespace: str) -> str:
    """The user that a controller is, which is installed in a namespace."""
    return f"system:serviceaccount:{namespace}:{ACCOUNT}"


def controllers_of(namespace: str) -> frozenset[str]:
    """The controllers that may work in a namespace: one for all namespaces, one for this alone."""
    return frozenset({user(SYSTEM), user(namespace)})


def install(cluster: LocalCluster, namespace: str, folder: Path, images_namespace: str = "") -> Path:
    """The account of a release for all namespaces in SYSTEM, for one namespace elsewhere. Returns its kubeconfig.

    `images_namespace`: whose images it sees as well; left out: of its own. May be repeated: two controllers of a test
    share one account.
    """
    objects = {"apiVersion": "v1", "kind": "List", "items": list(_manifests(namespace, images_namespace))}
    cluster.kubectl("apply", "--server-side", "--filename=-", stdin=json.dumps(objects))
    config = json.loads(cluster.kubeconfig.read_text(encoding="utf-8"))
    token = cluster.kubectl("create", "token", ACCOUNT, f"--namespace={namespace}", "--duration=6h").strip()
    config["users"][0]["user"] = {"token": token}
    path = folder / "account.kubeconfig"
    path.write_text(json.dumps(config), encoding="utf-8")
    return path


def token(kubeconfig: Path) -> str:
    """What an account shows to the API server."""
    return str(json.loads(kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]["token"])


def granted(namespace: str) -> frozenset[Right]:
    """What the roles of a release allow that is installed in a namespace."""
    return _granted(SYSTEM if namespace == SYSTEM else _PLACE)


def granted_at_all() -> frozenset[Right]:
    """What the roles of both kinds of release allow."""
    return frozenset().union(*(_granted(namespace) for namespace in _VALUES))


@cache
def _granted(namespace: str) -> frozenset[Right]:
    return frozenset(_rights(list(_manifests(namespace))))


def _manifests(namespace: str, images_namespace: str = "") -> Iterator[JsonMap]:
    place = SYSTEM if namespace == SYSTEM else _PLACE
    rendering = _rendered(place, images_namespace).replace(_PLACE, namespace)
    for document in yaml.safe_load_all(rendering):
        if document and (document["kind"] == "ServiceAccount" or document["apiVersion"].startswith("rbac.")):
            yield document


@cache
def _rendered(namespace: str, images_namespace: str) -> str:
    values = {**_VALUES[namespace], "crds": {"install": False}, "imagesNamespace": images_namespace}
    return template(namespace, values, release=ACCOUNT)


def _rights(manifests: list[JsonMap]) -> Iterator[Right]:
    """Of the roles that are bound: those for people are not."""
    bound = {d["roleRef"]["name"] for d in manifests if d["kind"].endswith("Binding")}
    for role in manifests:
        for rule in role.get("rules", ()) if role["metadata"]["name"] in bound else ():
            for group in rule["apiGroups"]:
                yield from (Right(group, resource, verb) for resource in rule["resources"] for verb in rule["verbs"])
