"""Which Rollkeeper this is."""

from importlib import metadata


def version() -> str:
    """The installed version; `unreleased` in a source tree that was never installed."""
    try:
        return metadata.version("rollkeeper")
    except metadata.PackageNotFoundError:
        return "unreleased"
