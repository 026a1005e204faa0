"""The pods that guests run in."""

from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.virtual_machines.machine_view import GuestView
from rollkeeper.kube.store import Store


def launcher_of(pods: Store[PodView], guest: GuestView) -> PodView | None:
    """The launcher of a guest. While it migrates it has two: the one on its node counts."""
    found = pods.by_index(guest.uid)
    return next((pod for pod in found if pod.node == guest.node), next(iter(found), None))
