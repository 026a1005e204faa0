"""An API server that knows some objects, and commands that are run against it as from a command line."""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from rollkeeper.cli.app import build
from rollkeeper.cli.plugin.app import finish
from tests.unit.cli.objects import Json
from tests.unit.http_server import Asked, HttpServer

PLURALS = {"ScaleSet": "scalesets", "UpgradeRun": "upgraderuns", "ImageVersion": "imageversions", "Pod": "pods"}


@dataclass(frozen=True)
class Answer:
    """What a command said."""

    code: int
    out: str
    err: str


class Stub(HttpServer):
    """Serves objects by kind, namespace and name; field selectors for sets of runs count, others don't."""

    def __init__(self) -> None:
        self.objects: list[Json] = []
        self.refusal: tuple[int, Json] | None = None
        """Code and Status of every answer instead."""
        self.asked: list[tuple[str, str, str | None]] = []
        """Method, path and impersonated user of each request."""
        super().__init__()

    def reply(self, asked: Asked) -> tuple[int, Json | bytes]:
        self.asked.append((asked.method, asked.path, asked.headers.get("Impersonate-User")))
        body = json.loads(asked.body) if asked.body else None
        return self.refusal or self.answer(asked.method, asked.path, body)

    def answer(self, method: str, url: str, body: Json | None) -> tuple[int, Json]:
        address = urlsplit(url)
        parts = address.path.strip("/").split("/")
        namespace = parts[parts.index("namespaces") + 1] if "namespaces" in parts else None
        rest = parts[parts.index("namespaces") + 2 :] if namespace else parts[parts.index("v1alpha1") + 1 :]
        found = [one for one in self.objects if _is(one, rest[0], namespace)]
        if method == "POST":
            return 201, {**(body or {}), "status": {}}
        if len(rest) == 1:
            chosen = parse_qs(address.query).get("fieldSelector", [""])[0].rpartition("=")[2]
            of_set = [o for o in found if not chosen or o["spec"].get("scaleSetName") == chosen]
            return 200, {"metadata": {"resourceVersion": "1"}, "items": of_set}
        named = next((one for one in found if one["metadata"]["name"] == rest[1]), None)
        if named is None:
            return 404, {"kind": "Status", "reason": "NotFound", "message": f'{rest[0]} "{rest[1]}" not found'}
        if method == "PATCH" and body is not None:
            named = {**named, "metadata": {**named["metadata"], **body.get("metadata", {})}, "spec": {
                **named["spec"], **body.get("spec", {})}}  # fmt: skip
        return 200, named


def _is(one: Json, plural: str, namespace: str | None) -> bool:
    return PLURALS[one["kind"]] == plural and namespace in (None, one["metadata"]["namespace"])


class Shell:
    """Runs commands with a kubeconfig whose contexts are `here` (of the stub) and `nowhere` (of nobody)."""

    def __init__(self, folder: Path, url: str, capsys: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.kubeconfig = folder / "config"
        self._capsys = capsys
        self._patch = patch
        here = {"cluster": "stub", "namespace": "default"}
        config = {
            "clusters": [
                {"name": "stub", "cluster": {"server": url}},
                {"name": "nobody", "cluster": {"server": "http://127.0.0.1:1"}},
            ],
            "contexts": [{"name": "here", "context": here}, {"name": "nowhere", "context": {"cluster": "nobody"}}],
            "current-context": "here",
        }
        self.kubeconfig.write_text(json.dumps(config), encoding="utf-8")
        patch.setenv("KUBECONFIG", str(self.kubeconfig))

    def __call__(self, *arguments: str) -> Answer:
        """A command to its end."""
        self._patch.setattr(sys, "argv", ["kubectl-rollkeeper", *arguments])
        code: object = 0
        try:
            finish(build(arguments, plugin=True), "kubectl rollkeeper")
        except SystemExit as end:
            code = end.code
        out, err = self._capsys.readouterr()
        return Answer(int(str(code or 0)), out, err)


def names(asked: Sequence[tuple[str, str, str | None]]) -> list[str]:
    """The paths that were asked for, without their queries."""
    return [path.partition("?")[0] for _, path, _ in asked]
