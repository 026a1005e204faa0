"""CEL rules of Service Fabric sets (E3)."""

from rollkeeper.api.v1alpha1.rules import rule, validations

SERVICE_FABRIC = validations(
    rule(
        "self.durabilityLevel != 'Bronze' || self.stateless",
        "durability Bronze can't keep state through an OS upgrade: use Silver or Gold, "
        "or set stateless to true where the node type keeps none",
        at=".durabilityLevel",
    ),
    rule(
        "self.durabilityLevel == self.clusterDurabilityLevel",
        "the cluster must have the durability level of the set, or it does not hold instances back for its services: "
        "set both to the same level",
        at=".clusterDurabilityLevel",
    ),
)
"""`serviceFabric` of a set."""

_FORM = "^(0|[1-9][0-9]{0,8})([.](0|[1-9][0-9]{0,8})){1,3}$"

TYPE_HANDLER_VERSION = validations(
    rule(
        f"self.matches('{_FORM}')",
        "is not a version of the Service Fabric extension: write two to four numbers in quotes, like '1.1'",
        shows="self",
    ),
    rule(
        f"!self.matches('{_FORM}') || int(self.split('.')[0]) > 1"
        " || (int(self.split('.')[0]) == 1 && int(self.split('.')[1]) >= 1)",
        "is too old: upgrades by update domain need version 1.1 of the Service Fabric extension, or a higher one",
        shows="self",
    ),
)

HEALTH_SOURCES = (
    rule(
        "!has(self.serviceFabric) || !has(self.health) || self.health.source != 'Probe'",
        "a Service Fabric set is not judged by probes: remove health, or use source ApplicationHealth",
        at=".health.source",
    ),
    rule(
        "!has(self.serviceFabric) || self.serviceFabric.durabilityLevel != 'Bronze'"
        " || (has(self.health) && self.health.source == 'ApplicationHealth')",
        "Service Fabric does not judge stateless sets of durability Bronze: add health.source ApplicationHealth",
        at=".health",
    ),
)
"""Across the fields of a set."""
