"""Small OS images, made on the spot: a static busybox that serves its version and its health over HTTP.

An image is imported as one tar: nothing is pulled and nothing is run to make it.
"""

import io
import json
import os
import shutil
import struct
import tarfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from tests.e2e.programs import NoClusterError, ProgramError, logger, run

REPOSITORY = "rollkeeper-e2e/web"
PORT = 8080
HEALTHY = ("1.0.0", "1.1.0", "1.3.0")
SAME = "1.3.1"
"""The very image of 1.3.0 under another tag."""
EXAMPLES_BASE = "docker.io/library/busybox:1.37"
"""What examples/webserver/Dockerfile begins with."""
BROKEN = "1.2.0"
"""Its /health answers 404, so it never becomes ready; its /state says Unhealthy."""

ENTRYPOINT = ["/bin/sh", "/start"]
START = """#!/bin/sh
# Each start leaves a line on the data disk. sh stays the first process: httpd would not hear SIGTERM there.
cat /www/version >> /data/log
trap 'exit 0' TERM
httpd -f -p 8080 -h /www &
wait $!
"""


def build(repository: str = REPOSITORY) -> list[str]:
    """Make all images in the local Docker. Returns their names."""
    busybox = static_busybox().read_bytes()
    images = []
    for version in (*HEALTHY, BROKEN):
        change = ["--change", f"ENTRYPOINT {json.dumps(ENTRYPOINT)}", "--change", f"EXPOSE {PORT}"]
        run(["docker", "import", *change, "-", f"{repository}:{version}"], stdin=_root(busybox, version))
        images.append(f"{repository}:{version}")
    run(["docker", "tag", f"{repository}:1.3.0", f"{repository}:{SAME}"])
    return [*images, f"{repository}:{SAME}"]


def provide_base() -> None:
    """The base of examples/webserver is there, pulled or made. Raises ProgramError."""
    if run(["docker", "image", "ls", "--quiet", EXAMPLES_BASE]).strip():
        return
    try:
        run(["docker", "pull", "--quiet", EXAMPLES_BASE])
    except ProgramError:
        run(["docker", "import", "-", EXAMPLES_BASE], stdin=_packed({"bin/busybox": static_busybox().read_bytes()}))


def remove(images: Sequence[str]) -> None:
    """Take images out of the local Docker; the nodes keep theirs."""
    run(["docker", "image", "rm", "--force", *images])


def image(version: str) -> str:
    """The name of the image of a version."""
    return f"{REPOSITORY}:{version}"


def unique_root(version: str) -> bytes:
    """The root file system of a version, as a tar that nobody has yet: a node has to pull it."""
    return _root(static_busybox().read_bytes(), version, {"unique": uuid.uuid4().bytes})


def _root(busybox: bytes, version: str, more: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    files = {"bin/busybox": busybox, "start": START.encode(), "www/version": f"{version}\n".encode(), **more}
    files["www/state"] = json.dumps(
        {"ApplicationHealthState": "Unhealthy" if version == BROKEN else "Healthy"}
    ).encode()
    if version != BROKEN:
        files["www/health"] = b"ok\n"
    return _packed(files)


def _packed(files: Mapping[str, bytes]) -> bytes:
    """A tar of these programs and texts, with the names under which busybox is called."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
        for program in ("sh", "cat", "cp", "mv", "mkdir", "httpd", "sleep"):
            link = tarfile.TarInfo(f"bin/{program}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return packed.getvalue()


def static_busybox() -> Path:
    """The one that is installed; where it is missing, Debian's, installed by root.

    Raises:
        NoClusterError: there is none.
    """
    found = _installed()
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        logger.info("installing busybox-static")
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], seconds=300, environment=quiet)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "busybox-static"], environment=quiet)
        found = _installed()
    if found is None:
        message = "no static busybox with httpd on the PATH: install it (Debian: apt-get install busybox-static)"
        raise NoClusterError(message)
    return found


def _installed() -> Path | None:
    found = shutil.which("busybox")
    if found is None or not _is_static(Path(found)) or "httpd" not in run([found, "--list"]).split():
        return None
    return Path(found).resolve()


def _is_static(program: Path) -> bool:
    """No program header of a 64-bit ELF file asks for a dynamic loader (PT_INTERP)."""
    content = program.read_bytes()
    if content[:5] != b"\x7fELF\x02":
        return False
    (start,) = struct.unpack_from("<Q", content, 32)
    size, count = struct.unpack_from("<HH", content, 54)
    return all(struct.unpack_from("<I", content, start + size * n)[0] != 3 for n in range(count))
