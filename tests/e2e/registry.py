"""A registry that nodes pull from: a process of this machine on the address of the bridge that kind's nodes hang on.

Nodes speak plain HTTP to it because containerd is told so in /etc/containerd/certs.d, which it reads at each pull.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

from hack.localregistry import LocalRegistry
from tests.e2e import images
from tests.e2e.cluster import Cluster
from tests.e2e.programs import NoClusterError, logger, run

CERTS = "/etc/containerd/certs.d"
CONFIG = "/etc/containerd/config.toml"
PLUGINS = {"2": "io.containerd.grpc.v1.cri", "3": "io.containerd.cri.v1.images"}
"""What pulls images, by the version of containerd's configuration."""
NETWORK = "kind"


@contextmanager
def registry_for(cluster: Cluster, folder: Path) -> Iterator[LocalRegistry]:
    """A registry that the nodes of a cluster pull from, for the time of the `with` block."""
    with LocalRegistry(folder, address=_gateway()) as registry:
        nodes = cluster.nodes()
        for node in nodes:
            _look_into_certs(node)
            _trust(node, registry.host)
        cluster.kubectl("wait", "node", "--all", "--for=condition=Ready", "--timeout=60s", seconds=90)
        logger.info("%s pull from %s", ", ".join(nodes), registry.host)
        try:
            yield registry
        finally:
            for node in nodes:
                run(["docker", "exec", node, "rm", "-r", f"{CERTS}/{registry.host}"])


def push(registry: LocalRegistry, repository: str, version: str) -> str:
    """Pushes an OS image that no node has yet under the number of a version. Returns the digest."""
    config = {"Entrypoint": images.ENTRYPOINT, "ExposedPorts": {f"{images.PORT}/tcp": {}}}
    digest = registry.push_image(repository, version, images.unique_root(version), config)
    logger.info("pushed %s:%s, %s", repository, version, digest)
    return digest


def _gateway() -> str:
    """This machine's address on the nodes' network."""
    (network,) = json.loads(run(["docker", "network", "inspect", NETWORK]))
    for entry in network["IPAM"]["Config"]:
        if ip_network(entry["Subnet"]).version == 4:
            return str(entry["Gateway"])
    message = f"Docker's network {NETWORK} has no IPv4 gateway: {network['IPAM']['Config']}"
    raise NoClusterError(message)


def _trust(node: str, host: str) -> None:
    """Lets a node pull from a host over plain HTTP."""
    folder = f"{CERTS}/{host}"
    hosts = f'[host."http://{host}"]\n  capabilities = ["pull", "resolve"]\n'
    run(["docker", "exec", node, "mkdir", "-p", folder])
    run(["docker", "exec", "-i", node, "tee", f"{folder}/hosts.toml"], stdin=hosts.encode())


def _look_into_certs(node: str) -> None:
    """Has containerd look into the folder of hosts. kind's own node images do; what is added to others stays."""
    config = run(["docker", "exec", node, "cat", CONFIG])
    if CERTS in config:
        return
    plugin = PLUGINS["3" if "version = 3" in config else "2"]
    table = f'\n[plugins."{plugin}".registry]\n  config_path = "{CERTS}"\n'
    run(["docker", "exec", "-i", node, "tee", "--append", CONFIG], stdin=table.encode())
    logger.info("starting containerd of %s anew, with %s", node, CERTS)
    run(["docker", "exec", node, "systemctl", "restart", "containerd"])  # containers go on meanwhile
