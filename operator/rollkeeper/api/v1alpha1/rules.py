"""CEL rules (`x-kubernetes-validations`): what the API server itself refuses, and what it says then.

A message says what to do, not only what is wrong: it is all that a user sees of a refused manifest.

Every rule stands as deep in the schema as it can. The API server lets an unchanged part of an old object pass although
a newer rule forbids it, but not where fields that no schema knows lie below the rule, as they do in pod templates.
There a rule that is tightened later refuses every write to the objects that break it, label changes and status
included. So `SCALE_SET_SPEC` must only ever become more lenient; the others may be tightened.
"""

from pydantic.config import JsonDict

_PART = "(0|[1-9][0-9]{0,9})"
_NUMBER = f"{_PART}[.]{_PART}[.]{_PART}"
DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_ORDINAL = "(0|[1-9][0-9]{0,4})"
_RANGE = f"{_ORDINAL}(-{_ORDINAL})?"


def rule(cel: str, message: str, *, at: str = "", shows: str = "") -> JsonDict:
    """One rule.

    Args:
        cel: The condition that must hold.
        message: What to do when it does not.
        at: Path of the field to name in the refusal, below the node that carries the rule.
        shows: A CEL string to put before the message, such as the refused value (older servers do not print it).
    """
    made: JsonDict = {"rule": cel, "message": message}
    if at:
        made["fieldPath"] = at
    if shows:
        made["messageExpression"] = f"{shows} + {_quoted(' ' + message)}"
    return made


def validations(*rules: JsonDict) -> JsonDict:
    """The rules as `json_schema_extra`."""
    return {"x-kubernetes-validations": list(rules)}


def joined(made: JsonDict, *rules: JsonDict) -> JsonDict:
    """What `validations` has made, with more rules."""
    return {**made, **validations(*made["x-kubernetes-validations"], *rules)}  # type: ignore[misc]


def limited(at_most: int) -> JsonDict:
    """A limit on a list in the schema alone.

    A limit in the model would make an older controller fail to read what a newer schema allows.
    """
    return {"maxItems": at_most}


def list_map(key: str, at_most: int) -> JsonDict:
    """A list whose items are told apart by a field, so that several writers can own one item each."""
    return {**limited(at_most), "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": [key]}


def immutable(message: str) -> JsonDict:
    """For a field that is required or has a default: it keeps its value."""
    return rule("self == oldSelf", message)


def immutable_child(field: str, message: str) -> JsonDict:
    """For an optional field, on its parent: it keeps its value, or its absence.

    On the field itself the rule could be passed by: remove the field, then add it with another value.
    """
    cel = f"has(self.{field}) == has(oldSelf.{field}) && (!has(self.{field}) || self.{field} == oldSelf.{field})"
    return rule(cel, message, at=f".{field}")


def _quoted(text: str) -> str:
    """`text` as a CEL string."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _version_in_range(self: str = "self") -> str:
    return f"{self}.split('.').all(p, int(p) <= 2147483647)"


_VERSION_FORM = (
    "is not a version. Write three numbers without leading zeros, Major.Minor.Patch, in quotes, like '1.10.0'"
)
_VERSION_RANGE = "is too large. Each of the three numbers may be at most 2147483647"

VERSION = validations(
    rule(f"self.matches('^{_NUMBER}$')", _VERSION_FORM, shows="self"),
    rule(f"!self.matches('^{_NUMBER}$') || {_version_in_range()}", _VERSION_RANGE, shows="self"),
    immutable("a published version can't be renumbered: create another ImageVersion"),
)
"""The number of a published version (V2, V7)."""

VERSION_OR_LATEST = validations(
    rule(f"self == 'latest' || self.matches('^{_NUMBER}$')", f"{_VERSION_FORM}, or 'latest'", shows="self"),
    rule(f"!self.matches('^{_NUMBER}$') || {_version_in_range()}", _VERSION_RANGE, shows="self"),
)
"""A version that is followed, pinned or asked for (V1, V2)."""

IMAGE_NAME = validations(
    rule(
        "self.matches('^[^/\\\\s]+$')",
        "must not contain slashes or blanks: an image is named by its parts joined with slashes",
    )
)
"""Publisher, offer, SKU, gallery or definition."""

CONTAINER_IMAGE = validations(
    rule(
        "self.matches('^\\\\S+$')",
        "must be the reference of a container image by tag or digest, like registry.example.com/os/base:1.10.0, "
        "without blanks",
    ),
    immutable("a published version can't get another image: publish a higher version in a new ImageVersion"),
)
"""The image of a published version (V7)."""

_PLATFORM = "has(self.publisher) || has(self.offer) || has(self.sku)"
_CUSTOM = "has(self.gallery) || has(self.definition)"

_IMAGE_FORM = (
    rule(
        f"({_PLATFORM}) || ({_CUSTOM})",
        "name an image: either publisher, offer and sku (platform image), or gallery and definition (custom image)",
    ),
    rule(
        f"!({_PLATFORM}) || !({_CUSTOM})",
        "use one form only: remove gallery and definition (then it is a platform image), "
        "or publisher, offer and sku (then it is a custom image)",
    ),
    rule(
        f"!({_PLATFORM}) || (has(self.publisher) && has(self.offer) && has(self.sku))",
        "a platform image needs all three of publisher, offer and sku: add what is missing",
    ),
    rule(
        f"!({_CUSTOM}) || (has(self.gallery) && has(self.definition))",
        "a custom image needs both gallery and definition: add what is missing",
    ),
)


def image_form() -> tuple[JsonDict, ...]:
    """Whatever names an image does it in one of the two forms (V1)."""
    return _IMAGE_FORM


_OTHER_IMAGE = (
    "can't be changed: an upgrade never leaves the {0}; create a new ScaleSet for an image of another {0} (sku, "
    "definition and version can be changed)"
)

IMAGE_REFERENCE = validations(
    *_IMAGE_FORM,
    *(immutable_child(name, f"{name} {_OTHER_IMAGE.format(name)}") for name in ("publisher", "offer", "gallery")),
)
"""The image of a set: one form (V1), and never that of another publisher, offer or gallery (V6)."""

IMAGE_VERSION_SPEC = validations(
    *_IMAGE_FORM,
    *(
        immutable_child(name, f"{name} of a published version can't be changed: create another ImageVersion")
        for name in ("publisher", "offer", "sku", "gallery", "definition", "publishedTime")
    ),
)
"""A published version is immutable but for exclusion, regions, support of automatic upgrades and end of life (V7)."""

IMAGE_OS_TYPE = validations(
    immutable("osType of a published version can't be changed: create another ImageVersion"),
)
SCALE_SET_OS_TYPE = validations(
    immutable("osType can't be changed: create a new ScaleSet"),
)

SERVICE_NAME = validations(
    rule(
        f"self.matches('^{DNS_LABEL}$')",
        "must be the name of a Service: lower-case letters, digits and '-', a letter or digit first and last",
    )
)

CLAIM_TEMPLATES = validations(
    rule(
        "self == oldSelf",
        "volumeClaimTemplates can't be changed: create a new ScaleSet, or resize the claims themselves",
    ),
    rule(
        "self.all(a, self.exists_one(b, b.metadata.name == a.metadata.name))",
        "give every claim template a name of its own",
    ),
)
CLAIM_NAME = validations(
    rule(
        f"self.matches('^{DNS_LABEL}$')",
        "must be the name of a volume: lower-case letters, digits and '-', a letter or digit first and last",
    )
)

SCALE_SET = validations(
    rule(
        "self.metadata.name.size() <= 52",
        "choose a name of at most 52 characters: it becomes part of host names and labels",
        at=".metadata.name",
    ),
    rule(
        "!self.metadata.name.contains('.')",
        "choose a name without dots, with '-' instead: it becomes part of host names",
        at=".metadata.name",
    ),
)
"""The name of a set: with '-' and an ordinal after it, it is the host name of an instance."""

_AUTOMATIC = "self.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade"
_OS_CONTAINER = "(has(self.osContainerName) ? self.osContainerName : self.template.spec.containers[0].name)"

SCALE_SET_SPEC = validations(
    immutable_child("osContainerName", "osContainerName can't be changed, added or removed: create a new ScaleSet"),
    immutable_child("region", "region can't be changed, added or removed: create a new ScaleSet"),
    immutable_child("serviceName", "serviceName can't be changed, added or removed: create a new ScaleSet"),
    rule(
        "!has(self.osContainerName) || !has(self.template)"
        " || self.template.spec.containers.exists(c, c.name == self.osContainerName)",
        "must be the name of one of template.spec.containers (left out, the first is the OS container)",
        at=".osContainerName",
    ),
    rule(
        "has(self.osContainerName) || !has(self.template) || !has(oldSelf.template)"
        " || self.template.spec.containers.size() == 0"
        " || self.template.spec.containers[0].name == oldSelf.template.spec.containers[0].name",
        "without osContainerName the first container is the OS container, and that can't be exchanged: "
        "leave it first under its name (add others after it), or create a new ScaleSet",
        at=".template",
    ),
    rule(
        f"!{_AUTOMATIC} || self.imageReference.version == 'latest'",
        "automatic upgrades follow the newest version: set version to latest, "
        "or set enableAutomaticOSUpgrade to false to stay on this version",
        at=".imageReference.version",
    ),
    rule(
        f"!{_AUTOMATIC} || has(self.health) || has(self.serviceFabric)",
        "automatic upgrades are judged by health: add health.source Probe, "
        "with a readinessProbe on the OS container of the template, or ApplicationHealth",
        at=".health",
    ),
    rule(
        f"!{_AUTOMATIC} || self.osType != 'Windows'"
        " || (has(self.windowsConfiguration) && !self.windowsConfiguration.enableAutomaticUpdates)",
        "with automatic upgrades Windows must not update itself too: set windowsConfiguration.enableAutomaticUpdates "
        "to false, or set enableAutomaticOSUpgrade to false",
        at=".windowsConfiguration",
    ),
    rule(
        "!has(self.health) || self.health.source != 'Probe' || !has(self.template)"
        f" || self.template.spec.containers.all(c, c.name != {_OS_CONTAINER} || (has(c.readinessProbe)"
        " && (!has(c.readinessProbe.periodSeconds) || c.readinessProbe.periodSeconds < 120)))",
        "health.source Probe needs a readinessProbe with a periodSeconds below 120 on the OS container "
        "(osContainerName, or the first container of the template): add one, or leave health out",
        at=".health.source",
    ),
    rule(
        "!has(self.template)"
        " || !(has(self.customData) || (has(self.extensions) && self.extensions.exists(e, e.type == 'Script')))"
        f" || self.template.spec.containers.all(c, c.name != {_OS_CONTAINER} || !has(c.lifecycle)"
        " || !has(c.lifecycle.postStart))",
        "customData and Script extensions run in the postStart hook of the OS container, so it can't have one of its "
        "own: move that into customData or an extension of type Script",
        at=".template",
    ),
)
"""Rules across fields (T2, H1). They stand above the templates: see the module's warning before changing them."""

UPGRADE_RUN_SPEC = validations(
    *(
        immutable_child(name, f"{name} of a run can't be changed: cancel the run and create another UpgradeRun")
        for name in ("imageVersion", "automaticRollback", "instances")
    ),
    rule(
        "self.type != 'Model' || !has(self.imageVersion)",
        "a run of type Model leaves every instance on its version: leave out imageVersion, or use type OSImage",
        at=".imageVersion",
    ),
)
RUN_FIELD = validations(immutable("can't be changed: cancel the run and create another UpgradeRun"))
"""For fields of a run that are required or have a default."""

RUN_INSTANCES = validations(
    rule(
        f"self.matches('^{_RANGE}(,{_RANGE})*$')",
        "must be ordinals and ranges of ordinals joined by commas, without blanks, like '0-3,7'",
    )
)
DESIRED_STATE = validations(
    rule(
        "oldSelf != 'Cancelled' || self == 'Cancelled'",
        "a cancelled run can't be resumed: create a new UpgradeRun",
    )
)
"""Cancelled is for good."""
