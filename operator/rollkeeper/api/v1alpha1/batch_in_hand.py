"""What a run has in hand, as the set knows it: should the run be removed by force, it is settled from there (F7)."""

from typing import Annotated, Literal

from pydantic import Field

from rollkeeper.api.v1alpha1 import rules
from rollkeeper.api.v1alpha1.meta import Model, Ranges


class Origin(Model):
    """What instances ran before a run touched them (H3)."""

    image_version: str
    """The image version that they ran."""
    image: str
    """Its full image reference."""
    model_revision: str
    """The ControllerRevision with the model that they ran."""
    instances: Ranges
    """Their ordinals, `0-3,7`."""


class BatchInHand(Model):
    """The batch of the active run, as the set knows it: should the run be removed by force, it is settled from here."""

    run_name: str
    """The run."""
    type: Literal["OSImage", "Model"]
    """Model: each instance keeps its own version."""
    number: int
    """The number of the batch in the run."""
    instances: Ranges
    """Its ordinals, `0-3,7`."""
    recreated: Ranges = ""
    """Instances whose new pod vanished and was made again, once (H2)."""
    image_version: str = ""
    """The image version that they are brought to."""
    image: str = ""
    """Its full image reference."""
    model_revision: str
    """The ControllerRevision with the model that they are brought to."""
    automatic_rollback: bool = False
    """Whether instances that do not become healthy are put back."""
    origins: Annotated[tuple[Origin, ...], Field(json_schema_extra=rules.limited(64))] = ()
    """What they ran before."""
