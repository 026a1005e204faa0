"""Where the files of one cluster lie in its folder, and its ports; everything else is derived from these."""

import json
import random
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from hack.localcluster.errors import ClusterError

PORT_RANGE = range(20000, 32000)
"""Below the range that systems take ports of outgoing connections from. A port of that range can be taken by any client
while the API server is down, even by one that connects to itself, and the server then can't come back."""


@dataclass(frozen=True)
class Ports:
    """All on the loopback interface, but for virt-api's."""

    api: int
    etcd: int
    etcd_peer: int
    virt_api: int
    virt_controller: int

    @classmethod
    def free(cls) -> "Ports":
        """Ports that nobody listens on."""
        found: list[int] = []
        for port in random.SystemRandom().sample(PORT_RANGE, len(PORT_RANGE)):
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:  # in use
                    continue
            found.append(port)
            if len(found) == len(fields(cls)):
                return cls(*found)
        message = f"no free port from {PORT_RANGE.start} to {PORT_RANGE.stop}"
        raise ClusterError(message)


@dataclass(frozen=True)
class Layout:
    """The files of one cluster. `logs` outlives the cluster; all others go with it."""

    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.directory / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One log a process, and the audit log."""
        return self.directory / "logs"

    @property
    def audit_log(self) -> Path:
        """One JSON object a line."""
        return self.logs / "audit.log"

    @property
    def pids(self) -> Path:
        """One file a process."""
        return self.directory / "pids"

    @property
    def state(self) -> Path:
        """Keys, tokens, configuration files and etcd's data."""
        return self.directory / "state"

    @property
    def certificates(self) -> Path:
        """The API server makes its own here."""
        return self.state / "pki"

    @property
    def server_certificate(self) -> Path:
        """The server's certificate, followed by that of the authority that it made for itself."""
        return self.certificates / "apiserver.crt"

    @property
    def authority(self) -> Path:
        """The authority's certificate alone."""
        return self.state / "ca.crt"

    @property
    def signing_key(self) -> Path:
        """The API server's own key signs the service account tokens too: one less thing to make without openssl."""
        return self.certificates / "apiserver.key"

    @property
    def tokens(self) -> Path:
        """The API server's list of users."""
        return self.state / "tokens.csv"

    @property
    def audit_policy(self) -> Path:
        """What the API server records."""
        return self.state / "audit-policy.json"

    @property
    def scheduler_config(self) -> Path:
        """The request rates of the scheduler can be set in a file only."""
        return self.state / "scheduler.json"

    def component_kubeconfig(self, name: str) -> Path:
        """Each process is a user of its own, so that the audit log says who wrote what."""
        return self.state / f"{name}.kubeconfig"

    @property
    def record(self) -> Path:
        """What `status` and `down` need to know."""
        return self.directory / "cluster.json"


@dataclass(frozen=True)
class Record:
    """Written before the first process starts, so that a cluster whose start broke off can be taken down too."""

    kubernetes: str
    server: str
    programs: Mapping[str, str]
    temporary: bool
    """The whole folder goes with the cluster."""

    def write(self, layout: Layout) -> None:
        """Keep it in the cluster's folder.

        Raises:
            FileExistsError: another cluster was started there in the meantime.
        """
        with layout.record.open("x", encoding="utf-8") as file:
            json.dump(asdict(self), file, indent=2)

    @classmethod
    def read(cls, layout: Layout) -> "Record | None":
        """None where no cluster is."""
        try:
            return cls(**json.loads(layout.record.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
