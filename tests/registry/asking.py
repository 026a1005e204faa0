"""The client under test, and what it is asked with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hack.localregistry import PASSWORD, USER, LocalRegistry
from rollkeeper.registry.client import Registries
from rollkeeper.registry.credentials import Keychain, Login
from rollkeeper.registry.reference import Reference, parse
from rollkeeper.registry.transport import Transport


@asynccontextmanager
async def asking(*, seconds: float = 15.0, **options: Any) -> AsyncIterator[Registries]:
    """A client that waits so long for an answer, for the time of the `with` block."""
    transport = Transport(seconds=seconds)
    try:
        yield Registries(transport, **options)
    finally:
        await transport.close()


def image(registry: LocalRegistry, rest: str) -> Reference:
    """A reference to something in a registry."""
    return parse(f"{registry.host}/{rest}")


def keychain(registry: LocalRegistry, password: str = PASSWORD) -> Keychain:
    return Keychain({registry.host: Login(USER, password)})
