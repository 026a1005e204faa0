"""What is put on every new OS disk, or runs beside it: custom data and extensions (E1, E2)."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, WithJsonSchema

from rollkeeper.api.v1alpha1 import extension_rules, rules
from rollkeeper.api.v1alpha1.meta import Model
from rollkeeper.api.v1alpha1.pod_template import EXTENSION_CONTAINER

MAX_NAME = 53
"""With `extension-` before it, it is the name of a container."""

ObjectName = Annotated[str, Field(min_length=1, max_length=253)]
ExtensionName = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]
Words = tuple[Annotated[str, Field(max_length=1024)], ...]
Container = Annotated[dict[str, Any], WithJsonSchema(EXTENSION_CONTAINER)]


class KeyReference(Model):
    """A key of a ConfigMap or Secret in the set's namespace."""

    name: ObjectName
    """Name of the object."""
    key: ObjectName
    """Key of its data."""


class Script(Model):
    """A script that runs inside the OS container's root file system."""

    model_config = ConfigDict(json_schema_extra=extension_rules.SCRIPT)

    inline: Annotated[str, Field(max_length=65536)] | None = None
    """The script itself."""
    config_map_key_ref: KeyReference | None = None
    """The script is in a ConfigMap. A change of its content is a change of the model (M1)."""
    secret_key_ref: KeyReference | None = None
    """The script is in a Secret, which is mounted into the instances. A change of its content is a change of the
    model (M1), but only its hash is kept: an instance that is put back runs the content that the Secret has then."""
    interpreter: Annotated[Words, Field(json_schema_extra={"minItems": 1, **rules.limited(16)})] | None = None
    """The program that gets the script as a file, and its arguments before that. Left out: /bin/sh, on Windows
    PowerShell."""


class Extension(Model):
    """A piece of software that every instance gets, or that runs beside it (E1)."""

    model_config = ConfigDict(json_schema_extra=extension_rules.EXTENSION)

    name: Annotated[ExtensionName, Field(json_schema_extra=extension_rules.EXTENSION_NAME)]
    """Name of the extension, shown where it fails."""
    type: Literal["Script", "Task", "Service"]
    """`Script`: runs inside the OS container's root file system, after it has started. `Task`: a container that runs to
    completion before the OS container starts. `Service`: a container that keeps running beside it."""
    script: Script | None = None
    """What a Script runs."""
    container: Container | None = None
    """The container of a Task or Service, as in a Pod, without a name. It may mount the template's volumes. A Service
    counts as provisioned when its startupProbe has passed, without one when it runs."""
    provision_after_extensions: Annotated[tuple[ExtensionName, ...], Field(json_schema_extra=rules.limited(32))] = ()
    """Extensions that must be provisioned before this one."""
    suppress_failures: bool = False
    """True: when it fails, it counts as provisioned. A Task or Service needs a container.command for that, and /bin/sh
    (a Service sleep too) in its image; probes of such a Service are left out."""
