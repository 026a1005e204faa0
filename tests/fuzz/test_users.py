"""What users write: versions, instances, annotations, kubeconfig files."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings

from rollkeeper.api.v1alpha1.names import ANNOTATION_RELEASE_HOLD
from rollkeeper.api.v1alpha1.scale_set_status import HeldVersion
from rollkeeper.engine import ranges, versions
from rollkeeper.kube.errors import NotConfigured
from rollkeeper.kube.user import kubeconfig
from tests.fuzz.inputs import FUZZED, VALUES, changed, refused_or, texts
from tests.unit.engine.builders import scale_set

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": "c", "cluster": {"server": "https://example.com:6443/", "certificate-authority": "ca.crt"}}],
    "users": [{"name": "u", "user": {"token": "t", "tokenFile": "f", "exec": {"command": "./x", "args": ["a"]}}}],
    "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
    "current-context": "x",
}


@FUZZED
@given(texts("1.10.0", "2147483647.0.0", "01.2.3", "1.2.3.4", "latest"))
@example("1.2.3\n")
@example("१.२.३")
def test_v2_versions(text: str) -> None:
    found = refused_or(lambda: versions.parse_version(text), ValueError)
    assert found is None or text == ".".join(map(str, found))


@FUZZED
@given(texts("0-3,7", " 1 - 2 ,5", "3-0", "99999-99999", "0-99999"))
def test_t4_instances(text: str) -> None:
    found = refused_or(lambda: ranges.parse_user(text), ValueError)
    if found is not None:
        assert ranges.parse(ranges.render(found)) == found
        assert ranges.parse_user(ranges.render(found)) == found if found else True


@FUZZED
@given(st.frozensets(st.integers(0, 9999), max_size=50))
def test_i5_ranges_come_back_as_they_were(ordinals: frozenset[int]) -> None:
    assert ranges.parse(ranges.render(ordinals)) == ordinals


@FUZZED
@given(texts("1.1.0/web-1-1-0-abcde", "1.1.0/", "/web-1-1-0-abcde", "1.1.0"))
def test_f3_an_annotation_releases_the_hold_that_it_names_and_no_other(text: str) -> None:
    hold = HeldVersion(
        image="contoso/os",
        version="1.1.0",
        run_name="web-1-1-0-abcde",
        reason="UpgradedUnhealthy",
        message="",
        time=datetime(2026, 1, 1, tzinfo=UTC),
    )
    annotated = scale_set()
    metadata = annotated.metadata.model_copy(update={"annotations": {ANNOTATION_RELEASE_HOLD: text}})
    found = versions.is_released(annotated.model_copy(update={"metadata": metadata}), hold.version, hold)
    assert found == (text == "1.1.0/web-1-1-0-abcde")


def _loaded(folder: Path, content: str) -> kubeconfig.Target | None:
    path = folder / "config"
    path.write_text(content, encoding="utf-8", errors="surrogateescape")
    return refused_or(lambda: kubeconfig.load(path, None), NotConfigured)


@settings(FUZZED, suppress_health_check=[*FUZZED.suppress_health_check, HealthCheck.function_scoped_fixture])
@given(content=changed(KUBECONFIG) | VALUES)
def test_kubeconfigs(tmp_path: Path, content: Any) -> None:
    found = _loaded(tmp_path, json.dumps(content))
    assert found is None or found.server


@settings(FUZZED, suppress_health_check=[*FUZZED.suppress_health_check, HealthCheck.function_scoped_fixture])
@given(content=texts(yaml.safe_dump(KUBECONFIG)))
def test_kubeconfigs_that_are_no_yaml(tmp_path: Path, content: str) -> None:
    _loaded(tmp_path, content)


@settings(FUZZED, suppress_health_check=[*FUZZED.suppress_health_check, HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30) | VALUES)
def test_certificates(text: Any) -> None:
    refused_or(lambda: kubeconfig.inline({"client-key-data": text}, "client-key"), NotConfigured)


def test_a_kubeconfig_of_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xff\xfe\x00clusters:\x9f")
    with pytest.raises(NotConfigured):
        kubeconfig.load(tmp_path / "config", None)
