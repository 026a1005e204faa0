"""KubeVirt is optional, and may come later."""

from rollkeeper.controllers.kubevirt import KubeVirt
from rollkeeper.engine.reasons import Wait
from rollkeeper.kube.errors import Forbidden, NotFound


class Heard:
    def __init__(self) -> None:
        self.times = 0
        self.kubevirt = KubeVirt(self._changed)

    def _changed(self) -> None:
        self.times += 1

    def fault(self) -> str | None:
        return self.kubevirt.fault.reason if self.kubevirt.fault else None


def test_installed_later_it_is_noticed_and_told_once() -> None:
    heard = Heard()
    machines, guests = heard.kubevirt.hears("machines"), heard.kubevirt.hears("guests")
    assert heard.fault() == Wait.KUBEVIRT_NOT_INSTALLED
    for told in (machines, guests, machines):
        told(NotFound(404, "NotFound", "no such resource"))
    assert (heard.fault(), heard.times) == (Wait.KUBEVIRT_NOT_INSTALLED, 1)
    machines(None)
    assert heard.fault() == Wait.KUBEVIRT_NOT_INSTALLED
    guests(None)
    assert (heard.fault(), heard.times) == (None, 2)


def test_without_the_right_to_it_another_reason_is_given() -> None:
    heard = Heard()
    heard.kubevirt.hears("machines")(Forbidden(403, "Forbidden", "no"))
    assert heard.fault() == Wait.KUBEVIRT_NOT_ALLOWED
