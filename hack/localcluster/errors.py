"""The one error that callers of the local cluster need to know."""


class ClusterError(RuntimeError):
    """The cluster can't be built, started or stopped; the message says what to do or shows the log of what failed."""
