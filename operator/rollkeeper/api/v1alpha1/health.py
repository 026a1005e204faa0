"""Who says that an instance is healthy: its pod's probes, or its application (H1, H4)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from rollkeeper.api.v1alpha1 import health_rules
from rollkeeper.api.v1alpha1.meta import Model


class ApplicationHealth(Model):
    """How the application of an instance is asked whether it is healthy (H4)."""

    model_config = ConfigDict(json_schema_extra=health_rules.APPLICATION_HEALTH)

    protocol: Literal["HTTP", "HTTPS", "TCP"]
    """`HTTP` or `HTTPS` (the certificate is not verified): a GET of requestPath. `TCP`: a connection is enough."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """The port at the pod's address."""
    request_path: Annotated[str, Field(max_length=1024, json_schema_extra=health_rules.REQUEST_PATH)] | None = None
    """What to get, such as `/health`. For HTTP and HTTPS only, which need it."""
    mode: Literal["Binary", "Rich"] = "Binary"
    """`Binary`: 200 is healthy, all else is not. `Rich`: a 2xx answer whose JSON body has `ApplicationHealthState`,
    `Healthy` or `Unhealthy`; anything else is Unknown, which counts as unhealthy."""
    interval_seconds: Annotated[int, Field(ge=5, le=60)] = 5
    """How often each instance is asked."""
    number_of_probes: Annotated[int, Field(ge=1, le=24)] = 1
    """So many equal answers in a row change the state."""
    grace_period_seconds: Annotated[int, Field(ge=0, le=14400)] | None = None
    """How long a started instance may be Initializing, which stops healthTimeoutSeconds. Left out: intervalSeconds
    times numberOfProbes."""

    @property
    def grace(self) -> int:
        """How long an instance may be Initializing, in seconds."""
        given = self.grace_period_seconds
        return self.interval_seconds * self.number_of_probes if given is None else given


class Health(Model):
    """Who says that an instance is healthy. Left out: it is healthy when it runs."""

    model_config = ConfigDict(json_schema_extra=health_rules.HEALTH)

    source: Literal["Probe", "ApplicationHealth"]
    """`Probe`: the pod's condition Ready. `ApplicationHealth`: that, and what the application itself says."""
    application_health: ApplicationHealth | None = None
    """How the application is asked. For source ApplicationHealth, which needs it."""

    @property
    def application(self) -> ApplicationHealth | None:
        """How the application is asked; None: it is not."""
        return self.application_health if self.source == "ApplicationHealth" else None
