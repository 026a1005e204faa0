"""Kubeconfig files as kubectl reads them."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from rollkeeper.kube.errors import NotConfigured
from rollkeeper.kube.user import kubeconfig

Json = dict[str, Any]


def written(path: Path, *, current: str | None = "x", user: Json | None = None, **cluster: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "clusters": [{"name": "c", "cluster": {"server": f"https://{path.parent.name}:6443/", **cluster}}],
        "users": [{"name": "u", "user": {"token": "secret"} if user is None else user}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        **({"current-context": current} if current else {}),
    }
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_file_that_was_named(tmp_path: Path) -> None:
    found = kubeconfig.load(written(tmp_path / "here" / "config"), None)
    assert (found.server, found.namespace, found.context) == ("https://here:6443", "shop", "x")
    assert found.user == {"token": "secret"}


def test_a_target_does_not_show_its_secrets(tmp_path: Path) -> None:
    assert "secret" not in repr(kubeconfig.load(written(tmp_path / "config"), None))


def test_of_several_files_the_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = written(tmp_path / "one" / "config", current=None), written(tmp_path / "two" / "config")
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join([str(first), str(tmp_path / "missing"), str(second)]))
    found = kubeconfig.load(None, None)
    assert (found.server, found.context) == ("https://one:6443", "x")


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    user = {"exec": {"command": "./login"}, "tokenFile": "token"}
    found = kubeconfig.load(written(folder / "config", user=user, **{"certificate-authority": "ca.crt"}), None)
    assert found.cluster["certificate-authority"] == str(folder / "ca.crt")
    assert found.user["tokenFile"] == str(folder / "token")
    assert found.user["exec"]["command"] == str(folder / "login")


@pytest.mark.parametrize(
    ("context", "current", "says"),
    [
        ("y", "x", "no context 'y'; there are: x"),
        (None, None, "no current context: choose one with --context; there are: x"),
    ],
)
def test_a_context_that_is_not_there(tmp_path: Path, context: str | None, current: str | None, says: str) -> None:
    with pytest.raises(NotConfigured, match=says):
        kubeconfig.load(written(tmp_path / "config", current=current), context)


def test_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(NotConfigured, match=r"there is no kubeconfig .*missing: name one with --kubeconfig"):
        kubeconfig.load(tmp_path / "missing", None)


def test_a_file_that_is_no_yaml(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("{")
    with pytest.raises(NotConfigured, match="is no YAML"):
        kubeconfig.load(tmp_path / "config", None)
