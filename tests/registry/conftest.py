"""The registries of these tests."""

from tests.registry.fixtures import guarded, locked, registry, tokens

__all__ = ["guarded", "locked", "registry", "tokens"]
