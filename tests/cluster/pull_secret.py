"""Pull secrets for the registries of tests."""

import json
from base64 import b64encode

from hack.localregistry import PASSWORD, USER
from tests.cluster.world import World


def pull_secret(world: World, host: str, password: str = PASSWORD, *, name: str = "pull") -> None:
    """Makes the Secret anew, with a login for a registry."""
    auth = b64encode(f"{USER}:{password}".encode()).decode()
    config = json.dumps({"auths": {host: {"auth": auth}}})
    world("delete", "secret", name, "--ignore-not-found")
    world("create", "secret", "generic", name, f"--from-literal=.dockerconfigjson={config}")
