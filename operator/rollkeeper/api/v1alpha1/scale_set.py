"""ScaleSet: identical instances with stable names and data disks, kept on an OS image."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from rollkeeper.api.v1alpha1 import extension_rules, machine_rules, rules, service_fabric_rules
from rollkeeper.api.v1alpha1.extension import Extension, Script
from rollkeeper.api.v1alpha1.health import Health
from rollkeeper.api.v1alpha1.image_version import ImageName, OSType, Region
from rollkeeper.api.v1alpha1.machine_template import MACHINE_TEMPLATE
from rollkeeper.api.v1alpha1.meta import Model, ObjectMeta
from rollkeeper.api.v1alpha1.pod_template import CLAIM_TEMPLATE, POD_TEMPLATE
from rollkeeper.api.v1alpha1.scale_set_status import ScaleSetStatus
from rollkeeper.api.v1alpha1.service_fabric import ServiceFabric

Percent = Annotated[int, Field(ge=0, le=100)]
JsonMap = dict[str, Any]
PodTemplate = Annotated[JsonMap, WithJsonSchema(POD_TEMPLATE)]
MachineTemplate = Annotated[JsonMap, WithJsonSchema(MACHINE_TEMPLATE)]
ClaimTemplate = Annotated[JsonMap, WithJsonSchema(CLAIM_TEMPLATE)]


class ImageReference(Model):
    """The OS image of the instances: a platform image (publisher, offer, sku) or a custom one (gallery, definition)."""

    model_config = ConfigDict(json_schema_extra=rules.IMAGE_REFERENCE)

    publisher: ImageName | None = None
    """Publisher of a platform image. Immutable."""
    offer: ImageName | None = None
    """Offer of a platform image. Immutable."""
    sku: ImageName | None = None
    """SKU of a platform image."""
    gallery: ImageName | None = None
    """Gallery of a custom image. Immutable."""
    definition: ImageName | None = None
    """Definition of a custom image."""
    version: Annotated[str, Field(max_length=64, json_schema_extra=rules.VERSION_OR_LATEST)] = "latest"
    """`latest` follows what is published; an exact Major.Minor.Patch, in quotes, pins."""


class AutomaticOSUpgradePolicy(Model):
    """Whether newly published versions are rolled out by themselves."""

    enable_automatic_os_upgrade: Annotated[bool, Field(alias="enableAutomaticOSUpgrade")] = False
    """True: a newer version of the image is rolled out as soon as it is published (T1)."""
    disable_automatic_rollback: bool = False
    """True: an instance that does not become healthy stays on the new version (H3)."""


MIN_HEALTHY_SECONDS_OF_MACHINES = 10


class RollingUpgradePolicy(Model):
    """How a run goes through the instances, and what stops it."""

    max_batch_instance_percent: Annotated[int, Field(ge=1, le=100)] = 20
    """How many instances are replaced at once, in percent of replicas, rounded down, at least one (B1)."""
    max_unhealthy_instance_percent: Percent = 20
    """Above this share of unhealthy instances in the whole set no batch starts (T6, B6)."""
    max_unhealthy_upgraded_instance_percent: Percent = 20
    """Above this share of failed instances among those upgraded by the run, the run stops (B8)."""
    provisioning_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 900
    """How long a replaced instance may take until its OS container has started (H2)."""
    health_timeout_seconds: Annotated[int, Field(ge=1, le=86400)] = 300
    """How long a started instance may take to become healthy, and a relapsed one to recover (H2, B8)."""
    pause_time_between_batches_seconds: Annotated[int, Field(ge=0, le=86400)] = 0
    """How long to wait between two batches, with the upgraded instances watched (B7)."""
    prioritize_unhealthy_instances: bool = False
    """True: unhealthy instances are replaced first (B3)."""
    enable_cross_zone_upgrade: bool = False
    """True: a batch may reach over several zones (B4)."""
    min_healthy_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """How long a replaced instance must stay healthy before it counts (H2). Left out: 0; for virtual machines 10, as a
    guest that dies is started again at once and looks healthy in between."""


ReplacementMethod = Literal["Recreate", "InPlaceIfPossible"]


class UpgradePolicy(Model):
    """How and when instances are upgraded."""

    mode: Literal["Rolling", "Manual", "Automatic"] = "Rolling"
    """How a change of the model or of the pinned version reaches existing instances: by a run, batch by batch; not by
    itself; or all at once (M1)."""
    replacement_method: ReplacementMethod = "Recreate"
    """How an instance gets another OS disk. `Recreate`: by a new pod. `InPlaceIfPossible`: its pod, address, node and
    volumes stay, and the kubelet makes the OS container anew; where more than the image changes, or the model has Task
    extensions, by a new pod all the same."""
    automatic_os_upgrade_policy: Annotated[AutomaticOSUpgradePolicy, Field(alias="automaticOSUpgradePolicy")] = (
        AutomaticOSUpgradePolicy()
    )
    """Automatic upgrades to newly published versions."""
    rolling_upgrade_policy: RollingUpgradePolicy = RollingUpgradePolicy()
    """Batches, limits and time-outs."""
    run_history_limit: Annotated[int, Field(ge=1, le=20)] = 5
    """How many finished runs stand in status.osUpgradeHistory (F6)."""
    run_history_days: Annotated[int, Field(ge=1, le=3650)] = 60
    """How long a finished run stands in status.osUpgradeHistory, in days (F6)."""


class WindowsConfiguration(Model):
    """What concerns Windows instances only."""

    enable_automatic_updates: bool = True
    """True: Windows updates itself inside of the instances. Automatic upgrades need false: two updaters would work
    against each other (T2)."""


class ClaimRetentionPolicy(Model):
    """What happens to data disks, as in StatefulSet."""

    when_deleted: Literal["Retain", "Delete"] = "Retain"
    """When the scale set is deleted."""
    when_scaled: Literal["Retain", "Delete"] = "Retain"
    """When the scale set is scaled in."""


class ScaleSetSpec(Model):
    """The desired state of a scale set."""

    model_config = ConfigDict(
        json_schema_extra=rules.joined(
            rules.SCALE_SET_SPEC, *service_fabric_rules.HEALTH_SOURCES, *machine_rules.SCALE_SET_SPEC
        )
    )

    replicas: Annotated[int, Field(ge=0, le=10000)] = 1
    """How many instances there are: pods or virtual machines `<name>-0` to `<name>-<replicas-1>`."""
    region: Region | None = None
    """Where the set runs: it gets the versions that are replicated there, and those that list no regions. Without a
    region it gets only the latter (V4). Immutable."""
    os_type: Annotated[OSType, Field(json_schema_extra=rules.SCALE_SET_OS_TYPE)] = "Linux"
    """The operating system of the instances. Immutable."""
    image_reference: ImageReference
    """The OS image that the instances run."""
    upgrade_policy: UpgradePolicy = UpgradePolicy()
    """How and when instances are upgraded."""
    health: Health | None = None
    """Who says that an instance is healthy. Left out: it is healthy when it runs."""
    template: PodTemplate | None = None
    """The pod of an instance. The image of the OS container comes from the image version: leave it out."""
    virtual_machine_template: MachineTemplate | None = None
    """In place of template: the KubeVirt VirtualMachine of an instance. The image of its OS disk comes from the image
    version: leave it out."""
    os_volume_name: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The volume of the virtual machine that is the OS disk: a container disk, or a claim whose versions have a
    claimName. Default: the first container disk. Immutable."""
    os_container_name: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    """The container whose root file system is the OS disk; default: the first. Immutable."""
    volume_claim_templates: Annotated[
        tuple[ClaimTemplate, ...], Field(json_schema_extra={**rules.limited(16), **rules.CLAIM_TEMPLATES})
    ] = ()
    """Data disks, as in StatefulSet: claim `<template>-<set>-<ordinal>`. They survive every upgrade. Immutable."""
    persistent_volume_claim_retention_policy: ClaimRetentionPolicy = ClaimRetentionPolicy()
    """What happens to data disks when the set is deleted or scaled in."""
    custom_data: Script | None = None
    """A script that runs inside the OS container's root file system each time that one is made, before the Script
    extensions. The OS container counts as started when it has ended well (E2). For virtual machines user data of
    cloud-init or cloudbase-init, run on every new OS disk; also a #cloud-config, or an answer file of Windows Setup."""
    extensions: Annotated[tuple[Extension, ...], Field(json_schema_extra=extension_rules.EXTENSIONS)] = ()
    """What is applied to every new OS disk, or runs beside it; an instance is provisioned when all are (E1). Virtual
    machines take those of type Script."""
    windows_configuration: WindowsConfiguration | None = None
    """For osType Windows; elsewhere it says nothing. Needed for automatic upgrades of Windows instances (T2)."""
    service_fabric: ServiceFabric | None = None
    """For a node type of a Service Fabric cluster: what its upgrades depend on (E3)."""
    service_name: Annotated[str, Field(min_length=1, max_length=63, json_schema_extra=rules.SERVICE_NAME)] | None = None
    """A headless Service that gives the instances stable host names. Immutable."""

    @property
    def has_machines(self) -> bool:
        """The instances are virtual machines, not pods."""
        return self.virtual_machine_template is not None

    @property
    def rolling_upgrade_policy(self) -> RollingUpgradePolicy:
        """Batches, limits and time-outs, with what was left out."""
        policy = self.upgrade_policy.rolling_upgrade_policy
        if policy.min_healthy_seconds is not None:
            return policy
        return policy.model_copy(
            update={"min_healthy_seconds": MIN_HEALTHY_SECONDS_OF_MACHINES if self.has_machines else 0}
        )


class ScaleSet(Model):
    """Identical instances with stable names and data disks, kept on the newest OS image."""

    model_config = ConfigDict(json_schema_extra=rules.SCALE_SET)

    metadata: ObjectMeta
    spec: ScaleSetSpec
    status: ScaleSetStatus = ScaleSetStatus()
