"""How many questions may be open at once: each has a socket, and a process may have so many files open."""

import resource

MOST = 4096


def questions_at_once() -> int:
    """Half of the files that this process may open, for the API server needs some too; `MOST` at most.

    Raises the soft limit, which many systems set to 1024, as far as that needs and the hard one allows: else some
    hundred hung applications would keep all others waiting.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft != unlimited and soft < 2 * MOST:
        soft = 2 * MOST if hard == unlimited else min(2 * MOST, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MOST if soft == unlimited else min(MOST, soft // 2)
