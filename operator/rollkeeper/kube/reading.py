"""Reading one object past the cache, where the cache is known to be late."""

from typing import TypeVar

from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import NotFound
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.store import Key, Store

T = TypeVar("T")


async def read_again(api: KubeApi, resource: Resource, store: Store[T], key: Key, uid: str | None) -> None:
    """Brings one object of a cache up to date; raises ApiError other than NotFound.

    Without it a decision that rests on what is out of date is made, and refused, until the watch has caught up.
    `uid`: of the object that is gone if there is none under that key any more; None: there was none.
    """
    try:
        store.apply(await api.get(resource, *key))
    except NotFound:
        if uid is not None:
            store.remove_key(key, uid)
