"""Who we are, for every kind of user that a kubeconfig may have."""

import base64
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from rollkeeper.kube.errors import NotConfigured, Unauthorized
from rollkeeper.kube.user.credentials import Identity, identify
from rollkeeper.kube.user.kubeconfig import Target

Json = dict[str, Any]
FRESH = {"token": "fresh"}
V1 = "client.authentication.k8s.io/v1"

PLUGIN = """
import json, os, sys
asked = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
open(sys.argv[1], "w").write(json.dumps([asked, os.environ.get("EXTRA"), sys.argv[2:]]))
print(os.environ["ANSWER"])
sys.exit(int(os.environ.get("CODE", "0")))
"""


def who(user: Json, **cluster: object) -> Identity:
    target = Target("x", "default", "https://server:6443", cluster, user)
    return identify(target, None)


def plugin(folder: Path, answer: object, **more: Any) -> Json:
    program = folder / "plugin.py"
    program.write_text(PLUGIN)
    env = [{"name": "ANSWER", "value": json.dumps(answer)}, *more.pop("env", [])]
    return {"exec": {
        "apiVersion": V1, "command": sys.executable, "args": [str(program), str(folder / "asked")],
        "env": env, "interactiveMode": "Never", **more,
    }}  # fmt: skip


def credential(**status: str) -> Json:
    return {"apiVersion": V1, "kind": "ExecCredential", "status": status}


def test_a_token() -> None:
    assert who({"token": "secret"}).headers == (("Authorization", "Bearer secret"),)


def test_a_token_in_a_file_is_read_anew(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    user = {"tokenFile": str(file), "token": "old"}
    assert who(user).headers == (("Authorization", "Bearer first"),)
    file.write_text("second\n")
    assert who(user).headers == (("Authorization", "Bearer second"),)


def test_a_name_and_a_password() -> None:
    word = base64.b64encode(b"ada:secret").decode()
    assert who({"username": "ada", "password": "secret"}).headers == (("Authorization", f"Basic {word}"),)


def test_a_certificate() -> None:
    data = {name: base64.b64encode(name.encode()).decode() for name in ("cert", "key")}
    found = who({"client-certificate-data": data["cert"], "client-key-data": data["key"]})
    assert (found.certificate, found.key, found.headers) == (b"cert", b"key", ())


def test_impersonation() -> None:
    user = {"token": "t", "as": "ada", "as-groups": ["a", "b"], "as-user-extra": {"scope": ["x"]}}
    headers = [header for header in who(user).headers if header[0].startswith("Impersonate")]
    assert headers == [
        ("Impersonate-User", "ada"),
        ("Impersonate-Group", "a"),
        ("Impersonate-Group", "b"),
        ("Impersonate-Extra-scope", "x"),
    ]


def test_an_identity_does_not_show_its_secrets() -> None:
    assert "secret" not in repr(who({"token": "secret"}))


def test_a_plugin_gives_a_token(tmp_path: Path) -> None:
    user = plugin(tmp_path, credential(**FRESH), env=[{"name": "EXTRA", "value": "e"}], provideClusterInfo=True)
    authority = base64.b64encode(b"pem").decode()
    assert who(user, **{"certificate-authority-data": authority}).headers == (("Authorization", "Bearer fresh"),)
    asked, extra, _ = json.loads((tmp_path / "asked").read_text())
    assert extra == "e"
    assert asked["spec"] == {
        "interactive": False, "cluster": {"server": "https://server:6443", "certificate-authority-data": authority},
    }  # fmt: skip


def test_a_plugin_gives_a_certificate(tmp_path: Path) -> None:
    found = who(plugin(tmp_path, credential(clientCertificateData="cert", clientKeyData="key")))
    assert (found.certificate, found.key) == (b"cert", b"key")


@pytest.mark.parametrize(
    ("answer", "more", "says"),
    [
        (credential(), {}, "neither a token nor a certificate"),
        ({"apiVersion": "client.authentication.k8s.io/v1beta1", "status": {"token": "t"}}, {}, "speaks"),
        ("nonsense", {}, "gave no ExecCredential"),
        (credential(**FRESH), {"env": [{"name": "CODE", "value": "3"}]}, "ended with code 3"),
    ],
)
def test_a_plugin_that_fails(tmp_path: Path, answer: object, more: Json, says: str) -> None:
    with pytest.raises(Unauthorized, match=says):
        who(plugin(tmp_path, answer, **more))


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"apiVersion": V1, "command": "no-such-program-here", "installHint": "get it at example.org"}, "get it at"),
        ({"apiVersion": "client.authentication.k8s.io/v1alpha1", "command": "x"}, "no client knows any more"),
        ({"apiVersion": V1, "command": "x", "interactiveMode": "Always"}, "needs a terminal"),
    ],
)
def test_a_plugin_that_can_not_be_run(config: Json, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(NotConfigured, match=says):
            who({"exec": config})
