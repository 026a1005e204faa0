"""`rollkeeper` on a machine whose wall clock is wrong (I10).

    python -m tests.cluster.wrong_clock SECONDS run …

The package knows nothing of this: what Python takes for the time is changed before it is imported.
"""

import sys
import time

_MODULE = ("-m", "tests.cluster.wrong_clock")
BEHIND = (*_MODULE, "-7200")
"""The arguments of Python that run it two hours behind."""
AHEAD = (*_MODULE, "7200")

if __name__ == "__main__":
    right, wrong = time.time, float(sys.argv.pop(1))
    time.time = lambda: right() + wrong
    from rollkeeper.cli import main

    main()
