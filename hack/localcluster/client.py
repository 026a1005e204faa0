"""The few API calls that starting a cluster takes, with the standard library only."""

import base64
import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

CALL_SECONDS = 30.0
"""Long enough for a machine that builds something at the same time."""


class Client:
    """Speaks to one API server with one token; every call has a deadline of 30 s."""

    def __init__(self, server: str, authority: str, token: str) -> None:
        self._server = server
        self._token = token
        self._tls = ssl.create_default_context(cadata=authority)

    @classmethod
    def from_kubeconfig(cls, path: Path) -> "Client":
        """From a file that this package wrote (it is JSON)."""
        config = json.loads(path.read_text(encoding="utf-8"))
        cluster = config["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        return cls(cluster["server"], authority, config["users"][0]["user"]["token"])

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:  # noqa: ANN401 - JSON is Any
        """The answer's JSON.

        Raises:
            urllib.error.HTTPError: the server refused; `code` says how.
            OSError: there is no server, or no answer in time.
        """
        return json.loads(self.text(method, path, body))

    def text(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """As `call`, for answers that are no JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"}
        request = urllib.request.Request(self._server + path, data, headers, method=method)  # noqa: S310 - always our own https server
        with urllib.request.urlopen(request, timeout=CALL_SECONDS, context=self._tls) as answer:  # noqa: S310 - as above
            return str(answer.read().decode())

    def create(self, path: str, body: dict[str, Any]) -> None:
        """Create an object; one that is there already is left as it is (a lost answer, or a second start)."""
        try:
            self.call("POST", path, body)
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise
