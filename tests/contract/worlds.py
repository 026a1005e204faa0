"""A real API server and the one in memory behind the same few words, so that each test is written once."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

from hack.localcluster import Cluster as RealCluster
from rollkeeper.kube.api import JsonObject, KubeApi
from rollkeeper.kube.client import Client
from rollkeeper.kube.resources import NAMESPACES, Resource
from tests.simulation.cluster import Cluster
from tests.simulation.objects import key_of

QUOTAS = Resource("", "v1", "resourcequotas", "ResourceQuota")
SERVICE_ACCOUNTS = Resource("", "v1", "serviceaccounts", "ServiceAccount")
PATIENCE = 60.0
"""Seconds, virtual or real, that controllers and kubelets get."""

Test = Callable[[JsonObject | None], object]


class World(Protocol):
    """One API, one namespace."""

    @property
    def api(self) -> KubeApi: ...

    @property
    def namespace(self) -> str: ...

    @property
    def minor(self) -> int:
        """Kubernetes 1.*: what newer versions add is not asked of older ones."""

    async def until(self, resource: Resource, name: str, holds: Test, seconds: float = PATIENCE) -> JsonObject | None:
        """Wait until `holds` is true of the object (None: there is none), and return it. Raises TimeoutError."""

    async def limit_pods(self, number: int) -> None:
        """A quota of the namespace."""

    def delete_in_foreground(self, resource: Resource, name: str) -> None:
        """As `kubectl delete --cascade=foreground --wait=false` does."""


class MemoryWorld:
    """Waiting lets virtual time pass."""

    namespace = "default"
    minor = 37

    def __init__(self) -> None:
        self.cluster = Cluster(controller_delay=0.5)
        self.api = self.cluster.api

    async def until(self, resource: Resource, name: str, holds: Test, seconds: float = PATIENCE) -> JsonObject | None:
        for _ in range(int(seconds)):
            found = self.cluster.server.store.get(resource, (self.namespace, name))
            if holds(found):
                return found
            self.cluster.advance(1)
        raise TimeoutError(f"{resource.plural} {name}")

    async def limit_pods(self, number: int) -> None:
        self.cluster.quota.hard[self.namespace] = number

    def delete_in_foreground(self, resource: Resource, name: str) -> None:
        self.cluster.server.delete(resource, self.namespace, name, foreground=True)


class RealWorld:
    """Waiting is watching."""

    def __init__(self, cluster: RealCluster, api: Client, namespace: str, minor: int) -> None:
        self._cluster = cluster
        self.api = api
        self.namespace = namespace
        self.minor = minor

    async def until(self, resource: Resource, name: str, holds: Test, seconds: float = PATIENCE) -> JsonObject | None:
        async with asyncio.timeout(seconds):
            listing = await self.api.list(resource, self.namespace)
            found = next((obj for obj in listing.items if obj["metadata"]["name"] == name), None)
            if holds(found):
                return found
            version = listing.resource_version
            async for event in self.api.watch(resource, self.namespace, resource_version=version):
                if event.type != "BOOKMARK" and key_of(event.object)[1] == name:
                    found = None if event.type == "DELETED" else event.object
                    if holds(found):
                        return found
        raise TimeoutError(f"{resource.plural} {name}: the watch ended")

    async def limit_pods(self, number: int) -> None:
        quota = {"metadata": {"name": "pods"}, "spec": {"hard": {"pods": str(number)}}}
        await self.api.create(QUOTAS, self.namespace, quota)
        await self.until(QUOTAS, "pods", lambda found: found and found.get("status", {}).get("hard"))

    def delete_in_foreground(self, resource: Resource, name: str) -> None:
        place = ("--namespace", self.namespace, resource.plural, name)
        self._cluster.kubectl("delete", *place, "--cascade=foreground", "--wait=false")


@asynccontextmanager
async def real_world(cluster: RealCluster) -> AsyncIterator[RealWorld]:
    """A new namespace of a real cluster; it is deleted afterwards, without waiting."""
    # An eviction with a wrong uid takes the server 10 seconds to refuse, if the pod is Pending or terminating.
    async with await Client.connect(kubeconfig=cluster.kubeconfig, deadline=20) as api:
        name = f"contract-{uuid.uuid4().hex[:10]}"
        await api.create(NAMESPACES, None, {"metadata": {"name": name}})
        version = json.loads(cluster.kubectl("version", "--output=json"))["serverVersion"]
        world = RealWorld(cluster, api, name, int(version["minor"].rstrip("+")))
        await world.until(SERVICE_ACCOUNTS, "default", lambda found: found)  # pods are refused before
        yield world
        await api.delete(NAMESPACES, None, name)
