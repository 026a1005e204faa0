"""TLS connections to an API server, through a proxy where there is one."""

import http.client
import os
import socket
import ssl
import tempfile
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from rollkeeper.kube.errors import NotConfigured
from rollkeeper.kube.user.credentials import Identity
from rollkeeper.kube.user.kubeconfig import Target, inline

CONNECT_SECONDS = 10.0


class _NamedConnection(http.client.HTTPSConnection):
    """HTTPS to a server whose certificate has another name than its address (`tls-server-name`)."""

    def __init__(self, host: str, port: int | None, tls: ssl.SSLContext, name: str) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS, context=tls)
        self._tls = tls
        self._name = name

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self._name)


def open_connection(target: Target, tls: ssl.SSLContext | None) -> http.client.HTTPConnection:
    """A connection that is not made yet. Raises NotConfigured for a proxy that we can't speak to."""
    address = urlsplit(target.server)
    if not address.hostname:
        raise NotConfigured(f"{target.server!r} in the kubeconfig is no URL of an API server")
    proxy = target.cluster.get("proxy-url") or _environments_proxy(target.server)
    host, port = address.hostname, address.port
    if proxy:
        host, port = _proxy_address(str(proxy))
    connection: http.client.HTTPConnection
    if tls is None:
        connection = http.client.HTTPConnection(host, port, timeout=CONNECT_SECONDS)
    elif name := target.cluster.get("tls-server-name"):
        connection = _NamedConnection(host, port, tls, str(name))
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=tls)
    if proxy:
        connection.set_tunnel(address.hostname, address.port or (443 if tls else 80))
    return connection


def tls_context(target: Target, identity: Identity) -> ssl.SSLContext | None:
    """How to trust the server and show who we are; None for plain HTTP. Raises NotConfigured."""
    if urlsplit(target.server).scheme == "http":
        return None
    authority = inline(target.cluster, "certificate-authority")
    try:
        context = ssl.create_default_context(cadata=authority.decode() if authority else None)
    except (ssl.SSLError, UnicodeDecodeError) as error:
        raise NotConfigured(f"the certificate authority in the kubeconfig is unusable: {error}") from error
    # As in `connection`: Python 3.13 and newer checks by RFC 5280 to the letter, which many clusters' own CAs don't
    # meet and no other client asks for. The chain and the host name are verified all the same.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if target.cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if identity.certificate is not None:
        _show(context, identity)
    return context


def _show(context: ssl.SSLContext, identity: Identity) -> None:
    """OpenSSL takes client certificates from files only: one that nobody else can read, gone when it was read."""
    handle, name = tempfile.mkstemp(prefix="rollkeeper-")  # only we may read it
    try:
        with os.fdopen(handle, "wb") as file:
            file.write((identity.certificate or b"") + b"\n" + (identity.key or b""))
        context.load_cert_chain(name)
    except ssl.SSLError as error:
        raise NotConfigured(f"the client certificate in the kubeconfig is unusable: {error}") from error
    finally:
        Path(name).unlink()


def _environments_proxy(server: str) -> str | None:
    address = urlsplit(server)
    return None if proxy_bypass(address.netloc) else getproxies().get(address.scheme)


def _proxy_address(proxy: str) -> tuple[str, int | None]:
    address = urlsplit(proxy)
    if address.scheme != "http" or not address.hostname or address.username:
        raise NotConfigured(
            f"proxy {address.scheme}://{address.hostname}: only http:// without a password is supported"
        )
    return address.hostname, address.port


def without_limit(connection: http.client.HTTPConnection, seconds: float) -> None:
    """How long a connection may be silent from now on."""
    sock: socket.socket | None = connection.sock
    if sock is not None:
        sock.settimeout(seconds)
