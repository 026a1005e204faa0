"""The base for the controller's image: the Dockerfile's own, or where that can't be pulled one of Debian's packages."""

import os
from pathlib import Path

from hack.image.build import default_base
from hack.image.docker import ImageError, call, docker
from hack.localcluster.tools import cache_folder

SUITE = "bookworm"
PACKAGES = "python3,ca-certificates"
LOCAL = f"rollkeeper-base:{SUITE}"


def usable_base() -> str:
    """The name of a base that this Docker has. Raises ImageError."""
    pinned = default_base()
    if _has(pinned):
        return pinned
    try:
        docker("pull", "--quiet", pinned)
    except ImageError as error:
        if not _has(LOCAL):
            _import(_bootstrapped(error))
        return LOCAL
    return pinned


def _has(image: str) -> bool:
    return bool(docker("image", "ls", "--quiet", image).strip())


def _bootstrapped(why: ImageError) -> Path:
    """A root file system of Debian's packages, made once; where nothing can be pulled these may still be had."""
    made = cache_folder() / "image-base" / f"{SUITE}.tar"
    if made.exists():
        return made
    if os.geteuid() != 0:
        message = f"the base image can't be pulled, and only root can make another one: {why}"
        raise ImageError(message)
    made.parent.mkdir(parents=True, exist_ok=True)
    part = made.with_name(f"{made.name}.part")
    call(["mmdebstrap", "--quiet", "--format=tar", "--variant=minbase", f"--include={PACKAGES}", SUITE, part])
    part.rename(made)
    return made


def _import(root: Path) -> None:
    docker("import", root, LOCAL)
