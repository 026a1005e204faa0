"""`python -m bench.profiled FILE run …`: rollkeeper under cProfile, from the end of its imports to its clean stop.

Every call is counted, which makes the controller about twice as slow: shares are to be read from it, not seconds.
kopf's thread (our own kinds' watches) is not in it.
"""

import cProfile
import importlib
import sys

from rollkeeper.cli import main


def profiled() -> None:
    """Runs the command line that follows the name of the file."""
    file = sys.argv.pop(1)
    importlib.import_module("rollkeeper.cli.operator")  # the command imports it late
    profile = cProfile.Profile()
    try:
        profile.runcall(main)
    finally:
        profile.dump_stats(file)


if __name__ == "__main__":
    profiled()
