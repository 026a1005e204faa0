"""One of our finalizers on objects of one kind: put on and taken off, those of others left alone."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from rollkeeper.api.v1alpha1.meta import ObjectMeta
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import NotFound
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.store import Store


class Thing(Protocol):
    """An object of our own kinds."""

    @property
    def metadata(self) -> ObjectMeta:
        """Its metadata."""
        ...


T = TypeVar("T", bound=Thing)


@dataclass(frozen=True)
class Finalizers(Generic[T]):
    """Writes under the resourceVersion that was read, and keeps the cache equal. Raises ApiError, Conflict among it."""

    api: KubeApi
    resource: Resource
    store: Store[T]

    async def put_on(self, thing: T, finalizer: str) -> None:
        """Deleting the object waits from now on."""
        await self._write(thing, [*_others(thing, finalizer), finalizer])

    async def take_off(self, thing: T, finalizer: str) -> None:
        """An object that was only waiting for that is gone then."""
        await self._write(thing, _others(thing, finalizer))

    async def _write(self, thing: T, finalizers: list[str]) -> None:
        meta = thing.metadata
        key = meta.namespace, meta.name
        body = {"metadata": {"finalizers": finalizers, "resourceVersion": meta.resource_version}}
        try:
            patched = await self.api.merge_patch(self.resource, *key, body)
        except NotFound:
            self.store.remove_key(key, meta.uid)
            return
        if meta.deletion_timestamp is not None and not finalizers:
            self.store.remove_key(key, meta.uid)
        else:
            self.store.apply(patched)


def _others(thing: Thing, finalizer: str) -> list[str]:
    return [other for other in thing.metadata.finalizers if other != finalizer]
