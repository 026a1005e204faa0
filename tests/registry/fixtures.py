"""Real registries on the loopback interface: open, with a password, and with tokens. For tests of all kinds."""

import threading
from collections.abc import Iterator

import pytest

from hack.localregistry import PASSWORD, USER, LocalRegistry, TokenServer
from tests.registry.tokens import Tokens


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
