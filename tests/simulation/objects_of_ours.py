"""ScaleSets, ImageVersions and runs for simulations, as users write them."""

from typing import Any

JsonMap = dict[str, Any]

IMAGE = {"publisher": "Contoso", "offer": "WebServer", "sku": "1"}
API_VERSION = "rollkeeper.io/v1alpha1"


def reference(version: str) -> str:
    """The container image of a version."""
    return f"registry.example/webserver:{version}"


def scale_set(
    replicas: int = 10,
    *,
    automatic: bool = True,
    version: str = "latest",
    mode: str = "Rolling",
    rolling: JsonMap | None = None,
    spec: JsonMap | None = None,
) -> JsonMap:
    return {
        "apiVersion": API_VERSION,
        "kind": "ScaleSet",
        "metadata": {"name": "web", "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "imageReference": {**IMAGE, "version": version},
            "upgradePolicy": {
                "mode": mode,
                "automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": automatic},
                "rollingUpgradePolicy": {
                    "provisioningTimeoutSeconds": 60,
                    "healthTimeoutSeconds": 30,
                    **(rolling or {}),
                },
            },
            "health": {"source": "Probe"},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "containers": [
                        {"name": "os", "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 5}}
                    ]
                },
            },
            **(spec or {}),
        },
    }


def image_version(version: str, **spec: Any) -> JsonMap:
    return {
        "apiVersion": API_VERSION,
        "kind": "ImageVersion",
        "metadata": {"name": f"webserver-{version}", "namespace": "default"},
        "spec": {**IMAGE, "version": version, "image": reference(version), **spec},
    }


def upgrade_run(name: str, version: str | None = None, **spec: Any) -> JsonMap:
    wanted = {"imageVersion": version} if version else {}
    return {
        "apiVersion": API_VERSION,
        "kind": "UpgradeRun",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"scaleSetName": "web", **wanted, **spec},
    }
