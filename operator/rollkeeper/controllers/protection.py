"""Protects image versions in use from deletion, by a finalizer that is set before the first use (V7)."""

from collections.abc import Iterable
from dataclasses import dataclass

from rollkeeper.api.v1alpha1 import ImageVersion
from rollkeeper.api.v1alpha1.names import FINALIZER_VERSION, PREFIX_OTHERS_VERSION
from rollkeeper.controllers.finalizers import Finalizers
from rollkeeper.controllers.resources import IMAGE_VERSIONS
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import Conflict, Invalid
from rollkeeper.kube.reading import read_again
from rollkeeper.kube.store import Store


@dataclass(frozen=True)
class Protection:
    """Puts the finalizer on, and takes it off.

    A controller that works in some namespaces only does not see all who use the images of a shared one outside of
    them: there each such controller has a finalizer of its own.
    """

    api: KubeApi
    versions: Store[ImageVersion]
    images_namespace: str
    namespaces: tuple[str, ...] = ()

    def sees_all_users(self, version: ImageVersion) -> bool:
        """Whether this controller knows of every set that may use a version."""
        return not self.namespaces or version.metadata.namespace in self.namespaces

    def finalizer(self, version: ImageVersion) -> str:
        """This controller's finalizer for a version."""
        return FINALIZER_VERSION if self.sees_all_users(version) else PREFIX_OTHERS_VERSION + min(self.namespaces)

    async def guard(self, versions: Iterable[ImageVersion]) -> None:
        """Before the first use. Raises ApiError; Conflict when a version changed meanwhile, so the decision may too."""
        for version in versions:
            finalizer = self.finalizer(version)
            if finalizer in version.metadata.finalizers or version.metadata.deletion_timestamp is not None:
                continue
            try:
                await self._finalizers.put_on(version, finalizer)
            except (Conflict, Invalid) as error:  # Invalid: it is being deleted, which the cache does not show yet
                key = version.metadata.namespace, version.metadata.name
                await read_again(self.api, IMAGE_VERSIONS, self.versions, key, version.metadata.uid)
                raise Conflict(error.code, error.reason, error.message) from error
            if self.versions.get((version.metadata.namespace, version.metadata.name)) is None:
                raise Conflict(
                    404, "NotFound", f"ImageVersion {version.metadata.name} was deleted before its first use"
                )

    async def let_go(self, version: ImageVersion) -> None:
        """Nobody uses it any more."""
        await self._finalizers.take_off(version, self.finalizer(version))

    @property
    def _finalizers(self) -> Finalizers[ImageVersion]:
        return Finalizers(self.api, IMAGE_VERSIONS, self.versions)
