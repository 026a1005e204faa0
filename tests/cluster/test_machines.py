"""What only virtual machines can show: guests that die or stay silent, machines that somebody halts, refusals."""

import base64
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from hack.localcluster import LocalCluster
from hack.localcluster.build import ensure
from hack.localcluster.report import Reporter
from hack.localcluster.tools import kubevirt_tools
from tests.cluster.applications import GUEST_ANNOTATION, NET, Applications
from tests.cluster.audit import Json
from tests.cluster.conftest import fresh_namespace, watched_namespace
from tests.cluster.controller import Controller
from tests.cluster.fleet import data_disk, published
from tests.cluster.pages import Pages
from tests.cluster.plugin import Plugin
from tests.cluster.providers import DIES, MACHINES, NEVER_STARTS, NO_AGENT, machine_template, machines
from tests.cluster.replay import status_of
from tests.cluster.test_least_privilege import CLUSTERS, accounts_and_roles, kubeconfig_of
from tests.cluster.world import World, condition, places

ALONE = "--no-leader-elect"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "virtual-machines" / "set.yaml"


@pytest.fixture
def world(virtualized: LocalCluster) -> Iterator[World]:
    with watched_namespace(virtualized, MACHINES.kind, MACHINES.runs) as world:
        yield world


@pytest.fixture
def live(virtualized: LocalCluster, world: World, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    controller = Controller.in_namespace(virtualized, world.namespace, tmp_path / "controller.log")
    request.node.controller = controller
    controller.start(flags=(ALONE,))
    yield world
    controller.kill()


def _agents(version: str, tail: str = "") -> Json:
    made = published(version, tail)
    return {**made, "spec": {**made["spec"], "guestAgent": True}}


def test_guests_that_die_never_count(live: World) -> None:
    """H1, H2: running and ready for a second, again and again, without a back-off of KubeVirt's."""
    live.create(published("1.0.0"), machines(2, percent=50, rolling={"minHealthySeconds": 3}))
    live.until_healthy("1.0.0", 2)
    live.create(published("1.1.0", DIES))
    run = live.until_run_to("1.1.0", "Faulted")
    assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
    live.until_healthy("1.0.0", 2)


def test_an_agent_that_stays_silent(live: World) -> None:
    """H1: where the version says that its OS has a guest agent, ready is not enough."""
    live.create(_agents("1.0.0"), machines(2, percent=50))
    live.until_healthy("1.0.0", 2)
    live.create(_agents("1.1.0", NO_AGENT))
    run = live.until_run_to("1.1.0", "Faulted")
    assert [f["reason"] for f in status_of(run)["failures"]] == ["GuestAgentMissing"]
    live.until_healthy("1.0.0", 2)


def test_a_machine_that_somebody_halts(live: World) -> None:
    """It is unhealthy, and nothing of ours starts it; started again by whoever halted it, it is healthy."""
    live.create(published("1.0.0"), machines(2, automatic=False))
    live.until_healthy("1.0.0", 2)
    live.patch("virtualmachine", "web-0", {"spec": {"runStrategy": "Halted"}})
    live.until("it is told", lambda: "PowerOff" in condition(live.get("scalesets", "web"), "Ready").get("message", ""))
    live.until("its guest is gone", lambda: "web-0" not in live.running())
    live.patch("virtualmachine", "web-0", {"spec": {"runStrategy": "Always"}})
    live.until_healthy("1.0.0", 2)


def test_a_machine_stays_who_it_is(virtualized: LocalCluster, live: World) -> None:
    """B5, I3: uid, firmware, network and data disk are the same after an upgrade; the guest's OS is another.

    The commands show it, and that this OS calls itself otherwise than its version is called.
    """
    live.create(published("1.0.0"), machines(1, volumeClaimTemplates=[data_disk()]))
    live.until_healthy("1.0.0", 1)
    before, claims = live.get("virtualmachines", "web-0"), live.claims()
    misnamed = published("1.1.0")
    live.create({**misnamed, "spec": {**misnamed["spec"], "image": "registry.test/os:1.0.9"}})
    live.until_run_to("1.1.0", "Completed")
    live.until_healthy("1.1.0", 1)
    after, guest = live.get("virtualmachines", "web-0"), live.get("virtualmachineinstances", "web-0")
    assert (after["metadata"]["uid"], live.claims()) == (before["metadata"]["uid"], claims)
    domains = [m["spec"]["template"]["spec"]["domain"] for m in (before, after)]
    assert domains[0] == domains[1]
    assert domains[0]["firmware"]["uuid"]
    volumes = {v["name"]: v for v in guest["spec"]["volumes"]}
    assert volumes["data"]["persistentVolumeClaim"]["claimName"] == "data-web-0"
    assert status_of(guest)["guestOSInfo"]["versionId"] == "1.0.9"
    commands = Plugin(virtualized.kubeconfig, live.namespace)
    assert re.search(r"web-0 +1\.1\.0 +healthy .*the guest says that it runs 1\.0\.9", commands("status", "web"))
    assert re.search(r"1\.1\.0 +Completed +1/1", commands("history", "web"))
    assert re.search(r"web .*1\.1\.0", commands("drift"))


def test_applications_of_guests_are_asked(live: World) -> None:
    """H1, H4: at the address of the guest; what it says stands on its launcher, and decides."""
    with Applications(minors=(0, 1), replicas=2) as applications:
        applications.says(1, (503, None))
        asked = machines(2, percent=50, health=applications.health())
        asked["spec"]["virtualMachineTemplate"]["spec"]["template"]["metadata"]["annotations"] = {GUEST_ANNOTATION: NET}
        live.create(published("1.0.0"), asked)
        live.until_healthy("1.0.0", 2)
        launchers = [condition(pod, "rollkeeper.io/ApplicationHealthy")["reason"] for pod in live.items("pods")]
        assert launchers == ["Healthy", "Healthy"]
        live.create(published("1.1.0"))
        run = live.until_run_to("1.1.0", "Faulted")
        assert places(run) == {"failed": [0], "rolledBack": [0], "pending": [1]}
        (failure,) = status_of(run)["failures"]
        said = f"HTTP 503 from http://{NET}.1.0:{applications.port}/health"
        assert (failure["reason"], failure["message"]) == ("ApplicationUnhealthy", said)
        live.until_healthy("1.0.0", 2)


def _user_data(world: World, ordinal: int) -> tuple[str, str]:
    """The Secret that the guest of an instance was started with, and what is in it."""
    guest = world.get("virtualmachineinstances", f"web-{ordinal}")
    init = next(v["cloudInitNoCloud"] for v in guest["spec"]["volumes"] if "cloudInitNoCloud" in v)
    secret = world.get("secrets", init["secretRef"]["name"])
    return secret["metadata"]["name"], base64.b64decode(secret["data"]["userdata"]).decode()


def test_custom_data_and_extensions_are_on_every_new_disk(live: World) -> None:
    """E1, E2, M1, M2: in one Secret for each model, that goes with its model; the guests begin with it."""
    secret: Json = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "agent"}, "stringData": {"run": "enrol"}}
    extension = {"name": "agent", "type": "Script", "script": {"secretKeyRef": {"name": "agent", "key": "run"}}}
    live.create(secret, published("1.0.0"), machines(2, customData={"inline": "first boot"}, extensions=[extension]))
    live.until_healthy("1.0.0", 2)
    name, first = _user_data(live, 0)
    assert "\nfirst boot\n" in first
    assert "\nenrol\n" in first
    assert _user_data(live, 1) == (name, first)
    live.patch("scaleset", "web", {"spec": {"customData": {"inline": "second boot"}}})
    live.until("there is a run", lambda: live.items("upgraderuns"))
    live.until_run(live.items("upgraderuns")[0]["metadata"]["name"], "Completed")
    assert [f"\n{text} boot\n" in _user_data(live, 1)[1] for text in ("first", "second")] == [False, True]
    assert live.find("secrets", name), "an instance might have had to go back to it"
    live("delete", "controllerrevision", name.removesuffix("-userdata"))
    live.until("its Secret has gone with it", lambda: live.find("secrets", name) is None)


def _golden(version: str) -> tuple[Json, Json]:
    """A version that is a claim, and that claim."""
    meta = {"name": f"golden-{version}"}
    claim = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": data_disk()["spec"]}
    made = published(version)
    del made["spec"]["image"]
    return {**made, "spec": {**made["spec"], "claimName": meta["name"]}}, claim


class _Driver:
    """Plays the storage driver: only one of CSI can clone. Its volumes are empty."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._bound: set[str] = set()

    def clones(self) -> list[str]:
        """What each clone that is there is of; new ones get their volume."""
        claims = [c for c in self._world.items("persistentvolumeclaims") if "dataSource" in c["spec"]]
        for claim in claims:
            if claim["metadata"]["name"] not in self._bound:
                self._bound.add(claim["metadata"]["name"])
                self._world.create(self._volume(claim))
        return [claim["spec"]["dataSource"]["name"] for claim in claims if "deletionTimestamp" not in claim["metadata"]]

    def _volume(self, claim: Json) -> Json:
        name = f"{self._world.namespace}-{claim['metadata']['name']}"
        spec = {
            "capacity": claim["spec"]["resources"]["requests"],
            "accessModes": claim["spec"]["accessModes"],
            "storageClassName": claim["spec"]["storageClassName"],
            "persistentVolumeReclaimPolicy": "Retain",
            "claimRef": {"namespace": self._world.namespace, "name": claim["metadata"]["name"]},
            "hostPath": {"path": "/nowhere"},
        }
        return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": spec}

    def until(self, what: str, question: Callable[[list[str]], bool]) -> None:
        """Waits, and clones meanwhile."""
        self._world.until(what, lambda: question(self.clones()))


def test_os_disks_that_are_claims(live: World) -> None:
    """B5, T8, I3: each machine has a clone of its version's golden claim, which is waited for; old clones go."""
    (first, first_claim), (second, second_claim) = _golden("1.0.0"), _golden("1.1.0")
    template, driver = machine_template(volumes=[{"name": "os", "persistentVolumeClaim": {}}]), _Driver(live)
    live.create(first, first_claim, machines(2, percent=50, osVolumeName="os", virtualMachineTemplate=template))
    driver.until("each machine has a clone", lambda clones: clones == ["golden-1.0.0"] * 2)
    live.until_healthy("1.0.0", 2)
    live.create(second)
    blocked = live.until_condition("web", "UpgradeBlocked", "True", "MissingReference")
    assert "PersistentVolumeClaim golden-1.1.0 is missing" in blocked["message"]
    live.create(second_claim)
    driver.until("all are of the new one, and no other is left", lambda clones: clones == ["golden-1.1.0"] * 2)
    live.until_run_to("1.1.0", "Completed")
    live.until_healthy("1.1.0", 2)
    assert {"golden-1.0.0", "golden-1.1.0"} <= live.claims().keys()


def test_the_example(live: World) -> None:
    """What the documentation shows is accepted, and runs."""
    manifests = [m for m in yaml.safe_load_all(EXAMPLE.read_text(encoding="utf-8")) if m]
    scale_set = next(m for m in manifests if m["kind"] == "ScaleSet")
    scale_set["spec"]["upgradePolicy"]["rollingUpgradePolicy"]["minHealthySeconds"] = 1
    live.create(*manifests)
    live.until_healthy("41.0.1", 5, "machines")


def test_what_kubevirt_refuses_is_found_before_anything_is_touched(live: World) -> None:
    """M3: in KubeVirt's own words, by a dry run."""
    broken = machines(1)
    broken["spec"]["virtualMachineTemplate"]["spec"]["template"]["spec"]["domain"]["devices"]["disks"].append(
        {"name": "nowhere", "disk": {"bus": "virtio"}}
    )
    live.create(published("1.0.0"), broken)
    stalled = live.until_condition("web", "Stalled", "True", "InvalidModel")
    assert "nowhere" in stalled["message"]
    assert live.items("virtualmachines") == []


def test_the_charts_rights_are_enough(
    virtualized: LocalCluster, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Creation, a rollout, a rollback and scaling in, by an account that has `kubevirt.enabled` of the chart alone."""
    with fresh_namespace(virtualized) as name:
        given = accounts_and_roles(name, {"watchNamespaces": [name], "kubevirt": {"enabled": True}})
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": given})
        virtualized.kubectl("apply", "--filename=-", stdin=items)
        pages, world = Pages(), World(virtualized, name, MACHINES.kind, MACHINES.runs)
        flags = (f"--namespace={name}", f"--watch-namespace={name}", f"--listen={pages.listen}", ALONE)
        controller = Controller(kubeconfig_of(virtualized, name, tmp_path), tmp_path / "controller.log", *flags)
        request.node.controller = controller
        controller.start()
        try:
            world.create(published("1.0.0"), machines(3, percent=34))
            world.until_healthy("1.0.0", 3)
            world.create(published("1.1.0"))
            world.until_run_to("1.1.0", "Completed")
            world.create(published("1.2.0", NEVER_STARTS))
            world.until_run_to("1.2.0", "Faulted")
            world("scale", "scaleset/web", "--replicas=2")
            world.until_healthy("1.1.0", 2)
            calls = [key.split(",") for key in pages.samples("rollkeeper_api_requests_total")]
            refused = {(verb, resource) for code, resource, verb in calls if code == "403"}
            assert refused - CLUSTERS == set(), f"the chart's role lacks {refused - CLUSTERS}"
        finally:
            controller.kill()


def test_kubevirt_that_comes_later_and_goes(
    simulated: LocalCluster, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A set says what is missing; its machines are made as soon as KubeVirt's kinds are there, without a restart."""
    program = ensure(kubevirt_tools(), Reporter(quiet=True))["kubevirt-manifests"]
    kinds = subprocess.run([program, "crds"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - built here
    with watched_namespace(simulated, MACHINES.kind, MACHINES.runs) as world:
        controller = Controller.in_namespace(simulated, world.namespace, tmp_path / "controller.log")
        request.node.controller = controller
        controller.start(flags=(ALONE,))
        try:
            world.create(published("1.0.0"), machines(2))
            stalled = world.until_condition("web", "Stalled", "True", "KubeVirtNotInstalled")
            assert "install it" in stalled["message"]
            simulated.kubectl("apply", "--server-side", "--filename=-", stdin=kinds)
            world.until_condition("web", "Stalled", "False", "NotStalled")
            world.until("its machines are made", lambda: len(world.items("virtualmachines")) == 2)
        finally:
            simulated.kubectl("delete", "--ignore-not-found", "--filename=-", stdin=kinds)
        world.until_condition("web", "Stalled", "True", "KubeVirtNotInstalled")
        controller.stop()
