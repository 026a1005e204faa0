"""E1, E2: custom data and extensions in the pod of an instance."""

import copy
from typing import Any

from rollkeeper.engine import revisions
from rollkeeper.engine.provisioning import Content, Source
from rollkeeper.instances import pod_spec
from tests.unit.engine.builders import pair, scale_set

JsonMap = dict[str, Any]
TEMPLATE: JsonMap = {
    "spec": {
        "containers": [
            {"name": "log", "image": "log:1"},
            {"name": "os", "lifecycle": {"preStop": {}}, "volumeMounts": [{"name": "tmp", "mountPath": "/scratch"}]},
        ],
        "initContainers": [{"name": "mesh", "image": "mesh:1", "restartPolicy": "Always"}],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
}
TASK: JsonMap = {"name": "fetch", "type": "Task", "container": {"image": "fetch:1", "args": ["a"]}}
SERVICE: JsonMap = {"name": "agent", "type": "Service", "container": {"image": "agent:1", "command": ["run", "it"]}}
SCRIPT: JsonMap = {"name": "tools", "type": "Script", "script": {"inline": "install"}}
SECRET = {"secretKeyRef": {"name": "boot", "key": "run"}}


def build(*extensions: JsonMap, **spec: Any) -> JsonMap:
    of = scale_set(template=copy.deepcopy(TEMPLATE), osContainerName="os", extensions=list(extensions), **spec)
    contents = {Source("Secret", "boot", "run"): Content(sha256="ab")}
    return pod_spec.build_pod(of, revisions.model_of(of.spec, contents), 3, pair(), "Repair")


def os_of(pod: JsonMap) -> JsonMap:
    return next(c for c in pod["spec"]["containers"] if c["name"] == "os")


def test_e1_tasks_and_services_come_before_the_os_container_and_after_the_templates_own() -> None:
    mesh, agent, fetch = build({**TASK, "provisionAfterExtensions": ["agent"]}, SERVICE)["spec"]["initContainers"]
    assert mesh["name"] == "mesh"
    assert agent == {
        "name": "extension-agent",
        "image": "agent:1",
        "command": ["run", "it"],
        "restartPolicy": "Always",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }
    assert (fetch["name"], fetch["args"], "restartPolicy" in fetch) == ("extension-fetch", ["a"], False)


def test_e1_a_containers_own_message_policy_stays() -> None:
    own = {**TASK, "container": {"image": "fetch:1", "terminationMessagePolicy": "File"}}
    assert build(own)["spec"]["initContainers"][-1]["terminationMessagePolicy"] == "File"


def test_e1_suppressed_containers_never_fail_and_are_not_probed() -> None:
    probed = {**SERVICE["container"], "args": ["now"], "startupProbe": {}, "readinessProbe": {}, "livenessProbe": {}}
    made = build({**SERVICE, "container": probed, "suppressFailures": True})["spec"]["initContainers"][-1]
    assert made["command"][:2] == ["/bin/sh", "-c"]
    assert made["command"][-4:] == ["sh", "run", "it", "now"]
    assert [key for key in made if "Probe" in key or key == "args"] == []


def test_e2_scripts_are_files_in_a_volume_and_run_in_the_hook() -> None:
    pod = build(SCRIPT, customData={"inline": "boot", "interpreter": ["/bin/bash", "-e"]})
    container = os_of(pod)
    command = container["lifecycle"]["postStart"]["exec"]["command"]
    assert command[-1].splitlines()[-2:] == [
        "step 'custom data' stop /bin/bash -e /run/rollkeeper/custom-data",
        "step 'extension tools' stop /bin/sh /run/rollkeeper/extension-tools",
    ]
    assert "preStop" in container["lifecycle"]
    assert container["volumeMounts"][-1] == {
        "name": "rollkeeper-scripts",
        "mountPath": "/run/rollkeeper",
        "readOnly": True,
    }
    annotations = pod["metadata"]["annotations"]
    assert annotations["rollkeeper.io/custom-data"] == "boot"
    assert annotations["extension.rollkeeper.io/tools"] == "install"
    volume = pod["spec"]["volumes"][-1]
    fields = [s["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"] for s in volume["projected"]["sources"]]
    assert fields == [
        "metadata.annotations['rollkeeper.io/custom-data']",
        "metadata.annotations['extension.rollkeeper.io/tools']",
    ]


def test_e2_a_secret_is_mounted_never_copied() -> None:
    pod = build(customData=SECRET)
    assert "rollkeeper.io/custom-data" not in pod["metadata"]["annotations"]
    (source,) = pod["spec"]["volumes"][-1]["projected"]["sources"]
    assert source == {"secret": {"name": "boot", "items": [{"key": "run", "path": "custom-data"}]}}


def test_h5_what_failed_goes_where_the_os_container_leaves_its_message() -> None:
    template = copy.deepcopy(TEMPLATE)
    template["spec"]["containers"][1]["terminationMessagePath"] = "/var/last words"
    of = scale_set(template=template, osContainerName="os", customData={"inline": "boot"})
    pod = pod_spec.build_pod(of, revisions.model_of(of.spec), 0, pair(), "Repair")
    assert ">'/var/last words'" in os_of(pod)["lifecycle"]["postStart"]["exec"]["command"][-1]


def test_without_any_the_pod_is_the_templates() -> None:
    spec = build()["spec"]
    assert [c["name"] for c in spec["initContainers"]] == ["mesh"]
    assert [v["name"] for v in spec["volumes"]] == ["tmp"]
    assert "postStart" not in os_of({"spec": spec})["lifecycle"]


def test_e4_on_windows_scripts_are_powershells() -> None:
    pod = build(SCRIPT, customData={"inline": "boot"}, osType="Windows")
    container = os_of(pod)
    assert container["lifecycle"]["postStart"]["exec"]["command"][0] == "powershell.exe"
    assert container["volumeMounts"][-1]["mountPath"] == "C:\\rollkeeper"
    paths = [s["downwardAPI"]["items"][0]["path"] for s in pod["spec"]["volumes"][-1]["projected"]["sources"]]
    assert paths == ["custom-data.ps1", "extension-tools.ps1"]
