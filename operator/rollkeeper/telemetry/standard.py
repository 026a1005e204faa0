"""The registry that all metrics are in, with those that Prometheus' clients have in common."""

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector


def standard_registry() -> CollectorRegistry:
    """Memory, processor time, open files, garbage collection, Python version. One a process: nothing is global."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry
