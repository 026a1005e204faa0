"""Runs inside the image, with its Python and nothing else: prints its contents as JSON."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

LIB = "/opt/rollkeeper/lib"
STATUS = Path("/var/lib/dpkg/status")
RELEASE = Path("/etc/os-release")
KERNELS = ("proc", "sys", "dev")
SMALL = 1.0
"""Megabytes; smaller packages are shown together."""


def files() -> Iterator[tuple[str, float]]:
    """Path and megabytes of every file; hard links once."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk("/"):
        if folder == "/":
            folders[:] = [name for name in folders if name not in KERNELS]
        for path in (Path(folder, name) for name in names):
            entry = path.lstat()
            if (entry.st_dev, entry.st_ino) not in seen:
                seen.add((entry.st_dev, entry.st_ino))
                yield str(path), entry.st_size / 1e6


def part(path: str) -> str:
    """The part of the image that a file belongs to."""
    if path.startswith(LIB):
        return path.removeprefix(f"{LIB}/").split("/")[0].split(".")[0].split("-")[0]
    if path.startswith((str(Path(os.__file__).parent), "/usr/local", "/usr/bin/python")) or "libpython" in path:
        return "Python"
    return "operating system"


def package(ecosystem: str, name: str, version: str, license_: str = "") -> dict[str, str]:
    """What `contents.Package` is made of. Some state their licence as its whole text, which is of no use here."""
    return {
        "ecosystem": ecosystem,
        "name": name,
        "version": version,
        "license": license_ if len(license_) < 100 else "",
    }


def python_packages() -> Iterator[dict[str, str]]:
    """Every distribution."""
    for distribution in metadata.distributions(path=[LIB]):
        stated = distribution.metadata.json
        license_ = str(stated.get("license_expression") or stated.get("license") or "")
        yield package("pypi", distribution.name, distribution.version, license_)


def debian_packages() -> Iterator[dict[str, str]]:
    """What Debian's package manager had installed; a few of their files were left out of the image."""
    for paragraph in STATUS.read_text(encoding="utf-8").split("\n\n") if STATUS.exists() else ():
        fields = dict(line.split(": ", 1) for line in paragraph.splitlines() if ": " in line and line[0] != " ")
        if fields.get("Status", "").endswith(" installed"):
            yield package("deb", fields["Package"], fields["Version"])


def found() -> dict[str, Any]:
    """Everything."""
    sizes: dict[str, float] = Counter()  # type: ignore[assignment]
    for path, size in files():
        sizes[part(path)] += size
    parts = {name: size for name, size in sizes.items() if size >= SMALL}
    parts["smaller Python packages"] = sum(size for size in sizes.values() if size < SMALL)
    lines = RELEASE.read_text(encoding="utf-8").splitlines() if RELEASE.exists() else []
    named = dict(line.split("=", 1) for line in lines if "=" in line)
    python = package("generic", "python", sys.version.split()[0], "PSF-2.0")
    return {
        "distribution": named.get("ID", "").strip('"') or "unknown",
        "packages": [python, *python_packages(), *debian_packages()],
        "parts": parts,
    }


if __name__ == "__main__":
    print(json.dumps(found()))
