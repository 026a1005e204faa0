"""Which disruption budgets cover a pod: asked only where the API server's own answer does not name them (B12)."""

from rollkeeper.kube.api import KubeApi
from rollkeeper.kube.errors import ApiError, Forbidden, NotFound
from rollkeeper.kube.resources import BUDGETS, PODS
from rollkeeper.kube.selectors import matches

_TWO = "more than one PodDisruptionBudget"


def is_two_budgets(error: ApiError) -> bool:
    """Whether an eviction failed because several budgets cover the pod, which the API server answers with a 500."""
    return _TWO in error.message


async def explain_two(api: KubeApi, namespace: str, pod: str, error: ApiError) -> str:
    """The sentence on such a pod, with the names of its budgets where they may be listed. Raises ApiError."""
    try:
        labels = (await api.get(PODS, namespace, pod))["metadata"].get("labels") or {}
        listing = await api.list(BUDGETS, namespace)
    except (Forbidden, NotFound):
        return error.message
    names = sorted(b["metadata"]["name"] for b in listing.items if matches(b["spec"].get("selector"), labels))
    if len(names) < 2:
        return error.message  # one of them has gone since: the next try tells
    return (
        f"several PodDisruptionBudgets cover it ({', '.join(names)}), and then Kubernetes refuses every eviction: "
        "make their selectors differ, or delete all but one"
    )
