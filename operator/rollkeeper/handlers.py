"""kopf's part: it watches our own kinds and keeps their caches up to date. Nothing else is done in handlers.

Only `on.event` is used: it costs no API call and writes nothing, while kopf's other handlers put annotations and
finalizers on the objects. What kopf can't tell (objects that vanish while a watch is down) the manager's periodic
list finds.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

import kopf

from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.resources import IMAGE_VERSIONS, SCALE_SETS, UPGRADE_RUNS
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.connection import Credentials
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.store import Store


class NoStorage(kopf.DiffBaseStorage):
    """kopf would keep a copy of each object in an annotation, to tell what changed; we never ask."""

    def build(self, **_kwargs: object) -> kopf.BodyEssence:
        """Nothing is worth keeping."""
        return kopf.BodyEssence({})

    def fetch(self, **_kwargs: object) -> kopf.BodyEssence:
        """Nothing was kept."""
        return kopf.BodyEssence({})

    def store(self, **_kwargs: object) -> None:
        """Nothing is kept."""


def settings() -> kopf.OperatorSettings:
    """Kopf's settings for watching alone: no posting, no scanning, no peering; streams that are renewed."""
    chosen = kopf.OperatorSettings()
    chosen.posting.enabled = False
    chosen.scanning.disabled = True
    chosen.peering.standalone = True
    chosen.persistence.diffbase_storage = NoStorage()
    chosen.watching.server_timeout = 300
    chosen.watching.client_timeout = 330
    chosen.watching.connect_timeout = 10
    chosen.networking.request_timeout = 30
    return chosen


def registry(caches: Caches, credentials: Callable[[], Awaitable[Credentials]]) -> kopf.OperatorRegistry:
    """Handlers that bring each event of our kinds into the caches, whose listeners do the rest.

    kopf logs in with `credentials`: its own ways know neither our kubeconfig flag nor the context.
    """
    handlers = kopf.OperatorRegistry()

    async def login(**_kwargs: object) -> kopf.ConnectionInfo:
        return kopf.ConnectionInfo(**asdict(await credentials()))

    kopf.on.login(registry=handlers)(login)
    _watch(handlers, SCALE_SETS, caches.scale_sets)
    _watch(handlers, IMAGE_VERSIONS, caches.image_versions)
    _watch(handlers, UPGRADE_RUNS, caches.runs)
    return handlers


def _watch(handlers: kopf.OperatorRegistry, resource: Resource, store: "Store[Any]") -> None:
    async def take(type: str | None, event: Mapping[str, Any], **_kwargs: object) -> None:  # noqa: A002 - kopf's name
        raw: JsonObject = dict(event["object"])
        if type == "DELETED":
            store.remove(raw)
        else:
            store.apply(raw)

    kopf.on.event(resource.group, resource.version, resource.plural, registry=handlers, id=f"watch-{resource.plural}")(
        take
    )


logging.getLogger("kopf").setLevel(logging.WARNING)
