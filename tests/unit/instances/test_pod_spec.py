"""B5: the pod of an instance: stable names, our labels, the version's image, the data disks."""

import copy
from typing import Any

import pytest

from rollkeeper.engine import revisions
from rollkeeper.instances import pod_spec
from tests.unit.engine.builders import UID, pair, scale_set

JsonMap = dict[str, Any]
TEMPLATE: JsonMap = {
    "metadata": {
        "labels": {"app": "web", "rollkeeper.io/ordinal": "77", "app.kubernetes.io/instance": "mine"},
        "annotations": {"note": "kept", "rollkeeper.io/image": "forged"},
    },
    "spec": {
        "hostname": "other",
        "containers": [{"name": "os", "image": "ignored:1"}, {"name": "log", "image": "log:1"}],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "data", "emptyDir": {}}],
    },
}
CLAIM: JsonMap = {"metadata": {"name": "data", "labels": {"tier": "a"}}, "spec": {"accessModes": ["ReadWriteOnce"]}}


def build(template: JsonMap = TEMPLATE, ordinal: int = 3, **spec: Any) -> JsonMap:
    of = scale_set(template=copy.deepcopy(template), **spec)
    return pod_spec.build_pod(of, revisions.model_of(of.spec), ordinal, pair("1.1.0"), "up/1/Forward")


def test_names() -> None:
    meta, spec = build()["metadata"], build(serviceName="nodes")["spec"]
    assert (meta["name"], meta["namespace"]) == ("web-3", "default")
    assert (spec["hostname"], spec["subdomain"]) == ("web-3", "nodes")
    assert "subdomain" not in build()["spec"]


LABELS = {
    "app": "web",
    "app.kubernetes.io/instance": "mine",
    "app.kubernetes.io/managed-by": "rollkeeper",
    "rollkeeper.io/scale-set": "web",
    "rollkeeper.io/ordinal": "3",
    "rollkeeper.io/image-version": "1.1.0",
    "rollkeeper.io/model-revision": "web-rev1",
}


def test_labels_of_users_survive_and_ours_are_ours() -> None:
    assert build()["metadata"]["labels"] == LABELS


def test_i9_what_it_was_made_for_stands_on_it() -> None:
    assert build()["metadata"]["annotations"] == {
        "note": "kept",
        "rollkeeper.io/image": "registry/web:1.1.0",
        "rollkeeper.io/made-by": "up/1/Forward",
    }


def test_i2_it_belongs_to_the_set() -> None:
    (owner,) = build()["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("ScaleSet", UID, True)


@pytest.mark.parametrize(
    ("os_container", "images"),
    [(None, ["registry/web:1.1.0", "log:1"]), ("log", ["ignored:1", "registry/web:1.1.0"])],
    ids=["B5 the first", "B5 the one named"],
)
def test_the_os_container_gets_the_versions_image(os_container: str | None, images: list[str]) -> None:
    named: JsonMap = {"osContainerName": os_container} if os_container else {}
    built = build(**named)
    assert [c["image"] for c in built["spec"]["containers"]] == images
    assert built["metadata"]["annotations"].get("rollkeeper.io/os-container") == os_container


def test_b5_data_disks_take_the_place_of_volumes_of_their_name() -> None:
    volumes = build(volumeClaimTemplates=[CLAIM])["spec"]["volumes"]
    assert volumes == [
        {"name": "tmp", "emptyDir": {}},
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-web-3"}},
    ]


def test_a_template_without_volumes_gets_none() -> None:
    assert "volumes" not in build({"spec": {"containers": [{"name": "os"}]}})["spec"]


def test_e4_windows_instances_run_on_windows_nodes() -> None:
    template: JsonMap = {"spec": {"containers": [{"name": "os"}], "nodeSelector": {"disk": "fast"}}}
    spec = build(template, osType="Windows")["spec"]
    assert spec["nodeSelector"] == {"disk": "fast", "kubernetes.io/os": "windows"}
    assert spec["os"] == {"name": "windows"}
    assert build(template)["spec"]["nodeSelector"] == {"disk": "fast"}
    assert "os" not in build(template)["spec"]


def test_m2_the_stored_model_is_not_changed() -> None:
    of = scale_set(template=copy.deepcopy(TEMPLATE), volumeClaimTemplates=[CLAIM])
    model = revisions.model_of(of.spec)
    before = copy.deepcopy(model)
    pod_spec.build_pod(of, model, 0, pair(), "Repair")
    assert model == before
    assert of.spec.template == TEMPLATE


@pytest.mark.parametrize("when_deleted", ["Retain", "Delete"], ids=lambda text: f"I3 {text}")
def test_a_claim(when_deleted: str) -> None:
    of = scale_set(persistentVolumeClaimRetentionPolicy={"whenDeleted": when_deleted})
    built = pod_spec.build_claim(of, CLAIM, 3, pair("1.1.0"))
    meta = built["metadata"]
    assert meta["name"] == "data-web-3"
    assert meta["labels"]["tier"] == "a"
    assert meta["labels"]["rollkeeper.io/image-version"] == "1.1.0", "F4: read when a status is lost"
    assert built["spec"] == CLAIM["spec"]
    owners = meta.get("ownerReferences", [])
    assert [o["controller"] for o in owners] == ([False] if when_deleted == "Delete" else [])
