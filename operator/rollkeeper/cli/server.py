"""The process' own HTTP server: metrics, and the probes of the kubelet.

It serves nothing that is secret and takes no input; who may reach it is the network's business (NetworkPolicy).
"""

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from rollkeeper.telemetry.liveness import Liveness

logger = logging.getLogger(__name__)


@asynccontextmanager
async def serving(
    listen: str, registry: CollectorRegistry, liveness: Liveness, ready: Callable[[], bool]
) -> AsyncIterator[None]:
    """Serves `/metrics`, `/healthz` and `/readyz` on `HOST:PORT` for the time of the block; nothing where it is empty.

    Raises OSError when the port is taken.
    """
    if not listen:
        yield
        return
    runner = web.AppRunner(application(registry, liveness, ready), access_log=None)
    await runner.setup()
    try:
        host, _, port = listen.rpartition(":")
        await web.TCPSite(runner, host.strip("[]") or None, int(port)).start()
        logger.info("serving metrics and probes on %s", listen)
        yield
    finally:
        await runner.cleanup()


def application(registry: CollectorRegistry, liveness: Liveness, ready: Callable[[], bool]) -> web.Application:
    """The three pages."""
    faulty = False

    async def metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    async def healthz(_request: web.Request) -> web.Response:
        """500 when a restart would help; the body and the log say why."""
        nonlocal faulty
        faults = liveness.faults()
        if faults and not faulty:
            logger.error("not alive: %s", "; ".join(faults))
        faulty = bool(faults)
        return web.Response(text="\n".join([*faults, "ok" if not faults else ""]), status=500 if faults else 200)

    async def readyz(_request: web.Request) -> web.Response:
        """503 until every cache is filled. Who leads plays no part: a standby is as ready as its leader."""
        return web.Response(text="ok") if ready() else web.Response(text="the caches are being filled", status=503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app
