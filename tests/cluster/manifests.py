"""Small manifests of our kinds, each valid unless a test asks for something else."""

from typing import Any

Json = dict[str, Any]

PLATFORM = {"publisher": "contoso", "offer": "linux", "sku": "lts"}
CUSTOM = {"gallery": "golden", "definition": "web"}
PROBED = {"name": "os", "readinessProbe": {"tcpSocket": {"port": 80}}}
AUTOMATIC = {"automaticOSUpgradePolicy": {"enableAutomaticOSUpgrade": True}}


def made(kind: str, name: str, spec: Json) -> Json:
    return {"apiVersion": "rollkeeper.io/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def scale_set(name: str = "web", **spec: object) -> Json:
    return made("ScaleSet", name, {"imageReference": CUSTOM, "template": template({"name": "os"}), **spec})


def image_version(**spec: object) -> Json:
    return made("ImageVersion", "v1", {**CUSTOM, "version": "1.0.0", "image": "registry.test/os:1", **spec})


def upgrade_run(**spec: object) -> Json:
    return made("UpgradeRun", "run", {"scaleSetName": "web", **spec})


def template(*containers: Json) -> Json:
    return {"spec": {"containers": list(containers)}}


def claim(name: str) -> Json:
    return {"metadata": {"name": name}, "spec": {"accessModes": ["ReadWriteOnce"]}}
