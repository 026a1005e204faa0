"""E1, E2: custom data and extensions of all types in real containers, step by step."""

from typing import Any

import pytest

from tests.e2e.images import image
from tests.e2e.manifests import image_version, scale_set
from tests.e2e.site import Site, until

Json = dict[str, Any]
SET = "prov"
PODS = ("prov-0", "prov-1")
ROLL_SECONDS = 180
pytestmark = pytest.mark.usefixtures("in_order")

NOTES = {"name": "notes", "mountPath": "/notes"}
"""Shared by all containers of a pod, and as old as the pod: who did something leaves a line."""


def container(script: str, **more: Any) -> Json:
    return {"image": image("1.0.0"), "command": ["/bin/sh", "-c", script], "volumeMounts": [NOTES], **more}


FETCH: Json = {"name": "fetch", "type": "Task", "container": container("sleep 1; echo fetch >>/notes/order")}
AGENT: Json = {
    "name": "agent",
    "type": "Service",
    "provisionAfterExtensions": ["fetch"],
    "container": container(
        "trap 'exit 0' TERM; sleep 2; echo agent >>/notes/order; echo up >/started; while true; do sleep 1; done",
        startupProbe={"exec": {"command": ["/bin/cat", "/started"]}, "periodSeconds": 1, "failureThreshold": 60},
    ),
}
TOOLS: Json = {
    "name": "tools",
    "type": "Script",
    "provisionAfterExtensions": ["agent"],
    "script": {"inline": "echo tools >>/notes/order\ncat /www/custom >/www/tools\n"},
}
EXTRAS: Json = {
    "name": "extras",
    "type": "Script",
    "suppressFailures": True,
    "script": {"inline": "echo extras >>/notes/order; echo no such package; exit 4"},
}
BROKEN_TASK: Json = {
    "name": "optional",
    "type": "Task",
    "suppressFailures": True,
    "container": container("echo optional >>/notes/order; exit 1"),
}
ORDER = ["optional", "fetch", "agent", "custom", "extras", "tools"]


def config_map(word: str, end: str = "") -> Json:
    script = f"echo custom >>/notes/order\necho {word} >/www/custom\n{end}"
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "boot"}, "data": {"run": script}}


def provisioned_set() -> Json:
    made = scale_set(
        SET,
        len(PODS),
        provisioning_seconds=40,
        spec={
            "customData": {"configMapKeyRef": {"name": "boot", "key": "run"}},
            "extensions": [EXTRAS, TOOLS, BROKEN_TASK, AGENT, FETCH],
        },
    )
    pod = made["spec"]["template"]["spec"]
    pod["volumes"] = [{"name": "notes", "emptyDir": {}}]
    pod["containers"][0]["volumeMounts"].append(NOTES)
    return made


def orders(site: Site) -> list[list[str]]:
    return [site.shell(pod, "cat /notes/order").split() for pod in PODS]


def words(site: Site) -> list[str]:
    """What custom data wrote and the Script found, served by the OS container from its own root file system."""
    return [site.shell(pod, "cat /www/custom /www/tools") for pod in PODS]


def model_of(site: Site) -> str:
    return str(site.get("scaleset", SET)["status"]["modelRevision"])


def test_nothing_is_made_while_the_config_map_is_missing(site: Site) -> None:
    site.apply(image_version(SET, "1.0.0", image("1.0.0")), provisioned_set())
    site.wait(f"scaleset/{SET}", "condition=Stalled", 30)
    stalled = {c["type"]: c for c in site.get("scaleset", SET)["status"]["conditions"]}["Stalled"]
    assert stalled["reason"] == "MissingReference"
    assert "ConfigMap boot" in stalled["message"]
    assert site.pods(SET) == {}


def test_everything_is_provisioned_in_order(site: Site) -> None:
    """E1, E2."""
    site.apply(config_map("one"))
    site.wait_for_proven(SET, "1.0.0", len(PODS), 120)
    assert orders(site) == [ORDER, ORDER]
    assert words(site) == ["one\none", "one\none"]
    log = site.shell(PODS[0], "cat /var/log/rollkeeper.log 2>/dev/null || cat /dev/shm/rollkeeper.log")
    assert "extension extras: exit code 4: no such package; suppressed" in log


def test_a_new_os_disk_is_provisioned_again(site: Site) -> None:
    site.apply(image_version(SET, "1.1.0", image("1.1.0")))
    status = site.finished(site.run_to(SET, "1.1.0"), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Completed"
    site.wait_for_proven(SET, "1.1.0", len(PODS), 30)
    assert orders(site) == [ORDER, ORDER]
    assert words(site) == ["one\none", "one\none"]


def test_new_content_rolls(site: Site) -> None:
    before = model_of(site)
    site.apply(config_map("two"))
    status = site.finished(site.model_run(SET, site.new_model(SET, before)), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Completed"
    assert words(site) == ["two\ntwo", "two\ntwo"]


def test_custom_data_that_fails_is_named_and_what_ran_before_is_back(site: Site) -> None:
    before, others = model_of(site), site.pods(SET)["prov-1"]["metadata"]["uid"]
    site.apply(config_map("three", "echo no space left on device; exit 28"))
    status = site.finished(site.model_run(SET, site.new_model(SET, before)), ROLL_SECONDS)
    assert status["runningStatus"]["code"] == "Faulted"
    (failure,) = status["failures"]
    assert failure["reason"] == "CustomDataFailed"
    assert failure["message"] == "custom data: exit code 28: no space left on device"
    assert status["instances"]["rolledBack"] == "0"
    assert words(site) == ["two\ntwo", "two\ntwo"], "not what the ConfigMap says now"
    assert site.pods(SET)["prov-1"]["metadata"]["uid"] == others


def test_a_restarted_container_is_provisioned_again(site: Site) -> None:
    """E2."""
    before = site.pods(SET)["prov-0"]["status"]["containerStatuses"][0]
    # Its first process ends; exec may break off with it.
    site.shell("prov-0", "kill -TERM 1 || true; true")

    def restarted() -> bool | None:
        now = site.pods(SET)["prov-0"]["status"]["containerStatuses"][0]
        return True if now["restartCount"] > before["restartCount"] and now["ready"] else None

    until("the container is ready again", restarted, 60)
    assert words(site)[0] == "two\ntwo"
    assert orders(site)[0] == [*ORDER, "custom", "extras", "tools"]
