"""A real image registry on the loopback interface, for tests: the reference implementation, built once from Go modules.

with LocalRegistry(folder) as registry:
    digest = registry.push("os/base", "1.0.0")
"""

import hashlib
import json
import os
import platform
import signal
import subprocess
import time
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from hack.localcluster.build import ensure
from hack.localcluster.errors import ClusterError
from hack.localcluster.layout import Ports
from hack.localcluster.report import Reporter
from hack.localcluster.tools import registry_tool

USER, PASSWORD = "publisher", "open-sesame"
_HASH = "$2b$04$OiLcAQv1VWHnatkua/seFuV8LRlPZeEEwjI2vJX5ImHTOj0PRQtdW"
"""PASSWORD by bcrypt, the only hash that the registry takes."""
WATCHED = '"$@" </dev/null >>"$0" 2>&1 & echo $!; cat >/dev/null; kill -9 $!; wait'
"""The shell reads a pipe whose other end we hold: however we end, the registry ends too."""
START_SECONDS = 20.0
POLL_SECONDS = 0.05
CALL_SECONDS = 20.0

ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
"""As images name it."""
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class TokenServer:
    """Who gives out the tokens that the registry believes in."""

    realm: str
    service: str
    issuer: str
    keys: Path
    """A JSON Web Key Set with the issuer's public keys."""


class LocalRegistry:
    """A registry process. `auth`: None, "basic" (USER and PASSWORD), or a token server. Speaks plain HTTP.

    `address` is one of this machine's: that of a bridge is reached from the containers on it.
    """

    def __init__(self, folder: Path, auth: TokenServer | str | None = None, *, address: str = "127.0.0.1") -> None:
        self.folder = folder
        self._auth = auth
        self._address = address
        self._port = Ports.free().api
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0

    @property
    def host(self) -> str:
        """`<address>:<port>`: the first part of its references. It stays over a restart."""
        return f"{self._address}:{self._port}"

    def __enter__(self) -> Self:
        """Starts it, and builds it before where that was never done."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it. What was pushed lies in the folder."""
        self.stop()

    def start(self) -> None:
        """Returns when it answers. Raises ClusterError."""
        program = ensure((registry_tool(),), Reporter())["registry"]
        config = self.folder / "config.json"  # JSON is YAML
        config.write_text(json.dumps(self._config()), encoding="utf-8")
        log = self.folder / "registry.log"
        self._process = subprocess.Popen(  # noqa: S603 - built by us
            ["/bin/sh", "-c", WATCHED, log, program, "serve", config], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._pid = int(_output(self._process).readline())
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                self.stop()
                raise ClusterError(f"the registry did not start:\n{log.read_text()[-2000:]}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Kills it: all connections are lost. `start` brings it back with what was pushed."""
        if self._process is not None:
            self._process.communicate()
            self._process = None

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stops it for the time of the `with` block, without ending it: connections are taken, nothing is answered."""
        if self._process is None:
            raise ClusterError("the registry does not run")
        os.kill(self._pid, signal.SIGSTOP)
        try:
            self._await_stop()
            yield
        finally:
            os.kill(self._pid, signal.SIGCONT)

    def _await_stop(self) -> None:
        """The signal is on its way yet when it has been sent: a thread that runs may still answer."""
        deadline = time.monotonic() + CALL_SECONDS
        threads = [*Path(f"/proc/{self._pid}/task").glob("*/stat")]
        while any(thread.read_text().rpartition(")")[2].split()[0] != "T" for thread in threads):
            if time.monotonic() > deadline:
                raise ClusterError("the registry does not stop")
            time.sleep(POLL_SECONDS)

    def _config(self) -> dict[str, Any]:
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "warn"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.folder / "data")},
                "delete": {"enabled": True},
                "tag": {"concurrencylimit": 4},
            },
            "http": {"addr": self.host},
        }
        if self._auth == "basic":
            users = self.folder / "htpasswd"
            users.write_text(f"{USER}:{_HASH}\n", encoding="utf-8")
            config["auth"] = {"htpasswd": {"realm": "registry", "path": str(users)}}
        elif isinstance(self._auth, TokenServer):
            server = self._auth
            config["auth"] = {
                "token": {
                    "realm": server.realm,
                    "service": server.service,
                    "issuer": server.issuer,
                    "jwks": str(server.keys),
                }
            }
        return config

    def _answers(self) -> bool:
        try:
            self._call("GET", "/v2/", {})
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False
        return True

    def push(self, repository: str, tag: str, content: str = "", *, token: str = "") -> str:
        """Pushes what only looks like an image: it says `content`, or its tag. Returns its digest."""
        return self.push_image(repository, tag, (content or tag).encode(), {}, token=token)

    def push_image(self, repository: str, tag: str, root: bytes, config: Mapping[str, Any], *, token: str = "") -> str:
        """Pushes an image of one layer, a tar, under a tag; `config` has its entry point. Returns its digest."""
        rootfs = {"type": "layers", "diff_ids": [_digest(root)]}
        whole = {"architecture": ARCHITECTURE, "os": "linux", "config": dict(config), "rootfs": rootfs}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self._blob(
                repository, json.dumps(whole).encode(), "application/vnd.oci.image.config.v1+json", token
            ),
            "layers": [self._blob(repository, root, "application/vnd.oci.image.layer.v1.tar", token)],
        }
        return self._manifest(repository, tag, manifest, token)

    def push_index(self, repository: str, tag: str, architectures: Sequence[str]) -> str:
        """Pushes an image for several architectures. Returns the digest of its index."""
        manifests = []
        for architecture in architectures:
            name = f"{tag}-{architecture}"
            digest = self.push(repository, name)
            size = len(self.manifest(repository, digest))
            fitting = {"architecture": architecture, "os": "linux"}
            manifests.append({"mediaType": MANIFEST, "digest": digest, "size": size, "platform": fitting})
        return self._manifest(repository, tag, {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}, "")

    def manifest(self, repository: str, reference: str) -> bytes:
        """A manifest as it is stored."""
        return self._call("GET", f"/v2/{repository}/manifests/{reference}", {"Accept": f"{MANIFEST}, {INDEX}"})

    def repository(self, path: str) -> Path:
        """The folder of a repository on disk, for tests that break it."""
        return self.folder / "data" / "docker" / "registry" / "v2" / "repositories" / path

    def stored(self, digest: str) -> Path:
        """The file of a blob or manifest on disk."""
        algorithm, _, value = digest.partition(":")
        return self.folder / "data" / "docker" / "registry" / "v2" / "blobs" / algorithm / value[:2] / value / "data"

    def delete(self, repository: str, digest: str) -> None:
        """Takes an image away, with all its tags."""
        self._call("DELETE", f"/v2/{repository}/manifests/{digest}", {})

    def _manifest(self, repository: str, tag: str, manifest: Mapping[str, Any], token: str) -> str:
        body = json.dumps(manifest).encode()
        self._call(
            "PUT", f"/v2/{repository}/manifests/{tag}", {"Content-Type": str(manifest["mediaType"])}, body, token
        )
        return _digest(body)

    def _blob(self, repository: str, content: bytes, kind: str, token: str) -> dict[str, Any]:
        """Uploads a blob whole; its descriptor."""
        digest = _digest(content)
        request = self._request("POST", f"/v2/{repository}/blobs/uploads/", {}, b"", token)
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - always our own server
            place = answer.headers["Location"]
        path = place.removeprefix(f"http://{self.host}")
        join = "&" if "?" in path else "?"
        headers = {"Content-Type": "application/octet-stream"}
        self._call("PUT", f"{path}{join}digest={digest}", headers, content, token)
        return {"mediaType": kind, "digest": digest, "size": len(content)}

    def _call(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None, token: str = ""
    ) -> bytes:
        request = self._request(method, path, headers, body, token)
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310 - always our own server
            found: bytes = answer.read()
        return found

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, token: str
    ) -> urllib.request.Request:
        sent = dict(headers)
        if token:
            sent["Authorization"] = f"Bearer {token}"
        elif self._auth == "basic":
            sent["Authorization"] = "Basic " + b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        return urllib.request.Request(f"http://{self.host}{path}", body, sent, method=method)


def _output(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    if process.stdout is None:
        raise ClusterError("the registry was started without a pipe")
    return process.stdout


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
