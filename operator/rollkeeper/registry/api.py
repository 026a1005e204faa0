"""What the controller asks of registries, as a Protocol: the real client and a played one both keep it."""

from typing import Protocol

from rollkeeper.registry.credentials import Keychain
from rollkeeper.registry.reference import Reference, Repository


class Registry(Protocol):
    """Questions to registries. Each call has a deadline and raises an error of `rollkeeper.registry.errors`."""

    async def digest(self, reference: Reference, keychain: Keychain, *, insecure: bool = False) -> str:
        """The digest of what a reference stands for now."""
        ...

    async def tags(self, repository: Repository, keychain: Keychain, *, insecure: bool = False) -> tuple[str, ...]:
        """All tags of a repository."""
        ...

    def wake(self, repository: Repository) -> None:
        """A person asks: try a registry again that is at rest after failures."""
        ...
