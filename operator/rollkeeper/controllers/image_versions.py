"""Reconciles one ImageVersion: its status says whether it can be used."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.patches import status_patch
from rollkeeper.controllers.resolver import Resolver
from rollkeeper.controllers.resources import IMAGE_VERSIONS
from rollkeeper.engine import publishing
from rollkeeper.engine.versions import image_name
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import NotFound
from rollkeeper.kube.store import Key


@dataclass(frozen=True)
class ImageVersionController:
    """Keeps the status of ImageVersions. `now` is the API server's time (I10)."""

    api: KubeApi
    caches: Caches
    now: Callable[[], datetime]
    resolver: Resolver | None = None
    """Asks registries; None: nobody does."""
    ask: Callable[[Key], None] = lambda _key: None
    """Called for a version that the resolver is to ask for."""

    async def reconcile(self, key: Key) -> float | None:
        """Writes the status if it changed. Returns the seconds until the version's end of life, if that is to come."""
        version = self.caches.image_versions.get(key)
        if version is None or version.metadata.deletion_timestamp is not None:
            return None
        now = self.now()
        others = self.caches.image_versions.by_index(image_name(version.spec))
        findings = self.resolver.findings(version) if self.resolver is not None else None
        if self.resolver is not None and self.resolver.is_due(version):
            self.ask(key)
        status = publishing.status_of(version, others, now, findings)
        patch = status_patch(version.status, status)
        if patch:
            body = {"metadata": {"resourceVersion": version.metadata.resource_version}, "status": patch}
            try:
                self.caches.image_versions.apply(
                    await self.api.merge_patch(IMAGE_VERSIONS, *key, body, subresource="status")
                )
            except NotFound:
                self.caches.image_versions.remove_key(key, version.metadata.uid)
        end = version.spec.end_of_life_time
        return (end - now).total_seconds() if end is not None and end > now else None
