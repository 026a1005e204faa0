"""Reasons to refuse what is written, as hooks for `server.admission`."""

from dataclasses import dataclass, field

from rollkeeper.kube.resources import PODS
from tests.simulation import answers
from tests.simulation.server import ApiServer, Review

REFUSE = "simulation/refuse"
"""An annotation that makes a pod bad (`Invalid`) or not allowed now (`Forbidden`), as an admission webhook would."""


def refuse_marked(review: Review) -> None:
    """Refuses new pods by the annotation `simulation/refuse`."""
    mark = review.object["metadata"].get("annotations", {}).get(REFUSE)
    if review.resource != PODS or review.old is not None or mark is None:
        return
    name = review.object["metadata"]["name"]
    if mark == "Invalid":
        raise answers.invalid(PODS, name, f"metadata.annotations: Invalid value: {REFUSE}")
    raise answers.forbidden(PODS, name, f"annotation {REFUSE}")


@dataclass
class PodQuota:
    """A ResourceQuota: so many pods a namespace, terminating ones counted. Dry runs are refused as well."""

    server: ApiServer
    hard: dict[str, int] = field(default_factory=dict)
    """By namespace; no entry, no limit."""

    def __call__(self, review: Review) -> None:
        namespace = review.object["metadata"].get("namespace", "")
        if review.resource != PODS or review.old is not None or namespace not in self.hard:
            return
        pods = self.server.store.items(PODS, namespace)
        used = sum(1 for pod in pods if pod["status"]["phase"] not in {"Failed", "Succeeded"})
        if used >= self.hard[namespace]:
            numbers = f"requested: pods=1, used: pods={used}, limited: pods={self.hard[namespace]}"
            raise answers.forbidden(PODS, review.object["metadata"]["name"], f"exceeded quota: pods, {numbers}")


@dataclass
class RefuseImages:
    """Refuses pods by the image of any container, as a policy engine would: image to `Invalid` or `Forbidden`."""

    images: dict[str, str] = field(default_factory=dict)

    def __call__(self, review: Review) -> None:
        if review.resource != PODS or (review.old is not None and review.old["spec"] == review.object["spec"]):
            return
        name = review.object["metadata"]["name"]
        for container in review.object["spec"].get("containers", []):
            verdict = self.images.get(container.get("image", ""))
            if verdict == "Invalid":
                raise answers.invalid(PODS, name, f"spec.containers[0].image: Invalid value: {container['image']}")
            if verdict is not None:
                raise answers.forbidden(PODS, name, f"image {container['image']} is not allowed")
