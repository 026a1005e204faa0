"""ImageSource: a repository of a registry whose tags are published as ImageVersions."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rollkeeper.api.v1alpha1 import catalogue_rules, rules
from rollkeeper.api.v1alpha1.image_version import ImageName, OSType, Region, SecretReference
from rollkeeper.api.v1alpha1.meta import Conditions, Model, ObjectMeta, StringMap

MOST_KEPT = 99
MOST_REMEMBERED = MOST_KEPT + 1


class SourceRegion(Model):
    """A region that versions are replicated to."""

    name: Region
    """The region, as in spec.region of scale sets."""
    exclude_from_latest: bool = False
    """True hides new versions from everything that follows latest in this region."""
    repository: (
        Annotated[str, Field(min_length=1, max_length=512, json_schema_extra=catalogue_rules.REPOSITORY)] | None
    ) = None
    """Where the same images are kept in this region; left out: spec.repository."""


class VersionTemplate(Model):
    """What is written into each ImageVersion that is made."""

    labels: Annotated[StringMap, Field(json_schema_extra={"maxProperties": 32})] = Field(default_factory=dict)
    """Its labels."""
    os_type: OSType = "Linux"
    """Its operating system."""
    target_regions: Annotated[tuple[SourceRegion, ...], Field(json_schema_extra=rules.list_map("name", 100))] = ()
    """Its target regions; empty: it counts everywhere (V4)."""
    replication: Literal["Assumed", "Verified"] = "Assumed"
    """Whether a region counts at once, or when its registry has served the manifest (V4)."""
    automatic_os_upgrade_supported: Annotated[bool, Field(alias="automaticOSUpgradeSupported")] = True
    """False: automatic upgrades of a platform image do not choose it."""


class ImageSourceSpec(Model):
    """Which tags of which repository are versions of which image."""

    model_config = ConfigDict(json_schema_extra=catalogue_rules.IMAGE_SOURCE_SPEC)

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
    repository: Annotated[str, Field(min_length=1, max_length=512, json_schema_extra=catalogue_rules.REPOSITORY)]
    """Where the images are, without a tag: registry.example.com/os/base."""
    tag_pattern: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    """A regular expression (RE2) that whole tags must match; its group `version`, else its first group, is the version.
    Left out: X.Y.Z with or without a v."""
    exclude_tags: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=128)], ...],
        Field(json_schema_extra={**rules.limited(100), "x-kubernetes-list-type": "set"}),
    ] = ()
    """Tags to leave out."""
    interval_seconds: Annotated[int, Field(ge=10, le=86400)] = 300
    """How often the tags are listed. A new value of the annotation rollkeeper.io/reconcile-at does it at once."""
    keep: Annotated[int, Field(ge=0, le=MOST_KEPT)] = 20
    """How many old versions stay that nothing uses, beside the newest. Tags older than these are not published, and
    versions of this source that are older are deleted; never one that is in use."""
    secret_ref: SecretReference | None = None
    """A Secret of type kubernetes.io/dockerconfigjson for asking the registry. Nodes pull with the pull secrets of the
    scale set's template."""
    insecure: bool = False
    """True: the registry speaks plain HTTP. Those of the controller's own machine always do."""
    suspend: bool = False
    """True: nothing is listed."""
    version_template: VersionTemplate = VersionTemplate()
    """What is written into each ImageVersion that is made."""


class PublishedTag(Model):
    """A tag that was published."""

    tag: str
    """The tag."""
    version: str
    """The version that it says."""
    digest: str
    """What it stood for then."""


class ImageSourceStatus(Model):
    """What the last scan found."""

    observed_generation: int = -1
    """The generation that this status belongs to."""
    image_name: str | None = None
    """`publisher/offer/sku` or `gallery/definition`."""
    last_scan_time: datetime | None = None
    """When the tags were last listed."""
    last_handled_reconcile_at: str | None = None
    """The value of the annotation rollkeeper.io/reconcile-at that was last followed."""
    latest_version: str | None = None
    """The highest version among the tags."""
    tag_count: int = 0
    """How many tags the repository has."""
    matching_tag_count: int = 0
    """How many of them are versions."""
    published: Annotated[tuple[PublishedTag, ...], Field(json_schema_extra=rules.limited(MOST_REMEMBERED))] = ()
    """What was published, newest first, each once: one whose ImageVersion or tag was deleted is not made again."""
    conditions: Conditions = ()
    """`Ready`: the last scan went well. `Stalled`: it needs a person. `TagMoved`: a published tag stands for something
    else now, which is not followed. `TagsIgnored`: tags that match the pattern and are no version."""


class ImageSource(Model):
    """A repository of a registry: pushing a tag to it publishes an ImageVersion."""

    model_config = ConfigDict(json_schema_extra=catalogue_rules.IMAGE_SOURCE)

    metadata: ObjectMeta
    spec: ImageSourceSpec
    status: ImageSourceStatus = ImageSourceStatus()
