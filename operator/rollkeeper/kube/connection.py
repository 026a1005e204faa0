"""The way to an API server: where it is, who we are, and a pool of connections that notice when it is gone.

The only module that imports `kubernetes`. Of it are used: the loaders of kubeconfig and in-cluster configuration, its
TLS and credentials, and `ApiClient.call_api`. Deadlines, retries and typed errors, which it lacks, are in `exchange`.
"""

import os
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from rollkeeper.kube.errors import NotConfigured, Unauthorized

_CONNECTIONS = 100

_IDLE_SECONDS = 60.0
"""How long a connection that nothing uses is kept: from one batch to the next, or each would begin with a TLS handshake
a call. Well below the API server's own 90 seconds, or calls would meet connections that are being closed."""

_KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
"""Seconds of silence before probing, seconds between probes, unanswered probes that mean a dead connection. Linux'
names; elsewhere (a developer's machine) the system's defaults are good enough."""


@dataclass(frozen=True)
class Credentials:
    """What another client needs in order to speak to the same API server as the same user."""

    server: str
    ca_path: str | None
    insecure: bool
    scheme: str | None
    token: str | None
    certificate_path: str | None
    private_key_path: str | None


class Connection:
    """A `Sender` of the official client's make. Made by `open`, inside the event loop."""

    def __init__(self, api_client: ApiClient, load: Callable[[], Awaitable[None]]) -> None:
        self._api_client = api_client
        self._load = load
        self._pool = _pool(api_client.rest_client.ssl_context)
        # NB: the client's default, `trust_env`, asks two threads before each call: one reads ~/.netrc, one the proxies
        # of the environment. That is a quarter of a call's work, and an entry for our server in ~/.netrc would make
        # every call fail. The proxy is found once, in `open`.
        api_client.configuration.client_session_kwargs = {"connector": self._pool, "trust_env": False}

    @classmethod
    async def open(cls, kubeconfig: str | os.PathLike[str] | None, context: str | None) -> Self:
        """Loads a kubeconfig, or without arguments the in-cluster configuration or the default kubeconfig.

        Sends nothing. Raises NotConfigured. Reads a few small files, for which the event loop stands still.
        """
        configuration = Configuration()
        # Python 3.13 and newer checks certificates by RFC 5280 to the letter; many clusters' own CAs don't meet it, and
        # no other client asks for it. The chain and the host name are verified all the same.
        configuration.disable_strict_ssl_verification = True
        in_cluster = kubeconfig is None and context is None and "KUBERNETES_SERVICE_HOST" in os.environ

        async def load() -> None:
            if in_cluster:  # from then on a hook of the client reads the token, which Kubernetes rotates, every minute
                config.load_incluster_config(client_configuration=configuration)  # type: ignore[no-untyped-call]
                return
            await config.load_kube_config(  # type: ignore[no-untyped-call]
                config_file=os.fspath(kubeconfig) if kubeconfig is not None else None,
                context=context,
                client_configuration=configuration,  # else the process-wide default would be set
                persist_config=False,  # else it may write the user's kubeconfig
            )

        try:
            await load()
            configuration.proxy = configuration.proxy or _environments_proxy(configuration.host)
            return cls(ApiClient(configuration), load)
        except Exception as error:
            raise NotConfigured(f"no usable configuration of an API server: {error}") from error

    @property
    def host(self) -> str:
        """The URL of the server, without a slash at the end."""
        return str(self._api_client.configuration.host).rstrip("/")

    async def credentials(self) -> Credentials:
        """Server and credentials as they are now (tokens are rotated). Raises Unauthorized."""
        configuration = self._api_client.configuration
        scheme, _, token = (await self.authorization() or "").rpartition(" ")
        return Credentials(
            server=self.host,
            ca_path=configuration.ssl_ca_cert,
            insecure=not configuration.verify_ssl,
            scheme=scheme or None,
            token=token or None,
            certificate_path=configuration.cert_file,
            private_key_path=configuration.key_file,
        )

    async def close(self) -> None:
        """Closes all connections."""
        await self._api_client.close()  # type: ignore[no-untyped-call]
        await self._pool.close()

    async def authorization(self) -> str | None:
        """The value of the Authorization header, None where certificates speak for us. Raises Unauthorized."""
        try:
            token = await self._api_client.configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
        except config.ConfigException as error:
            raise Unauthorized(0, "NoCredentials", str(error)) from error
        return str(token) if token else None

    async def renew(self) -> None:
        """Loads the credentials again (runs the kubeconfig's credential plugin). Raises Unauthorized.

        Certificates stay as they were loaded first.
        """
        try:
            await self._load()
        except Exception as error:
            raise Unauthorized(0, "NoCredentials", str(error)) from error

    async def send(
        self, method: str, url: str, headers: dict[str, str], body: object, limits: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """Sends a request, returns when the headers of the answer are here. Raises aiohttp's errors and OSError."""
        answer = await self._api_client.call_api(method, url, headers, body, _request_timeout=limits)
        response: aiohttp.ClientResponse = answer.response
        return response


def _environments_proxy(server: str) -> str | None:
    """The proxy that HTTPS_PROXY names for a server, unless NO_PROXY leaves it out."""
    address = urlsplit(server)
    return None if proxy_bypass(address.netloc) else getproxies().get(address.scheme)


def _pool(ssl_context: ssl.SSLContext) -> aiohttp.TCPConnector:
    """Connections with keep-alive probes.

    An API server that vanishes without a word (its machine lost, a load balancer that forgot us) leaves a watch
    silent, which is how a quiet cluster looks too. Probes find out within a minute; the kernel's defaults take two
    hours.
    """
    return aiohttp.TCPConnector(
        ssl=ssl_context, limit=_CONNECTIONS, keepalive_timeout=_IDLE_SECONDS, socket_factory=_probed_socket
    )


def _probed_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol, *_ = address
    made = socket.socket(family=family, type=kind, proto=protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEP_ALIVE.items():
        if hasattr(socket, name):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return made
