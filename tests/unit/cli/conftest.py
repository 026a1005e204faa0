"""A stub of an API server, and a shell to run commands against it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.stub import Shell, Stub


@pytest.fixture
def stub() -> Iterator[Stub]:
    served = Stub()
    yield served
    served.close()


@pytest.fixture
def shell(stub: Stub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return Shell(tmp_path, stub.url, capsys, monkeypatch)
