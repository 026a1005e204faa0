"""What a command works with: the cluster, the namespace, and the objects that people name."""

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING

from rollkeeper.api.v1alpha1.names import LABEL_SCALE_SET
from rollkeeper.cli.plugin import members
from rollkeeper.cli.plugin.errors import CommandError, is_unknown_kind
from rollkeeper.cli.plugin.options import Options
from rollkeeper.controllers.resources import SCALE_SETS, UPGRADE_RUNS
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.errors import NotFound
from rollkeeper.kube.resources import Resource
from rollkeeper.kube.user.client import UserClient

if TYPE_CHECKING:  # rich takes its time
    from rollkeeper.cli.plugin.screen import Screen

_SHOWN = 12
"""Names in an error message; more would hide it."""


@dataclass(frozen=True)
class Session:
    """One command's dealings with one cluster. Nothing is read before it is asked for."""

    options: Options

    @cached_property
    def client(self) -> UserClient:
        """Calls as the user. Raises NotConfigured."""
        chosen = self.options
        return UserClient.open(chosen.kubeconfig, chosen.context, chosen.acting_as)

    @cached_property
    def screen(self) -> "Screen":
        """Where it is shown."""
        from rollkeeper.cli.plugin.screen import Screen  # noqa: PLC0415 - not for JSON

        return Screen.of(sys.stdout, no_color=self.options.no_color)

    @property
    def namespace(self) -> str:
        """The one named, or the context's."""
        return self.options.namespace or self.client.target.namespace

    @property
    def namespaces(self) -> str | None:
        """As `namespace`; None with --all-namespaces."""
        return None if self.options.all_namespaces else self.namespace

    @property
    def now(self) -> datetime:
        """For ages, which are told in words; nothing is decided by it."""
        return datetime.now(UTC)

    def scale_set(self, name: str) -> JsonObject:
        """A set by name. Raises CommandError that says which sets there are."""
        try:
            return self.client.get(SCALE_SETS, self.namespace, bare(name, SCALE_SETS))
        except NotFound as error:
            if is_unknown_kind(error):
                raise
            raise CommandError(self._missing(SCALE_SETS, "sets", bare(name, SCALE_SETS))) from None

    def run(self, name: str) -> JsonObject:
        """A run by name. Raises CommandError that says which runs there are."""
        try:
            return self.client.get(UPGRADE_RUNS, self.namespace, bare(name, UPGRADE_RUNS))
        except NotFound as error:
            if is_unknown_kind(error):
                raise
            raise CommandError(self._missing(UPGRADE_RUNS, "runs", bare(name, UPGRADE_RUNS))) from None

    def runs_of(self, scale_set: str) -> tuple[JsonObject, ...]:
        """All runs of a set."""
        selector = f"spec.scaleSetName={scale_set}"
        return self.client.list(UPGRADE_RUNS, self.namespace, field_selector=selector).items

    def instances_of(self, scale_set: JsonObject) -> tuple[JsonObject, ...]:
        """The objects that are instances of a set: with its label, and owned by it (I2)."""
        name, uid = scale_set["metadata"]["name"], scale_set["metadata"]["uid"]
        return tuple(item for item in self._labelled(members.resources_of(scale_set)[0], name) if is_owned(item, uid))

    def members_of(self, scale_set: JsonObject) -> tuple[JsonObject, ...]:
        """The same, and what runs of them."""
        name = scale_set["metadata"]["name"]
        others = (self._labelled(resource, name) for resource in members.resources_of(scale_set)[1:])
        return self.instances_of(scale_set) + sum(others, ())

    def _labelled(self, resource: Resource, name: str) -> tuple[JsonObject, ...]:
        return self.client.list(resource, self.namespace, label_selector=f"{LABEL_SCALE_SET}={name}").items

    def _missing(self, resource: Resource, what: str, name: str) -> str:
        there = sorted(str(item["metadata"]["name"]) for item in self.client.list(resource, self.namespace).items)
        more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
        known = f"{what} here: {', '.join(there[:_SHOWN])}{more}" if there else f"there are no {what} here"
        return f'no {resource.kind} "{name}" in namespace "{self.namespace}"; {known}'


def bare(name: str, resource: Resource) -> str:
    """`web` of `web`, `scaleset/web`, `sset/web` or `scaleset.rollkeeper.io/web`. Raises CommandError for others."""
    kind, slash, rest = name.rpartition("/")
    if slash and kind not in names_of(resource):
        raise CommandError(f"{name!r} is no {resource.kind}: write its name alone, or {resource.plural}/NAME")
    return rest


def names_of(resource: Resource) -> frozenset[str]:
    """What people call a kind."""
    singular = resource.kind.lower()
    short = {"ScaleSet": "sset", "UpgradeRun": "uprun", "ImageVersion": "imgv"}[resource.kind]
    return frozenset(
        {singular, resource.plural, short, f"{singular}.{resource.group}", f"{resource.plural}.{resource.group}"}
    )


def is_owned(item: JsonObject, uid: str) -> bool:
    """Whether an object's controlling owner has that uid."""
    return any(o.get("controller") and o.get("uid") == uid for o in item["metadata"].get("ownerReferences") or ())
