"""The examples of a catalogue say what they claim."""

from pathlib import Path
from typing import Any

import yaml

from rollkeeper.api.v1alpha1 import ImageSource, ImageVersion
from rollkeeper.engine.versions import image_name, parse_version
from rollkeeper.registry.reference import parse, parse_repository

FOLDER = Path(__file__).parents[2] / "examples" / "catalogue"

SUPPORTED_IN_2021 = {
    "Canonical/UbuntuServer/16.04-LTS",
    "Canonical/UbuntuServer/18.04-LTS",
    "OpenLogic/CentOS/7.5",
    "MicrosoftWindowsServer/WindowsServer/2012-R2-Datacenter",
    "MicrosoftWindowsServer/WindowsServer/2016-Datacenter",
    "MicrosoftWindowsServer/WindowsServer/2016-Datacenter-Smalldisk",
    "MicrosoftWindowsServer/WindowsServer/2016-Datacenter-with-Containers",
    "MicrosoftWindowsServer/WindowsServer/2019-Datacenter",
    "MicrosoftWindowsServer/WindowsServer/2019-Datacenter-Smalldisk",
    "MicrosoftWindowsServer/WindowsServer/2019-Datacenter-with-Containers",
    "MicrosoftWindowsServer/WindowsServer/Datacenter-Core-1903-with-Containers-smalldisk",
}


def documents(pattern: str) -> list[dict[str, Any]]:
    return [d for file in sorted(FOLDER.glob(pattern)) for d in yaml.safe_load_all(file.read_text(encoding="utf-8"))]


def test_the_platform_images_of_2021() -> None:
    found = [ImageVersion.model_validate(d) for d in documents("platform-2021.yaml")]
    assert {image_name(v.spec) for v in found} == SUPPORTED_IN_2021
    assert all(v.spec.automatic_os_upgrade_supported for v in found)
    assert {v.spec.publisher for v in found if v.spec.os_type == "Windows"} == {"MicrosoftWindowsServer"}


def test_every_example_can_be_read() -> None:
    for document in documents("*.yaml"):
        if document["kind"] == "ImageSource":
            parse_repository(ImageSource.model_validate(document).spec.repository)
            continue
        spec = ImageVersion.model_validate(document).spec
        parse_version(spec.version)
        parse(spec.image)


def test_names_are_used_once() -> None:
    names = [(d["kind"], d["metadata"]["name"]) for d in documents("*.yaml")]
    assert len(names) == len(set(names))
