"""Real registries on the loopback interface: open, with a password, and with tokens."""

import json
import threading
from base64 import b64encode
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hack.localregistry import PASSWORD, USER, LocalRegistry, TokenServer
from rollkeeper.registry.client import Registries
from rollkeeper.registry.credentials import Keychain, Login
from rollkeeper.registry.reference import Reference, parse
from rollkeeper.registry.transport import Transport
from tests.registry.tokens import Tokens

Json = dict[str, Any]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """Open to everybody."""
    with LocalRegistry(tmp_path_factory.mktemp("registry")) as started:
        yield started


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """Asks for USER and PASSWORD."""
    with LocalRegistry(tmp_path_factory.mktemp("locked"), "basic") as started:
        yield started


@pytest.fixture(scope="session")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tokens]:
    """Gives out tokens to USER, for one repository at a time."""
    server = Tokens(tmp_path_factory.mktemp("tokens"), USER, PASSWORD)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="session")
def guarded(tokens: Tokens, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """Believes in these tokens."""
    server = TokenServer(tokens.realm, tokens.service, tokens.issuer, tokens.keys)
    with LocalRegistry(tmp_path_factory.mktemp("guarded"), server) as started:
        yield started


@asynccontextmanager
async def asking(**options: Any) -> AsyncIterator[Registries]:
    """A client, for the time of the `with` block."""
    transport = Transport()
    try:
        yield Registries(transport, **options)
    finally:
        await transport.close()


def image(registry: LocalRegistry, rest: str) -> Reference:
    """A reference to something in a registry."""
    return parse(f"{registry.host}/{rest}")


def keychain(registry: LocalRegistry, password: str = PASSWORD) -> Keychain:
    return Keychain({registry.host: Login(USER, password)})


def docker_config(host: str, password: str = PASSWORD) -> dict[str, str]:
    """The data of a pull secret."""
    auth = b64encode(f"{USER}:{password}".encode()).decode()
    config = json.dumps({"auths": {host: {"auth": auth}}})
    return {".dockerconfigjson": b64encode(config.encode()).decode()}
