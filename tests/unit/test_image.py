"""The image's recipe, and its bill of materials. The image itself is built and run by tests/e2e."""

import json
import re

from hack.image.build import DOCKERFILE, default_base, version
from hack.image.contents import Contents, Package
from hack.image.sbom import sbom

TEXT = DOCKERFILE.read_text(encoding="utf-8")


def test_the_base_is_pinned_by_digest() -> None:
    assert re.search(r"@sha256:[0-9a-f]{64}$", default_base())


def test_it_runs_as_a_number_that_is_not_root() -> None:
    """A name would not do: the kubelet can't tell whether it is root's, and refuses it where runAsNonRoot is set."""
    assert re.findall(r"^USER (.*)$", TEXT, re.MULTILINE) == ["65532:65532"]


def test_nothing_is_downloaded_while_it_is_built() -> None:
    assert not re.search(r"pip install|apt-get|curl|wget|https?://|^ADD", TEXT, re.MULTILINE)


def test_the_bill_of_materials_names_every_package() -> None:
    packages = (
        Package("pypi", "kopf", "1.45.2", "MIT"),
        Package("pypi", "odd", "1", "All rights, and wrongs"),
        Package("deb", "libc6", "2.36-9", ""),
    )
    found = json.loads(sbom("rollkeeper:test", Contents("debian", packages, {})))
    assert found["bomFormat"] == "CycloneDX"
    assert (found["metadata"]["component"]["name"], found["metadata"]["component"]["version"]) == (
        "rollkeeper",
        version(),
    )
    assert {c["purl"]: c.get("licenses") for c in found["components"]} == {
        "pkg:pypi/kopf@1.45.2": [{"license": {"id": "MIT"}}],
        "pkg:pypi/odd@1": [{"license": {"name": "All rights, and wrongs"}}],
        "pkg:deb/debian/libc6@2.36-9": None,
    }
