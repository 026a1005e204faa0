"""What a model refers to and is not there holds a run, by name, until it is (T8)."""

import json

import pytest

from tests.cluster.audit import Json
from tests.cluster.fleet import data_disk, fleet, gate, published, users_run
from tests.cluster.manifests import PROBED, template
from tests.cluster.replay import status_of
from tests.cluster.world import World, condition, places


def _fleet_with(**pod: object) -> Json:
    spec = {**template(PROBED)["spec"], "terminationGracePeriodSeconds": 1, **pod}
    return fleet(4, 25, template={"spec": spec})


def _needs(kind: str, name: str) -> Json:
    """The part of a pod's spec that refers to an object."""
    return {
        "configmap": {"volumes": [{"name": "app", "configMap": {"name": name}}]},
        "secret": {"volumes": [{"name": "app", "secret": {"secretName": name}}]},
        "serviceaccount": {"serviceAccountName": name},
    }[kind]


def _make(world: World, kind: str, name: str) -> None:
    world("create", *{"secret": ("secret", "generic")}.get(kind, (kind,)), name)


@pytest.mark.parametrize("kind", ["configmap", "secret", "serviceaccount"])
def test_a_start_waits(live: World, kind: str) -> None:
    """T8: UpgradeBlocked names the object; nothing is touched; the run starts when it is there."""
    live.create(published("1.0.0"))
    _make(live, kind, "app")
    live.create(_fleet_with(**_needs(kind, "app")))
    live.until_healthy("1.0.0", 4)
    live("delete", kind, "app")
    live.create(published("1.1.0"))
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "MissingReference")
    assert "app is missing" in blocked["message"]
    assert live.items("upgraderuns") == []
    _make(live, kind, "app")
    live.until_run_to("1.1.0", "Completed")
    assert condition(live.until_healthy("1.1.0", 4), "UpgradeBlocked")["status"] == "False"


def test_what_is_optional_need_not_be_there(live: World) -> None:
    """T8: nobody waits for it."""
    optional = {"volumes": [{"name": "app", "configMap": {"name": "app", "optional": True}}]}
    live.create(published("1.0.0"), _fleet_with(**optional))
    live.until_healthy("1.0.0", 4)
    live.create(published("1.1.0"))
    live.until_run_to("1.1.0", "Completed")
    live.until_healthy("1.1.0", 4)


def test_each_batch_waits(live: World) -> None:
    """T8, B13: between two batches the run waits, says for what, and goes on; the batch in hand is finished."""
    _make(live, "configmap", "app")
    live.create(published("1.0.0"), gate(1), _fleet_with(**_needs("configmap", "app")))
    live.until_healthy("1.0.0", 4)
    live.create(published("1.1.0"), users_run("mine", "1.1.0"))
    live.until_gated("1.1.0", 1)
    live("delete", "configmap", "app")
    live.open_gate()

    def waits() -> bool:
        status = status_of(live.get("upgraderuns", "mine"))
        return "ConfigMap app is missing" in status.get("message", "")

    live.until("the run waits", waits)
    run = live.get("upgraderuns", "mine")
    assert condition(run, "Succeeded")["reason"] == "MissingReference"
    assert places(run) == {"succeeded": [0, 1], "pending": [2, 3]}
    _make(live, "configmap", "app")
    assert places(live.until_run("mine", "Completed")) == {"succeeded": [0, 1, 2, 3]}


def test_a_newer_model_is_the_way_out(live: World) -> None:
    """T5, T8: an automatic run that waits for what its model misses gives way to a model that needs it no more."""
    _make(live, "configmap", "app")
    live.create(published("1.0.0"), gate(1), _fleet_with(**_needs("configmap", "app")))
    live.until_healthy("1.0.0", 4)
    live.create(published("1.1.0"))
    name = live.until_gated("1.1.0", 1)
    live("delete", "configmap", "app")
    live.open_gate()
    live.until_said(name, "ConfigMap app is missing")
    live.patch("scaleset", "web", {"spec": {"template": {"spec": {"volumes": None}}}})
    run = live.until_run(name, "Cancelled")
    assert (status_of(run)["error"]["code"], places(run)) == ("Superseded", {"succeeded": [0, 1], "pending": [2, 3]})
    live.until_run_to("1.1.0", "Completed", attempt=2)
    live.until_healthy("1.1.0", 4)


def test_classes(live: World) -> None:
    """T8: PriorityClass and StorageClass are looked for beyond the namespace."""
    name = live.namespace
    live("create", "priorityclass", name, "--value=1")
    claim = data_disk()
    storage = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": name}}
    live("create", "--filename=-", stdin={**storage, "provisioner": "kubernetes.io/host-path"})
    claim["spec"]["storageClassName"] = name
    manifest = _fleet_with(priorityClassName=name)
    live.create(published("1.0.0"), {**manifest, "spec": {**manifest["spec"], "volumeClaimTemplates": [claim]}})
    live.until_healthy("1.0.0", 4)
    live("delete", "priorityclass", name)
    live("delete", "storageclass", name)
    live.create(published("1.1.0"))
    message = live.until_condition("web", "UpgradeBlocked", "True", "MissingReference")["message"]
    assert f"PriorityClass {name}, StorageClass {name} is missing" in message, json.dumps(message)
    live("delete", "scaleset", "web")
