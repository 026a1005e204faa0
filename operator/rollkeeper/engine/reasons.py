"""Every reason that the controller gives, as CamelCase words: in conditions, errors, failures, holds, events.

Programs match on them and docs list them, so they are written down once, here.
"""

from enum import StrEnum


class Code(StrEnum):
    """Why a run ended (status.error.code, reason of the conditions Succeeded and Finished)."""

    UNHEALTHY_BEFORE = "MaxUnhealthyInstancePercentExceededBeforeRollingUpgrade"
    UNHEALTHY_DURING = "MaxUnhealthyInstancePercentExceededInRollingUpgrade"
    UPGRADED_UNHEALTHY = "MaxUnhealthyUpgradedInstancePercentExceededInRollingUpgrade"
    CANCELLED_BY_USER = "CancelledByUser"
    OPTED_OUT = "AutomaticUpgradesDisabled"
    TARGET_WITHDRAWN = "TargetWithdrawn"
    PRECONDITION_LOST = "PreconditionLost"
    SUPERSEDED = "Superseded"
    SCALE_SET_DELETED = "ScaleSetDeleted"
    INVALID_STARTED_BY = "InvalidStartedBy"
    INVALID_IMAGE_VERSION = "InvalidImageVersion"
    IMAGE_VERSION_NOT_FOUND = "ImageVersionNotFound"
    NO_IMAGE_VERSION = "NoImageVersion"
    NOT_REPLICATED = "ImageVersionNotReplicated"
    OS_TYPE_MISMATCH = "OSTypeMismatch"
    VERSION_PINNED = "VersionPinned"
    INVALID_INSTANCES = "InvalidInstances"
    INVALID_MODEL = "InvalidModel"
    INTERNAL = "InternalExecutionError"
    COMPLETED = "Completed"
    COMPLETED_WITH_FAILURES = "CompletedWithFailures"


class Wait(StrEnum):
    """Why something does not happen now (conditions UpgradeBlocked, Stalled, UpToDate, Ready; a run's message)."""

    UNHEALTHY = "TooManyUnhealthyInstances"
    HEALTH_NOT_READ = "ApplicationHealthNotRead"
    NOT_SUPPORTED = "ImageNotSupported"
    NO_REGION = "NoRegion"
    NO_HEALTH_SOURCE = "NoHealthSource"
    UPDATES_ITSELF = "WindowsUpdatesItself"
    RUN_PENDING = "RunPending"
    RUN_REMOVED = "RunRemoved"
    NO_IMAGE_VERSION = "NoImageVersion"
    NO_SCALE_SET = "ScaleSetNotFound"
    RUN_PAUSED = "RunPaused"
    MODEL_NOT_APPLIED = "ModelNotApplied"
    BACK_OFF = "BackOff"
    CHECKING_REFERENCES = "CheckingReferences"
    MISSING_REFERENCE = "MissingReference"
    CHECKING_MODEL = "CheckingModel"
    MODEL_REFUSED = "ModelRefused"
    INVALID_EXTENSIONS = "InvalidExtensions"
    USER_DATA_TOO_LARGE = "UserDataTooLarge"
    KUBEVIRT_NOT_INSTALLED = "KubeVirtNotInstalled"
    KUBEVIRT_NOT_ALLOWED = "KubeVirtNotAllowed"
    NOT_BLOCKED = "NotBlocked"


class Failure(StrEnum):
    """Why an instance failed (status.failures[].reason), besides the words of the kubelet such as ImagePullBackOff."""

    PROVISIONING_TIMEOUT = "ProvisioningTimeout"
    HEALTH_TIMEOUT = "HealthTimeout"
    RELAPSED = "Relapsed"
    POD_DELETED = "PodDeleted"
    POD_FAILED = "PodFailed"
    NODE_LOST = "NodeLost"
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    VOLUME_ATTACH = "VolumeAttach"
    FORBIDDEN = "Forbidden"
    INVALID = "Invalid"
    NAME_TAKEN = "NameTaken"
    EVICTION_REFUSED = "EvictionRefused"
    SWAP_REFUSED = "SwapRefused"
    NOT_STARTED = "ContainerNotStarted"
    TERMINATION_STUCK = "TerminationStuck"
    REGISTRY_UNREACHABLE = "RegistryUnreachable"
    EXTENSION_FAILED = "ExtensionFailed"
    CUSTOM_DATA_FAILED = "CustomDataFailed"
    SCRIPT_MISSING = "ScriptMissing"
    GOLDEN_CLAIM_MISSING = "GoldenClaimMissing"
    APPLICATION_UNHEALTHY = "ApplicationUnhealthy"
    APPLICATION_UNKNOWN = "ApplicationUnknown"
    POWER_OFF = "PowerOff"
    GUEST_ENDED = "GuestEnded"
    GUEST_PAUSED = "GuestPaused"
    GUEST_AGENT_MISSING = "GuestAgentMissing"
    APPLICATION_INITIALIZING = "ApplicationInitializing"


ENVIRONMENT = frozenset(
    {
        Failure.NODE_LOST,
        Failure.UNSCHEDULABLE,
        Failure.QUOTA_EXCEEDED,
        Failure.VOLUME_ATTACH,
        Failure.POD_DELETED,
        Failure.TERMINATION_STUCK,
        Failure.REGISTRY_UNREACHABLE,
    }
)
"""Failures that speak against the surroundings, not against the image (F3)."""


class Hold(StrEnum):
    """Why a version is held (F3)."""

    UPGRADED_UNHEALTHY = "UpgradedUnhealthy"
    CANCELLED_BY_USER = "CancelledByUser"
    USER_DOWNGRADE = "UserDowngrade"
    REPEATED_FAILURE = "RepeatedFailure"


class State(StrEnum):
    """Reasons of a scale set's conditions Ready, Reconciling, Stalled and UpToDate."""

    HEALTHY = "AllInstancesHealthy"
    UNHEALTHY = "InstancesUnhealthy"
    CREATING = "CreatingInstances"
    SCALING = "ScalingIn"
    UPGRADING = "UpgradeInProgress"
    SETTLED = "Settled"
    TERMINATING = "Terminating"
    NO_INSTANCES = "NoInstances"
    NOT_STALLED = "NotStalled"
    NO_IMAGE_VERSION = "NoImageVersion"
    INVALID_MODEL = "InvalidModel"
    NAME_TAKEN = "NameTaken"
    INTERNAL_ERROR = "InternalError"
    UP_TO_DATE = "UpToDate"
    NEWER_VERSION = "NewerVersionAvailable"
    HELD = "VersionHeld"
    MODEL_HELD = "ModelHeld"
    LEFT_BEHIND = "InstancesLeftBehind"
    WOULD_DOWNGRADE = "WouldDowngrade"
    IMAGE_CHANGED = "ImageChanged"
    OTHER_VERSIONS = "InstancesOnOtherVersions"


class Course(StrEnum):
    """Reasons of a run's conditions, besides Code once it has ended and Wait while something holds it up."""

    UPGRADING = "UpgradeInProgress"
    PAUSED = "PausedByUser"
    NOT_PAUSED = "NotPaused"
    FINISHED = "Finished"
    NOT_STALLED = "NotStalled"


class Publishing(StrEnum):
    """Reasons of an image version's conditions Ready and Resolved, besides the words of registry errors."""

    PUBLISHED = "Published"
    END_OF_LIFE = "EndOfLife"
    INVALID_VERSION = "InvalidVersion"
    DUPLICATE = "Duplicate"
    IN_USE = "InUse"
    RESOLVING = "Resolving"
    RESOLVED = "Resolved"


class Scan(StrEnum):
    """Reasons of an image source's conditions, besides the words of registry errors."""

    SCANNED = "Scanned"
    NO_MATCHING_TAGS = "NoMatchingTags"
    VERSION_REFUSED = "VersionRefused"
    SUSPENDED = "Suspended"
    REGISTRIES_NOT_ASKED = "RegistriesNotAsked"
    TAG_MOVED = "TagMoved"
    TAGS_IGNORED = "TagsIgnored"
    NONE = "None"
    NOT_STALLED = "NotStalled"


class Event(StrEnum):
    """Reasons of Kubernetes Events."""

    UPGRADE_STARTED = "UpgradeStarted"
    BATCH_STARTED = "BatchStarted"
    PUTTING_BACK = "PuttingBack"
    INSTANCE_FAILED = "InstanceFailed"
    UPGRADE_PAUSED = "UpgradePaused"
    UPGRADE_RESUMED = "UpgradeResumed"
    UPGRADE_GOES_ON = "UpgradeGoesOn"
    UPGRADE_COMPLETED = "UpgradeCompleted"
    UPGRADE_CANCELLED = "UpgradeCancelled"
    UPGRADE_FAULTED = "UpgradeFaulted"
    VERSION_PUBLISHED = "VersionPublished"
    VERSION_REMOVED = "VersionRemoved"
    TAG_MOVED = "TagMoved"
    END_OF_LIFE = "EndOfLife"
    SCAN_FAILED = "ScanFailed"


ENUMS: tuple[type[StrEnum], ...] = (Code, Wait, Failure, Hold, State, Course, Publishing, Scan, Event)
"""All of them. Registry errors, whose words conditions show too, bring their own."""
