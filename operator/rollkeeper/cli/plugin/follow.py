"""Follows a set, its runs and its instances: lists once, then watches, one thread and connection a kind."""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from rollkeeper.api.v1alpha1.names import LABEL_SCALE_SET
from rollkeeper.cli.plugin.session import Session, is_owned
from rollkeeper.controllers.resources import SCALE_SETS, UPGRADE_RUNS
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.errors import ApiError, Gone, NotConfigured, Throttled, Unavailable
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.user.client import UserClient

Kind = Literal["scalesets", "upgraderuns", "pods", "virtualmachines", "virtualmachineinstances"]

MEMBERS: tuple[Literal["pods", "virtualmachines", "virtualmachineinstances"], ...] = (
    "pods",
    "virtualmachines",
    "virtualmachineinstances",
)

_GATHER_SECONDS = 0.1
"""Changes that come together are shown together: a batch of 200 pods is one picture, not 200."""


@dataclass(frozen=True)
class Feed:
    """One kind of object to follow."""

    kind: Kind
    resource: Resource
    label_selector: str | None = None
    field_selector: str | None = None


@dataclass
class World:
    """What is known now."""

    objects: dict[Kind, dict[str, JsonObject]] = field(default_factory=dict)
    trouble: str = ""
    """Why what is shown may be old; empty when it is not."""

    @property
    def scale_set(self) -> JsonObject | None:
        """The set, unless it is gone."""
        return next(iter(self.objects.get("scalesets", {}).values()), None)

    @property
    def runs(self) -> tuple[JsonObject, ...]:
        """Its runs."""
        return tuple(self.objects.get("upgraderuns", {}).values())

    @property
    def members(self) -> tuple[JsonObject, ...]:
        """Its instances, and what runs of them."""
        uid = (self.scale_set or {"metadata": {}})["metadata"].get("uid", "")
        found = [(kind, item) for kind in MEMBERS for item in self.objects.get(kind, {}).values()]
        owned = "virtualmachines" if "virtualmachines" in self.objects else "pods"
        return tuple(item for kind, item in found if kind != owned or is_owned(item, uid))


@dataclass(frozen=True)
class _News:
    kind: Kind
    replaced: dict[str, JsonObject] | None = None
    applied: JsonObject | None = None
    removed: JsonObject | None = None
    trouble: str = ""
    error: Exception | None = None


def feeds_of(scale_set: str, members: tuple[Resource, ...] = ()) -> tuple[Feed, ...]:
    """A set with its runs and, if asked, what its instances are."""
    kinds: dict[str, Kind] = {kind: kind for kind in MEMBERS}
    return (
        Feed("scalesets", SCALE_SETS, field_selector=f"metadata.name={scale_set}"),
        Feed("upgraderuns", UPGRADE_RUNS, field_selector=f"spec.scaleSetName={scale_set}"),
        *(Feed(kinds[m.plural], m, label_selector=f"{LABEL_SCALE_SET}={scale_set}") for m in members),
    )


def changes(session: Session, feeds: tuple[Feed, ...], until: float | None = None) -> Iterator[World]:
    """What is known, after the first lists and after each change, until `until` (on the monotonic clock).

    Raises what a watch can't recover from. Threads end with the process, or with their next word after the iterator
    was closed.
    """
    news: queue.Queue[_News] = queue.Queue()
    over = threading.Event()
    client, namespace = session.client, session.namespace
    for feed in feeds:
        arguments = (client.again(), namespace, feed, news, over)
        threading.Thread(target=_follow, args=arguments, daemon=True).start()
    world = World()
    try:
        while True:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                return
            try:
                _take(world, news.get(timeout=left))
            except queue.Empty:
                return
            _gather(world, news)
            if len(world.objects) == len(feeds):
                yield world
    finally:
        over.set()


def _gather(world: World, news: "queue.Queue[_News]") -> None:
    end = time.monotonic() + _GATHER_SECONDS
    while (left := end - time.monotonic()) > 0:
        try:
            _take(world, news.get(timeout=left))
        except queue.Empty:
            return


def _take(world: World, item: _News) -> None:
    if item.error is not None:
        raise item.error
    world.trouble = item.trouble
    if item.replaced is not None:
        world.objects[item.kind] = item.replaced
    if item.applied is not None:
        world.objects[item.kind][item.applied["metadata"]["name"]] = item.applied
    if item.removed is not None:
        world.objects[item.kind].pop(item.removed["metadata"]["name"], None)


def _follow(client: UserClient, namespace: str, feed: Feed, news: "queue.Queue[_News]", over: threading.Event) -> None:
    backoff, failures = Backoff(first=0.5, maximum=10.0), 0
    while not over.is_set():
        try:
            for item in _listed_and_watched(client, namespace, feed):
                failures = 0
                news.put(item)
                if over.is_set():
                    break
        except Gone:
            continue
        except (Unavailable, Throttled) as error:
            failures += 1
            news.put(_News(feed.kind, trouble=str(error.message)))
            over.wait(backoff.delay(failures))
        except (ApiError, NotConfigured) as error:
            news.put(_News(feed.kind, error=error))
            return
    client.close()


def _listed_and_watched(client: UserClient, namespace: str, feed: Feed) -> Iterator[_News]:
    """One list, and watches from there until one fails."""
    listing = client.list(
        feed.resource, namespace, label_selector=feed.label_selector, field_selector=feed.field_selector
    )
    yield _News(feed.kind, replaced={item["metadata"]["name"]: item for item in listing.items})
    version = listing.resource_version
    while True:
        stream = client.watch(
            feed.resource,
            namespace,
            resource_version=version,
            label_selector=feed.label_selector,
            field_selector=feed.field_selector,
        )
        for event in stream:
            version = event.object["metadata"]["resourceVersion"]
            if event.type in {"ADDED", "MODIFIED"}:
                yield _News(feed.kind, applied=event.object)
            elif event.type == "DELETED":
                yield _News(feed.kind, removed=event.object)
