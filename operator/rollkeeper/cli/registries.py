"""The client of image registries, for as long as the controller runs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rollkeeper.cli.settings import Settings
from rollkeeper.registry.client import Registries
from rollkeeper.registry.transport import Transport


@asynccontextmanager
async def asking_registries(settings: Settings) -> AsyncIterator[Registries | None]:
    """The client; None where the settings say that registries are not to be asked."""
    if not settings.resolve_digests:
        yield None
        return
    transport = Transport()
    try:
        yield Registries(transport, frozenset(settings.insecure_registries))
    finally:
        await transport.close()
