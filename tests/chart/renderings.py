"""The value sets whose renderings are kept: what most people install, and every switch turned at least once.

Without the custom resource definitions, which have tests of their own.
"""

from pathlib import Path
from typing import Any

GOLDEN = Path(__file__).parent / "golden"
NAMESPACE = "rollkeeper-system"
_PROMETHEUS = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}

VALUES: dict[str, dict[str, Any]] = {
    "default": {},
    "namespaced": {"watchNamespaces": ["team-a", "team-b"], "imagesNamespace": "images"},
    "namespaced-own-images": {"watchNamespaces": [NAMESPACE], "replicas": 1},
    "secrets": {"rbac": {"readSecrets": True}, "controller": {"insecureRegistries": ["registry.example:5000"]}},
    "kubevirt": {"kubevirt": {"enabled": True}},
    "tags": {"controller": {"resolveDigests": False}, "networkPolicy": {"enabled": True}},
    "monitoring": {
        "metrics": {
            "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
            "podMonitor": {"enabled": True, "interval": "1m"},
            "prometheusRule": {"enabled": True, "blockedFor": "4h"},
        },
    },
    "hardened": {
        "image": {"repository": "registry.example/rollkeeper", "digest": f"sha256:{'0' * 64}"},
        "imagePullSecrets": [{"name": "pull"}],
        "serviceAccount": {"create": False, "name": "given"},
        "rbac": {"create": False},
        "networkPolicy": {
            "enabled": True,
            "metricsFrom": [_PROMETHEUS],
            "apiServer": [{"ipBlock": {"cidr": "192.0.2.1/32"}}],
            "instances": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}],
        },
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}],
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway"}
        ],
        "env": [{"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}],
        "podLabels": {"team": "platform"},
        "podAnnotations": {"example.com/note": "kept"},
    },
}


def values(name: str) -> dict[str, Any]:
    return {**VALUES[name], "crds": {"install": False}}
