"""The software bill of materials of an image, as CycloneDX JSON."""

from cyclonedx.builder.this import this_component
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from hack.image.build import version
from hack.image.contents import Contents, Package


def sbom(image: str, contents: Contents) -> str:
    """Every package in the image, with its package URL and, where it states one, its licence."""
    bom = Bom()
    bom.metadata.tools.components.add(this_component())
    root = Component(name="rollkeeper", version=version(), type=ComponentType.CONTAINER, bom_ref=image)
    bom.metadata.component = root
    found = [_component(package, contents.distribution) for package in contents.packages]
    bom.components.update(found)
    bom.register_dependency(root, found)
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _component(package: Package, distribution: str) -> Component:
    namespace = distribution if package.ecosystem == "deb" else None
    url = PackageURL(package.ecosystem, namespace, package.name, package.version)
    licenses = [LicenseFactory().make_from_string(package.license)] if package.license else []
    return Component(
        name=package.name,
        version=package.version,
        type=ComponentType.LIBRARY,
        purl=url,
        bom_ref=url.to_string(),
        licenses=licenses,
    )
