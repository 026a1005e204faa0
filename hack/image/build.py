"""Lays the packages out for the base's Python, and builds the Dockerfile on it."""

import re
import shutil
import tomllib
from datetime import UTC, datetime

from hack.image.docker import ROOT, ImageError, call, docker, python_in, uv

CONTEXT = ROOT / "dist" / "image"
DOCKERFILE = ROOT / "Dockerfile"
PLATFORMS = {"amd64": "x86_64-manylinux_2_28", "arm64": "aarch64-manylinux_2_28"}
NOT_IN_THE_IMAGE = ("common-expression-language", "pygments")
"""What people's own installations alone need, with all that it brings along: `lint` evaluates CEL; rich and typer would
colour source code, of which no command shows any. 25 MB."""


def version() -> str:
    """The project's."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return str(tomllib.load(file)["project"]["version"])


def default_base() -> str:
    """The base that the Dockerfile pins."""
    found = re.search(r"^ARG BASE=(\S+)$", DOCKERFILE.read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        message = "the Dockerfile names no BASE"
        raise ImageError(message)
    return found.group(1)


def build(tag: str, base: str) -> None:
    """Builds the image. Raises ImageError."""
    lay_out(base)
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    given = {"BASE": base, "VERSION": version(), "REVISION": revision(), "CREATED": now}
    arguments = [f"--build-arg={name}={value}" for name, value in given.items()]
    docker("build", "--tag", tag, *arguments, ".")


def revision() -> str:
    """The commit; `unknown` where there is no Git."""
    try:
        return call(["git", "rev-parse", "HEAD"]).strip()
    except ImageError:
        return "unknown"


def lay_out(base: str) -> None:
    """Puts all packages into dist/image/lib: ours as a wheel, the others as wheels with the hashes of uv.lock."""
    shutil.rmtree(CONTEXT, ignore_errors=True)
    lib, requirements, wheels = CONTEXT / "lib", CONTEXT / "requirements.txt", CONTEXT / "wheels"
    python = python_in(base, "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    platform = PLATFORMS[docker("version", "--format", "{{.Server.Arch}}").strip()]
    pruned = [f"--prune={name}" for name in NOT_IN_THE_IMAGE]
    uv("export", "--quiet", "--frozen", "--no-dev", "--no-emit-project", *pruned, "--output-file", requirements)
    where = ("--target", lib, "--python-version", python, "--python-platform", platform)
    # The list is complete; by itself uv would install again what is left out of it.
    target = ("--quiet", *where, "--link-mode=copy", "--no-deps")
    uv("pip", "install", *target, "--only-binary=:all:", "--require-hashes", "--requirement", requirements)
    uv("build", "--quiet", "--wheel", "--out-dir", wheels)
    uv("pip", "install", *target, *wheels.glob("*.whl"))
