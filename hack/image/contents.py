"""What an image holds, asked of itself: Python packages, Debian packages, and megabytes by part."""

import json
from dataclasses import dataclass
from pathlib import Path

from hack.image.docker import python_in

_INSPECT = (Path(__file__).parent / "inspect_image.py").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Package:
    """A package that is part of the image."""

    ecosystem: str
    """`pypi`, `deb` or `generic`."""
    name: str
    version: str
    license: str
    """As the package states it; empty where it does not."""


@dataclass(frozen=True)
class Contents:
    """An image as it is."""

    distribution: str
    """Such as `debian`, for package URLs."""
    packages: tuple[Package, ...]
    parts: dict[str, float]
    """Megabytes by part; they add up to the image."""


def contents(image: str) -> Contents:
    """Looks into an image. Raises ImageError."""
    found = json.loads(python_in(image, _INSPECT))
    return Contents(found["distribution"], tuple(Package(**p) for p in found["packages"]), found["parts"])


def report(image: str) -> str:
    """The size by part, largest first."""
    parts = contents(image).parts
    lines = [f"{size:8.1f} MB  {name}" for name, size in sorted(parts.items(), key=lambda part: -part[1])]
    return "\n".join([*lines, f"{sum(parts.values()):8.1f} MB  in all, as files of {image}"])
