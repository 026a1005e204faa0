"""What can be chosen about a local cluster."""

from dataclasses import dataclass, field

from hack.localcluster.tools import newest_kubernetes


@dataclass(frozen=True)
class User:
    """Somebody other than the administrator, known by a token: has only the rights that RBAC objects give."""

    name: str
    groups: tuple[str, ...] = ()

    @classmethod
    def service_account(cls, namespace: str, name: str) -> "User":
        """The user that a pod with this service account is: role bindings to the service account apply."""
        groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}")
        return cls(f"system:serviceaccount:{namespace}:{name}", groups)


@dataclass(frozen=True)
class Settings:
    """One cluster; the defaults suit tests and the demo."""

    kubernetes: str = field(default_factory=newest_kubernetes)
    nodes: int = 5
    zones: int = 3
    audit: bool = True
    """Record every write in `logs/audit.log`."""
    controller_manager_qps: int | None = None
    """Requests a second and controller; None is Kubernetes' own default, 20. The burst is twice that."""
    autoscaler_seconds: int | None = None
    """How often a HorizontalPodAutoscaler looks; None is Kubernetes' own default, 15."""
    scheduler_qps: int | None = None
    """None is Kubernetes' own default, 50."""
    users: tuple[User, ...] = ()
    kubevirt: bool = False
    """KubeVirt's API and controller too; its guests are simulated. Building them takes minutes, once a machine."""

    def __post_init__(self) -> None:
        """Refuse what would only show later as a pod that stays pending."""
        if self.nodes < 0 or self.zones < 1:
            message = f"nodes ({self.nodes}) must be 0 or more, zones ({self.zones}) 1 or more"
            raise ValueError(message)
