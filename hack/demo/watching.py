"""Follows the cluster: watches feed stores, and each change becomes a new `Scene`."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NoReturn, TypeVar

from hack.demo.plain import explanation
from hack.demo.scene import Instance, Scene, read_instance
from rollkeeper.api.v1alpha1 import ScaleSet, UpgradeRun
from rollkeeper.api.v1alpha1.names import LABEL_SCALE_SET
from rollkeeper.controllers.resources import SCALE_SETS, UPGRADE_RUNS
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.reflector import Reflector
from rollkeeper.kube.resources import CLAIMS, PODS, Resource
from rollkeeper.kube.store import Store

NAMESPACE = "default"
SYNC_SECONDS = 60.0
LOOK_EVERY = 0.5

T = TypeVar("T")


class DemoError(Exception):
    """Something did not come out as promised; the message says what, and what the cluster says about it."""


class Stage:
    """The newest scene, and waiting for one that one wants to see."""

    def __init__(self, set_name: str, show: Callable[[Scene, Scene], None]) -> None:
        self.scene = Scene()
        self._name = set_name
        self._show = show
        self._changed = asyncio.Event()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sets: Store[ScaleSet] = Store(lambda raw, _: ScaleSet.model_validate(raw))
        self._runs: Store[UpgradeRun] = Store(lambda raw, _: UpgradeRun.model_validate(raw))
        self._pods: Store[Instance] = Store(lambda raw, _: read_instance(raw))
        self._claims: Store[str] = Store(lambda raw, _: str(raw["metadata"]["uid"]))

    @asynccontextmanager
    async def watched(self, api: KubeApi, *others: Coroutine[Any, Any, NoReturn]) -> AsyncIterator[None]:
        """Keeps the scene up to date inside the `with` block; an error of a watch or of `others` ends the next wait."""
        selector = f"{LABEL_SCALE_SET}={self._name}"
        feeds = (
            self._feed(api, SCALE_SETS, self._sets),
            self._feed(api, UPGRADE_RUNS, self._runs),
            self._feed(api, PODS, self._pods, selector),
            self._feed(api, CLAIMS, self._claims, selector),
        )
        self._tasks = {asyncio.create_task(work) for work in (*(feed.run() for feed in feeds), *others)}
        try:
            # New kinds are refused (429) for a second until the API server has a place to keep them.
            await self.until(
                "the API server lists the new kinds", SYNC_SECONDS, lambda _: all(f.synced.is_set() for f in feeds)
            )
            yield
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def until(self, what: str, seconds: float, seen: Callable[[Scene], bool]) -> Scene:
        """The first scene in which `seen` is true.

        Raises:
            DemoError: there was none in time; with what the statuses say about it.
        """
        clock = asyncio.get_running_loop()
        deadline = clock.time() + seconds
        while not seen(self.scene):
            if clock.time() > deadline:
                raise DemoError(f"not within {seconds:.0f} s: {what}\n{explanation(self.scene)}")
            await self._change()
        return self.scene

    async def _change(self) -> None:
        """Returns at the next change of the scene, or soon. Raises what one of the tasks failed with."""
        self._changed.clear()
        change = asyncio.create_task(self._changed.wait())
        done, _ = await asyncio.wait({change, *self._tasks}, timeout=LOOK_EVERY, return_when=asyncio.FIRST_COMPLETED)
        change.cancel()
        for task in done - {change}:
            task.result()

    def _feed(self, api: KubeApi, resource: Resource, store: Store[T], selector: str | None = None) -> Reflector[T]:
        store.subscribe(self._update)
        return Reflector(api, resource, store, NAMESPACE, selector)

    def _update(self, *_change: object) -> None:
        before, self.scene = self.scene, self._look()
        self._show(before, self.scene)
        self._changed.set()

    def _look(self) -> Scene:
        runs = [run for run in self._runs.values() if run.spec.scale_set_name == self._name]
        return Scene(
            scale_set=self._sets.get((NAMESPACE, self._name)),
            runs=tuple(sorted(runs, key=_age)),
            instances=tuple(sorted(self._pods.values(), key=lambda instance: instance.ordinal)),
            claims={name: uid for (_, name), uid in self._claims.items()},
        )


def _age(run: UpgradeRun) -> tuple[datetime, str]:
    return run.metadata.creation_timestamp or datetime.max.replace(tzinfo=UTC), run.metadata.name
