"""The objects that the tests apply."""

from collections.abc import Mapping
from typing import Any

from tests.e2e.images import PORT

Json = dict[str, Any]
API = "rollkeeper.io/v1alpha1"
HEALTH_SECONDS = 20
"""Until an instance that runs, but is not ready, has failed."""


def scale_set(
    name: str,
    replicas: int,
    *,
    pull_policy: str = "IfNotPresent",
    provisioning_seconds: int = 90,
    spec: Mapping[str, Any] | None = None,
) -> Json:
    """A set with a data disk an instance that follows the latest version of the image `name`; `spec`: more fields."""
    claim = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "16Mi"}}}
    made = {
        "replicas": replicas,
        "imageReference": {**_image(name), "version": "latest"},
        "upgradePolicy": {
            "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True},
            "rollingUpgradePolicy": {
                "provisioningTimeoutSeconds": provisioning_seconds,
                "healthTimeoutSeconds": HEALTH_SECONDS,
            },
        },
        "health": {"source": "Probe"},
        "template": {"metadata": {"labels": {"app": name}}, "spec": _pod(pull_policy)},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        **(spec or {}),
    }
    return {"apiVersion": API, "kind": "ScaleSet", "metadata": {"name": name}, "spec": made}


def image_version(name: str, version: str, image: str) -> Json:
    """A published version of the image `name`."""
    spec = {**_image(name), "version": version, "image": image}
    return {"apiVersion": API, "kind": "ImageVersion", "metadata": {"name": f"{name}-{version}"}, "spec": spec}


def image_source(name: str, repository: str) -> Json:
    """Publishes what is pushed to a repository of a plain HTTP registry as versions of the image `name`."""
    spec = {**_image(name), "repository": repository, "insecure": True, "intervalSeconds": 10}
    return {"apiVersion": API, "kind": "ImageSource", "metadata": {"name": name}, "spec": spec}


def _image(name: str) -> Json:
    return {"publisher": "Contoso", "offer": name, "sku": "1"}


def _pod(pull_policy: str) -> Json:
    container = {
        "name": "os",
        "imagePullPolicy": pull_policy,
        "ports": [{"containerPort": PORT}],
        "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 1, "timeoutSeconds": 5},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    return {"terminationGracePeriodSeconds": 10, "containers": [container]}
