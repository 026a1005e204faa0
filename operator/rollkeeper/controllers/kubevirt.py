"""Whether KubeVirt is there: it is optional, and may come later than this controller."""

from collections.abc import Callable
from dataclasses import dataclass, field

from rollkeeper.api.v1alpha1.names import LABEL_SCALE_SET
from rollkeeper.controllers.caches import Caches
from rollkeeper.engine.reasons import Wait
from rollkeeper.engine.snapshot import Problem
from rollkeeper.instances.virtual_machines.resources import GUESTS, MACHINES
from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import ApiError, Forbidden
from rollkeeper.kube.reflector import Reflector

_NOT_LOOKED = Problem(Wait.KUBEVIRT_NOT_INSTALLED, "whether KubeVirt is installed is not known yet")


@dataclass
class KubeVirt:
    """What the watches of its objects were told. `changed` is called when that is something new."""

    changed: Callable[[], None]
    _faults: dict[str, Problem] = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)

    @property
    def fault(self) -> Problem | None:
        """Why there can be no virtual machines now."""
        if not self._known:
            return _NOT_LOOKED
        return next(iter(self._faults.values()), None)

    def hears(self, watch: str) -> Callable[[ApiError | None], None]:
        """Who is to be told by one watch."""

        def told(error: ApiError | None) -> None:
            before = self.fault
            self._known.add(watch)
            if error is None:
                self._faults.pop(watch, None)
            else:
                self._faults[watch] = _fault(error)
            if self.fault != before:
                self.changed()

        return told

    def watches(self, api: KubeApi, caches: Caches, namespace: str | None) -> "list[Reflector[object]]":
        """The watches of virtual machines and what runs of them."""
        return [
            Reflector(
                api,
                resource,
                store,  # type: ignore[arg-type]
                namespace,
                LABEL_SCALE_SET,
                on_presence=self.hears(f"{resource.plural}/{namespace or ''}"),
            )
            for resource, store in ((MACHINES, caches.machines), (GUESTS, caches.guests))
        ]


def _fault(error: ApiError) -> Problem:
    if isinstance(error, Forbidden):
        message = "the controller may not use virtual machines: install its chart with kubevirt.enabled=true"
        return Problem(Wait.KUBEVIRT_NOT_ALLOWED, message)
    return Problem(
        Wait.KUBEVIRT_NOT_INSTALLED,
        "the instances are virtual machines, and KubeVirt is not installed here: install it, which is noticed "
        "within half a minute",
    )
