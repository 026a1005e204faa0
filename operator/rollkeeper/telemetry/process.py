"""Metrics of the process: what it asks of the API server, and how its work queue keeps up."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from rollkeeper.version import version

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class ProcessMetrics:
    """Told by the client, the queue and the workers, each through a small callback."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "rollkeeper_api_requests",
            "Requests to the API server by verb, resource and HTTP code; code 0: no answer",
            ("verb", "resource", "code"),
            registry=registry,
        )
        self._call_seconds = Histogram(
            "rollkeeper_api_request_duration_seconds",
            "Until the answer began, by verb",
            ("verb",),
            buckets=SECONDS,
            registry=registry,
        )
        self._reconciles = Histogram(
            "rollkeeper_reconcile_duration_seconds",
            "Reconciles by kind, failed ones too",
            ("kind",),
            buckets=SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "rollkeeper_reconcile_errors",
            "Failed reconciles by kind and error; each is tried again",
            ("kind", "error"),
            registry=registry,
        )
        self._waits = Histogram(
            "rollkeeper_queue_latency_seconds",
            "How long objects that were due waited for a worker",
            buckets=SECONDS,
            registry=registry,
        )
        Gauge("rollkeeper_build_info", "Always 1", ("version",), registry=registry).labels(version()).set(1)

    def call(self, verb: str, plural: str, code: int, seconds: float) -> None:
        """A request was answered, or not (`kube.exchange.CallObserver`)."""
        self._calls.labels(verb, plural, code).inc()
        self._call_seconds.labels(verb).observe(seconds)

    def reconcile(self, kind: str, seconds: float, error: Exception | None) -> None:
        """A reconcile ended (`controllers.manager.ReconcileObserver`)."""
        self._reconciles.labels(kind).observe(seconds)
        if error is not None:
            self._errors.labels(kind, type(error).__name__).inc()

    def waited(self, seconds: float) -> None:
        """A worker took a key that was due for so long."""
        self._waits.observe(seconds)
