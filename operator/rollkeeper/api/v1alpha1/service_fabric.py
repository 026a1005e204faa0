"""What a set must tell when it is a node type of a Service Fabric cluster (E3)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rollkeeper.api.v1alpha1 import service_fabric_rules
from rollkeeper.api.v1alpha1.meta import Model

Durability = Literal["Bronze", "Silver", "Gold"]


class ServiceFabric(Model):
    """A node type of a Service Fabric cluster: upgraded update domain by update domain, and no health source needed."""

    model_config = ConfigDict(json_schema_extra=service_fabric_rules.SERVICE_FABRIC)

    durability_level: Durability
    """The durability level of the node type: Silver or Gold; Bronze only where it is stateless."""
    cluster_durability_level: Durability
    """The level that the cluster has for this node type. It must be the same."""
    stateless: bool = False
    """True: the node type runs stateless services only."""
    type_handler_version: Annotated[
        str, Field(max_length=64, json_schema_extra=service_fabric_rules.TYPE_HANDLER_VERSION)
    ]
    """The version of the Service Fabric extension on the instances, in quotes; 1.1 or higher."""
    update_domain_count: Annotated[int, Field(ge=1, le=100)] = 5
    """How many update domains there are: an instance is in that of its ordinal modulo this count."""
