"""The pure parts of the local cluster: what is built, where it is kept, and with which flags it runs."""

import csv
import signal
import subprocess
import time
from pathlib import Path

import pytest

from hack.localcluster import ClusterError, Settings, User, config
from hack.localcluster.build import from_assets
from hack.localcluster.flags import KWOK_STAGES, PROCESSES
from hack.localcluster.layout import PORT_RANGE, Layout, Ports, Record
from hack.localcluster.objects import node, node_usable, storage_class
from hack.localcluster.processes import end, launch, running
from hack.localcluster.report import Reporter
from hack.localcluster.shutdown import shut_down
from hack.localcluster.tools import (
    MODULES,
    cache_folder,
    helm_tool,
    kubeconform_tool,
    kubernetes_modules,
    newest_kubernetes,
    registry_tool,
    tools_for,
)

PORTS = Ports(api=20001, etcd=20002, etcd_peer=20003, virt_api=20004, virt_controller=20005)
QUIET = Reporter(quiet=True)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "cluster")
    for folder in (layout.logs, layout.pids, layout.state):
        folder.mkdir(parents=True)
    return layout


def flags(name: str, layout: Layout, settings: Settings | None = None) -> list[str]:
    return PROCESSES[name](layout, PORTS, settings or Settings())


class TestTools:
    def test_the_newest_and_the_oldest_supported_kubernetes_are_pinned(self) -> None:
        assert list(kubernetes_modules()) == ["1.37.2", "1.34.4"]
        assert newest_kubernetes() == Settings().kubernetes == "1.37.2"

    @pytest.mark.parametrize("version", ["1.37.2", "1.34.4"])
    def test_every_version_has_a_folder_of_its_own_in_the_cache(self, version: str) -> None:
        paths = {tool.name: str(tool.path(Path("/cache"))) for tool in tools_for(version)}
        assert paths["kube-apiserver"] == f"/cache/kubernetes-v{version}/kube-apiserver"
        assert paths["kubectl"] == f"/cache/kubernetes-v{version}/kubectl"
        assert paths["etcd"] == "/cache/etcd-v3.6.13/etcd"
        assert paths["kwok"] == "/cache/kwok-v0.8.0/kwok"
        assert paths.keys() == {*PROCESSES, "kubectl"}

    @pytest.mark.parametrize("version", ["1.37.2", "1.34.4"])
    def test_every_package_is_a_tool_of_its_module_and_pinned_by_checksum(self, version: str) -> None:
        for tool in (*tools_for(version), helm_tool(), kubeconform_tool(), registry_tool()):
            assert tool.package in (tool.module / "go.mod").read_text(encoding="utf-8")
            assert f"{tool.origin} {tool.version} h1:" in (tool.module / "go.sum").read_text(encoding="utf-8")

    def test_staging_modules_have_the_version_that_belongs_to_kubernetes(self) -> None:
        for version, module in kubernetes_modules().items():
            replaces = [
                line for line in (module / "go.mod").read_text(encoding="utf-8").splitlines() if "=> k8s.io" in line
            ]
            assert len(replaces) > 20
            assert all(line.endswith(f" v0.{version.removeprefix('1.')}") for line in replaces)

    def test_kubernetes_is_told_its_version(self) -> None:
        server = next(tool for tool in tools_for("1.34.4") if tool.name == "kube-apiserver")
        assert server.linker_flags == (
            "-s -w -X k8s.io/component-base/version.gitVersion=v1.34.4"
            " -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=34"
        )

    def test_an_unknown_version_names_the_known_ones(self) -> None:
        with pytest.raises(ClusterError, match=r"1\.20\.0 is not pinned here; there are 1\.37\.2, 1\.34\.4"):
            tools_for("1.20.0")

    @pytest.mark.parametrize(
        ("environment", "folder"),
        [
            ({"ROLLKEEPER_CACHE": "/own", "XDG_CACHE_HOME": "/xdg"}, Path("/own")),
            ({"XDG_CACHE_HOME": "/xdg"}, Path("/xdg/rollkeeper")),
            ({"XDG_CACHE_HOME": ""}, Path.home() / ".cache" / "rollkeeper"),
        ],
    )
    def test_the_cache_is_where_the_environment_says(self, environment: dict[str, str], folder: Path) -> None:
        assert cache_folder(environment) == folder

    def test_no_module_reaches_outside_the_registry(self) -> None:
        for path in MODULES.glob("*/go.mod"):
            assert "=> ." not in path.read_text(encoding="utf-8")


class TestAssets:
    @pytest.fixture
    def assets(self, tmp_path: Path) -> Path:
        for name in ("etcd", "kube-apiserver", "kubectl"):
            program = tmp_path / name
            program.write_text("#!/bin/sh\necho Kubernetes v1.37.9\n", encoding="utf-8")
            program.chmod(0o755)
        return tmp_path

    def test_the_wanted_minor_version_is_used(self, assets: Path) -> None:
        assert from_assets("1.37.2", str(assets), QUIET).keys() == {"etcd", "kube-apiserver", "kubectl"}

    def test_another_minor_version_is_left_aside(self, assets: Path) -> None:
        assert from_assets("1.34.4", str(assets), QUIET) == {}

    def test_a_missing_program_is_an_error(self, assets: Path) -> None:
        (assets / "kubectl").unlink()
        with pytest.raises(ClusterError, match="has no kubectl"):
            from_assets("1.37.2", str(assets), QUIET)


class TestFlags:
    def test_everything_listens_on_the_loopback_interface_only(self, layout: Layout) -> None:
        server, etcd = flags("kube-apiserver", layout), flags("etcd", layout)
        assert {"--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", "--secure-port=20001"} <= set(server)
        assert "--listen-client-urls=http://127.0.0.1:20002" in etcd
        assert "--listen-peer-urls=http://127.0.0.1:20003" in etcd
        for name in ("kube-controller-manager", "kube-scheduler"):
            assert "--secure-port=0" in flags(name, layout)

    def test_every_command_line_names_the_folder_so_that_down_knows_its_own(self, layout: Layout) -> None:
        for name in PROCESSES:
            assert any(f"{layout.directory}/" in flag for flag in flags(name, layout)), name

    def test_audit_can_be_left_out(self, layout: Layout) -> None:
        assert f"--audit-log-path={layout.audit_log}" in flags("kube-apiserver", layout)
        assert not [
            flag for flag in flags("kube-apiserver", layout, Settings(audit=False)) if flag.startswith("--audit")
        ]

    def test_request_rates(self, layout: Layout) -> None:
        assert not [flag for flag in flags("kube-controller-manager", layout) if "kube-api" in flag]
        fast = flags("kube-controller-manager", layout, Settings(controller_manager_qps=500))
        assert {"--kube-api-qps=500", "--kube-api-burst=1000"} <= set(fast)
        assert config.scheduler_config("file", 300)["clientConnection"] == {
            "kubeconfig": "file",
            "qps": 300,
            "burst": 600,
        }
        assert config.scheduler_config("file", None)["clientConnection"] == {"kubeconfig": "file"}

    def test_ports_are_distinct_and_not_those_of_outgoing_connections(self) -> None:
        ports = Ports.free()
        assert len({ports.api, ports.etcd, ports.etcd_peer}) == 3
        assert all(port in PORT_RANGE for port in (ports.api, ports.etcd, ports.etcd_peer))
        assert PORT_RANGE.stop <= 32768

    def test_the_stages_make_bad_images_fail(self) -> None:
        stages = KWOK_STAGES.read_text(encoding="utf-8")
        assert 'contains(":bad") or contains("broken")' in stages


class TestConfig:
    def test_the_token_file_is_what_the_api_server_reads(self) -> None:
        keeper = User.service_account("apps", "keeper")
        text = config.token_file([config.Token(config.ADMIN, "s1"), config.Token(keeper, "s2")])
        name = "system:serviceaccount:apps:keeper"
        assert list(csv.reader(text.splitlines())) == [
            ["s1", "admin", "admin", "system:masters"],
            ["s2", name, name, "system:serviceaccounts,system:serviceaccounts:apps"],
        ]

    def test_the_authority_is_the_last_certificate_of_the_chain(self) -> None:
        leaf, root = (f"-----BEGIN CERTIFICATE-----\n{part}\n-----END CERTIFICATE-----\n" for part in ("leaf", "root"))
        assert config.authority_of(leaf + root) == root

    def test_the_audit_policy_drops_reads_but_those_of_installed_programs(self) -> None:
        reads = [rule for rule in config.audit_policy()["rules"] if rule.get("verbs") == ["get", "list", "watch"]]
        assert [(rule["level"], rule.get("userGroups")) for rule in reads] == [
            ("None", ["system:serviceaccounts:kube-system"]),
            ("Metadata", ["system:serviceaccounts"]),
            ("None", None),
        ]

    def test_the_audit_policy_keeps_bodies_of_our_kinds(self) -> None:
        rules = config.audit_policy()["rules"]
        assert rules[-1] == {"level": "Metadata"}
        (judged,) = (rule for rule in rules if rule["level"] == "Request")
        bodies = {entry["group"]: entry.get("resources") for entry in judged["resources"]}
        assert bodies["rollkeeper.io"] is None  # all of them, with their status
        assert {"pods", "pods/*"} <= set(bodies[""])

    @pytest.mark.parametrize("wrong", [{"nodes": -1}, {"zones": 0}])
    def test_impossible_settings_are_refused(self, wrong: dict[str, int]) -> None:
        with pytest.raises(ValueError, match="must be 0 or more"):
            Settings(**wrong)  # type: ignore[arg-type] # every key above is an int field


class TestObjects:
    def test_nodes_go_round_the_zones(self) -> None:
        zones = [node(number, 3)["metadata"]["labels"]["topology.kubernetes.io/zone"] for number in range(1, 6)]
        assert zones == ["zone-1", "zone-2", "zone-3", "zone-1", "zone-2"]

    def test_a_node_is_played_by_kwok_has_room_and_no_taint(self) -> None:
        made = node(7, 3)
        assert made["metadata"]["name"] == "node-7"
        assert made["metadata"]["annotations"] == {"kwok.x-k8s.io/node": "fake"}
        assert made["status"]["capacity"]["pods"] == "5000"
        assert "spec" not in made

    def test_a_node_is_usable_when_ready_and_untainted(self) -> None:
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        assert node_usable({"status": ready})
        assert not node_usable({"status": ready, "spec": {"taints": [{"key": "node.kubernetes.io/not-ready"}]}})
        assert not node_usable(node(1, 1))

    def test_the_storage_class_is_the_default(self) -> None:
        made = storage_class()
        assert made["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
        assert made["provisioner"] == "kubernetes.io/host-path"


class TestProcesses:
    def sleeper(self, layout: Layout, name: str = "etcd") -> "subprocess.Popen[bytes]":
        script = layout.state / "sleeper.sh"  # its command line names the folder, as those of real processes do
        script.write_text("echo started; while :; do sleep 60; done\n", encoding="utf-8")
        return launch(layout, name, ["/bin/sh", str(script)])

    def test_shut_down_ends_all_and_keeps_the_logs(self, layout: Layout) -> None:
        Record("1.37.2", "https://127.0.0.1:1", {}, temporary=False).write(layout)
        children = [self.sleeper(layout, name) for name in ("etcd", "kwok")]
        assert running(layout) == {"etcd": children[0].pid, "kwok": children[1].pid}
        assert shut_down(layout, QUIET)
        assert [child.wait(timeout=5) for child in children] == [-9, -9]
        assert [path.name for path in layout.directory.iterdir()] == ["logs"]
        assert not shut_down(layout, QUIET)

    def test_a_number_that_belongs_to_somebody_else_is_left_alone(self, layout: Layout) -> None:
        with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
            (layout.pids / "etcd").write_text(str(stranger.pid), encoding="utf-8")
            assert running(layout) == {}
            end(layout, "etcd", signal.SIGKILL, patience=1)
            assert stranger.poll() is None
            stranger.kill()

    def test_restarts_append_to_the_log(self, layout: Layout) -> None:
        log = layout.logs / "etcd.log"
        for count in (1, 2):
            child = self.sleeper(layout)
            wait_until_contains(log, "started\n" * count)
            child.kill()
            child.wait()

    def test_a_second_cluster_in_the_same_folder_is_noticed(self, layout: Layout) -> None:
        record = Record("1.37.2", "https://127.0.0.1:1", {}, temporary=False)
        record.write(layout)
        with pytest.raises(FileExistsError):
            record.write(layout)
        assert Record.read(layout) == record


def wait_until_contains(path: Path, text: str) -> None:
    deadline = time.monotonic() + 10
    while text not in path.read_text(encoding="utf-8"):
        assert time.monotonic() < deadline, f"{path} never contained {text!r}"
        time.sleep(0.01)
