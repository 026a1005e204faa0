"""`python -m bench.profiled FILE run …`: rollkeeper under cProfile, from the end of its imports to its clean stop.

Every call is counted, which makes the controller about twice as slow: shares are to be read from it, not seconds.
kopf's thread (our own kinds' watches) is not in it.
"""

import cProfile
import importlib
import pstats
import sys
from pathlib import Path

from rollkeeper.cli import main

SHOWN_FUNCTIONS = 35


def profiled() -> None:
    """Runs the command line that follows the name of the file."""
    file = sys.argv.pop(1)
    importlib.import_module("rollkeeper.cli.operator")  # the command imports it late
    profile = cProfile.Profile()
    try:
        profile.runcall(main)
    finally:
        profile.dump_stats(file)


def show_profile(file: Path) -> None:
    """The most expensive functions: by themselves, and with all that they call."""
    stats = pstats.Stats(str(file)).strip_dirs()
    for order in ("tottime", "cumtime"):
        stats.sort_stats(order).print_stats(SHOWN_FUNCTIONS)


if __name__ == "__main__":
    profiled()
