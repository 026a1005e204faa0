"""Reads the Secrets that users name for their registries: by name, each time one is needed, and keeps none."""

from dataclasses import dataclass

from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import Forbidden, NotFound
from rollkeeper.kube.resources import SECRETS
from rollkeeper.registry import credentials
from rollkeeper.registry.credentials import NOBODY, Keychain
from rollkeeper.registry.errors import BadCredentials


@dataclass(frozen=True)
class PullSecrets:
    """Finds keychains. Raises BadCredentials with what to do, and ApiError when the API server does not answer."""

    api: KubeApi

    async def keychain(self, namespace: str, name: str | None) -> Keychain:
        """The keychain in a Secret; without a name, nobody's."""
        if name is None:
            return NOBODY
        try:
            secret = await self.api.get(SECRETS, namespace, name)
        except NotFound:
            raise BadCredentials(f"there is no Secret {name} in namespace {namespace}: create it") from None
        except Forbidden:
            message = (
                f"the controller may not read Secret {name} in namespace {namespace}: allow it to get secrets there"
            )
            raise BadCredentials(message) from None
        try:
            return credentials.read_secret(secret.get("data") or {})
        except BadCredentials as error:
            raise BadCredentials(f"Secret {name} {error.message}") from None
