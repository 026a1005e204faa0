"""ImageVersion: one published version of an OS image."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rollkeeper.api.v1alpha1 import catalogue_rules, machine_rules, rules
from rollkeeper.api.v1alpha1.meta import Conditions, Model, ObjectMeta
from rollkeeper.api.v1alpha1.names import CLAIM_REFERENCE

ImageName = Annotated[str, Field(min_length=1, max_length=128, json_schema_extra=rules.IMAGE_NAME)]
OSType = Literal["Linux", "Windows"]
Region = Annotated[str, Field(min_length=1, max_length=63, json_schema_extra=catalogue_rules.REGION)]


class TargetRegion(Model):
    """A region that a version is replicated to."""

    model_config = ConfigDict(json_schema_extra=catalogue_rules.TARGET_REGION)

    name: Region
    """The region, as in spec.region of scale sets."""
    exclude_from_latest: bool = False
    """True hides the version from everything that follows latest in this region. It can still be named."""
    image: (
        Annotated[str, Field(min_length=1, max_length=1024, json_schema_extra=catalogue_rules.REGION_IMAGE)] | None
    ) = None
    """The container image of the OS disk in this region; left out: spec.image. Immutable."""


class SecretReference(Model):
    """A Secret in the same namespace."""

    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Its name."""


class ImageVersionSpec(Model):
    """What a publisher publishes. Immutable but for exclusion, regions and end of life (V7)."""

    model_config = ConfigDict(
        json_schema_extra=rules.joined(rules.IMAGE_VERSION_SPEC, *machine_rules.IMAGE_VERSION_SPEC)
    )

    publisher: ImageName | None = None
    """Who publishes the image. Platform images have publisher, offer and sku. Immutable."""
    offer: ImageName | None = None
    """The publisher's product line. Immutable."""
    sku: ImageName | None = None
    """The variant of the offer. Immutable."""
    gallery: ImageName | None = None
    """The gallery that holds the image. Custom images have gallery and definition. Immutable."""
    definition: ImageName | None = None
    """The image definition in the gallery. Immutable."""
    version: Annotated[str, Field(max_length=64, json_schema_extra=rules.VERSION)]
    """Major.Minor.Patch, compared number by number: 1.10.0 is newer than 1.9.0. Immutable."""
    os_type: Annotated[OSType, Field(json_schema_extra=rules.IMAGE_OS_TYPE)] = "Linux"
    """The operating system of the image. Immutable."""
    image: Annotated[str, Field(min_length=1, max_length=1024, json_schema_extra=rules.CONTAINER_IMAGE)] | None = None
    """The container image of the OS disk, by tag or digest; this or claimName. Immutable."""
    claim_name: Annotated[str, Field(min_length=1, max_length=253)] | None = None
    """For virtual machines, in place of image: a PersistentVolumeClaim in the scale set's namespace that has the OS
    disk. Each instance gets a clone of it. Immutable."""
    guest_agent: Annotated[bool, Field(json_schema_extra=machine_rules.GUEST_AGENT)] = False
    """For virtual machines: the OS has the QEMU guest agent, and is healthy only when that has connected (H1).
    Immutable."""
    exclude_from_latest: bool = False
    """True hides the version from everything that follows latest. It can still be named."""
    target_regions: Annotated[tuple[TargetRegion, ...], Field(json_schema_extra=rules.list_map("name", 100))] = ()
    """The regions that the version is replicated to: it counts for scale sets there alone. Empty: it counts everywhere,
    and for scale sets without a region too (V4)."""
    replication: Literal["Assumed", "Verified"] = "Assumed"
    """`Assumed`: a region that is listed has the image. `Verified`: the version counts in a region only when the
    registry of the image there has served its manifest (status.replicationStatus)."""
    secret_ref: SecretReference | None = None
    """A Secret of type kubernetes.io/dockerconfigjson for asking the registries. Nodes pull with the pull secrets of
    the scale set's template."""
    automatic_os_upgrade_supported: Annotated[bool, Field(alias="automaticOSUpgradeSupported")] = True
    """False: automatic upgrades of a platform image do not choose the version. Custom images are always supported."""
    published_time: datetime | None = None
    """When the version was published, for information; it plays no part in which version is latest. Immutable."""
    end_of_life_time: datetime | None = None
    """After this time the version still works, and a warning is shown."""

    @property
    def reference(self) -> str:
        """What instances get: the image, or the claim as `claim://<name>`."""
        return self.image or f"{CLAIM_REFERENCE}{self.claim_name or ''}"


ReplicationState = Literal["Unknown", "Replicating", "Completed", "Failed"]


class RegionReplication(Model):
    """Whether a version is there in a region (V4)."""

    region: str
    """The region."""
    state: ReplicationState
    """`Completed`: it is. `Replicating`: its registry does not have it yet. `Unknown`: its registry could not be asked.
    `Failed`: its registry can't be asked this way; the message says what to do."""
    image: str
    """The reference that this is about."""
    resolved_image: str | None = None
    """The same by digest (V8)."""
    message: str = ""
    """Why it is not there, in the registry's words."""


class UsedBy(Model):
    """Who uses a version: it is not deleted under them (V7)."""

    scale_sets: int = 0
    """Scale sets whose instances run it, where it is proven, or whose active run needs it."""
    instances: int = 0
    """Their instances that are meant to run it."""


class ImageVersionStatus(Model):
    """What the controller found out about the version."""

    observed_generation: int = -1
    """The generation that this status belongs to."""
    image_name: str | None = None
    """`publisher/offer/sku` or `gallery/definition`."""
    resolved_image: str | None = None
    """spec.image by digest, as its registry resolved it the first time (V8). Absent: instances get spec.image."""
    replication_status: Annotated[
        tuple[RegionReplication, ...], Field(json_schema_extra=rules.list_map("region", 100))
    ] = ()
    """Where the version is, by region (V4)."""
    used_by: UsedBy = UsedBy()
    """Who uses it now. Deleting it waits until nobody does (V7)."""
    conditions: Conditions = ()
    """`Ready`: the version can be used. Reason `Duplicate`: an older object has the same image and number; `InUse`: it
    is being deleted, and the message says who uses it.
    `Resolved`: spec.image is known by its digest."""


class ImageVersion(Model):
    """One published version of an OS image; scale sets that follow latest are rolled to the newest."""

    metadata: ObjectMeta
    spec: ImageVersionSpec
    status: ImageVersionStatus = ImageVersionStatus()
