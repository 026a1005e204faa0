"""A real Kubernetes control plane with simulated nodes on this machine: no root, no Docker."""

import json
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.request import urlopen

from hack.localcluster import config
from hack.localcluster.build import ensure, ensure_tools
from hack.localcluster.client import Client
from hack.localcluster.errors import ClusterError
from hack.localcluster.flags import ALL_PROCESSES, LOOPBACK, PROCESSES
from hack.localcluster.guard import Guard
from hack.localcluster.kubectl import kubectl
from hack.localcluster.kubevirt import Installer, write_certificates
from hack.localcluster.layout import Layout, Ports, Record
from hack.localcluster.objects import node, node_usable, storage_class
from hack.localcluster.processes import POLL_SECONDS, end, launch, log_file, log_tail, running
from hack.localcluster.report import Reporter
from hack.localcluster.settings import Settings, User
from hack.localcluster.shutdown import shut_down
from hack.localcluster.tools import kubevirt_tools

START_SECONDS = 120.0
"""For each step of a start, on a machine that is busy with other things too."""

STOP_SECONDS = 5.0
"""An API server with open watches would take a minute."""


class LocalCluster:
    """One cluster, ready inside a `with` block and gone after it, also when its owner is killed.

    `directory` holds all its files; the `logs` in it stay after the end, until the next start. Without one, a temporary
    folder is used and nothing stays.
    """

    def __init__(
        self, settings: Settings | None = None, *, directory: Path | None = None, report: Reporter | None = None
    ) -> None:
        self.settings = settings or Settings()
        self._temporary = directory is None
        folder = Path(tempfile.mkdtemp(prefix="rollkeeper-")) if directory is None else directory
        self.layout = Layout(folder.resolve())
        self._report = report or Reporter()
        self._ports = Ports.free()
        self._tokens: dict[str, config.Token] = {}
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._programs: dict[str, Path] = {}
        self._guard: Guard | None = None
        self._detached = False

    # What users of a cluster need.

    @property
    def kubeconfig(self) -> Path:
        """The administrator's."""
        return self.layout.kubeconfig

    @property
    def server(self) -> str:
        """The address of the API server."""
        return f"https://{LOOPBACK}:{self._ports.api}"

    @property
    def audit_log(self) -> Path:
        """Every write, one JSON object (audit.k8s.io/v1 Event) a line."""
        return self.layout.audit_log

    @property
    def logs_dir(self) -> Path:
        """One log a process."""
        return self.layout.logs

    @property
    def processes(self) -> dict[str, int]:
        """Name -> pid of every process that runs."""
        return {name: child.pid for name, child in self._children.items() if child.poll() is None}

    @property
    def client(self) -> Client:
        """The administrator's plain JSON client."""
        return Client.from_kubeconfig(self.kubeconfig)

    def program(self, name: str) -> Path:
        """One of the programs that it runs, or kubectl. Raises KeyError for another name."""
        return self._programs[name]

    def kubectl(self, *arguments: str, stdin: str | None = None) -> str:
        """The standard output of a kubectl command run as administrator; see `hack.localcluster.kubectl`."""
        return kubectl(self._programs["kubectl"], self.kubeconfig, *arguments, stdin=stdin)

    def kubeconfig_for(self, user: User) -> Path:
        """The file with which one of `settings.users` speaks to this cluster."""
        path = self.layout.state / f"user-{self.settings.users.index(user)}.kubeconfig"
        self._write_kubeconfig(path, user)
        return path

    # Life and death.

    def __enter__(self) -> Self:
        """Start it; takes 5 to 10 s, or minutes when programs must be built first."""
        try:
            self._start_all()
        except BaseException:  # Ctrl-C too: nothing may stay behind
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.close()

    def close(self) -> None:
        """End every process, remove everything but the logs; harmless when done before, nothing when detached."""
        if self._detached:
            return
        if self._guard is None:  # never came so far that anything was started
            if self._temporary:
                shutil.rmtree(self.layout.directory, ignore_errors=True)
            return
        shut_down(self.layout, self._report)
        for child in self._children.values():
            child.kill()  # one that had not written its pid yet; does nothing to those that are gone
            child.wait()
        self._guard.release()
        self._guard = None

    def detach(self) -> None:
        """Let the cluster live on after this process, until `down`."""
        if self._guard is not None:
            self._guard.release()
            self._detached = True

    def stop(self, name: str, *, kill: bool = False) -> None:
        """End one process: politely (SIGTERM, then SIGKILL after 5 s), or at once as a crash does."""
        self._known(name)
        end(self.layout, name, signal.SIGKILL if kill else signal.SIGTERM, STOP_SECONDS)
        if child := self._children.pop(name, None):
            child.wait()

    def start(self, name: str) -> None:
        """Start one process again, on the same port and data; returns when it answers."""
        self._known(name)
        if name in self.processes:
            message = f"{name} runs already"
            raise ClusterError(message)
        if name == "kwok":
            self._forget_node_leases()
        command = [str(self._programs[name]), *ALL_PROCESSES[name](self.layout, self._ports, self.settings)]
        self._children[name] = launch(self.layout, name, command)
        if name == "etcd":
            self._wait("etcd to answer", self._etcd_healthy)
        if "kube-apiserver" in self.processes:  # it says that it is not ready while etcd is away
            self._wait("the API server to be ready", self._server_ready)

    # The steps of a start.

    def _start_all(self) -> None:
        self._refuse_running()
        self._programs = ensure_tools(self.settings.kubernetes, self._report)
        if self.settings.kubevirt:
            self._programs |= ensure(kubevirt_tools(), self._report)
        begin = time.monotonic()
        self._report.say(f"starting Kubernetes {self.settings.kubernetes} with {self.settings.nodes} simulated nodes")
        self._prepare_folder()
        self._guard = Guard(self.layout)
        self._write_before_server()
        self.start("etcd")
        self.start("kube-apiserver")
        self._write_after_server()
        for name in ("kube-controller-manager", "kube-scheduler"):
            self.start(name)
        if self.settings.kubevirt:
            self._kubevirt().install()
        self.start("kwok")
        self._fill()
        self._report.say(f"ready after {time.monotonic() - begin:.0f} s")

    def _refuse_running(self) -> None:
        if running(self.layout):
            message = f"a cluster runs in {self.layout.directory} already; take it down first"
            raise ClusterError(message)

    def _prepare_folder(self) -> None:
        """Old logs would be mistaken for this cluster's, old data would bring back its objects."""
        layout = self.layout
        self._refuse_running()  # again: minutes of building may have gone by
        shut_down(layout, self._report)  # of one whose machine was switched off
        if layout.state.exists() or layout.pids.exists():
            message = f"{layout.directory} has files that are not a cluster's; choose another folder"
            raise ClusterError(message)
        layout.logs.mkdir(parents=True, exist_ok=True)
        for name in (*ALL_PROCESSES, "guard", "audit"):
            log_file(layout, name).unlink(missing_ok=True)
        programs = {name: str(path) for name, path in self._programs.items()}
        Record(self.settings.kubernetes, self.server, programs, self._temporary).write(layout)
        layout.pids.mkdir()
        layout.state.mkdir(mode=0o700)  # tokens and keys: other users of the machine are no administrators here

    def _write_before_server(self) -> None:
        if self.settings.kubevirt:
            write_certificates(self.layout)
        users = (config.ADMIN, *config.components(self.settings).values(), *self.settings.users)
        self._tokens = {user.name: config.Token(user, secrets.token_urlsafe(24)) for user in users}
        self.layout.tokens.write_text(config.token_file(list(self._tokens.values())), encoding="utf-8")
        self.layout.audit_policy.write_text(json.dumps(config.audit_policy(), indent=2), encoding="utf-8")

    def _write_after_server(self) -> None:
        """Kubeconfigs hold the certificate of the server's authority, which it has just made."""
        chain = self.layout.server_certificate.read_text(encoding="utf-8")
        self.layout.authority.write_text(config.authority_of(chain), encoding="utf-8")
        self._write_kubeconfig(self.kubeconfig, config.ADMIN)
        for name, user in config.components(self.settings).items():
            self._write_kubeconfig(self.layout.component_kubeconfig(name), user)
        scheduler = config.scheduler_config(
            str(self.layout.component_kubeconfig("kube-scheduler")), self.settings.scheduler_qps
        )
        self.layout.scheduler_config.write_text(json.dumps(scheduler, indent=2), encoding="utf-8")

    def _write_kubeconfig(self, path: Path, user: User) -> None:
        content = config.kubeconfig(
            self.server, self.layout.authority.read_text(encoding="utf-8"), self._tokens[user.name]
        )
        path.touch(mode=0o600)
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")

    def _fill(self) -> None:
        """Nodes and storage; returns when a pod can be created and will run."""
        client = self.client
        client.create("/apis/storage.k8s.io/v1/storageclasses", storage_class())
        for number in range(1, self.settings.nodes + 1):
            client.create("/api/v1/nodes", node(number, self.settings.zones, kubevirt=self.settings.kubevirt))
        # Pods are refused in a namespace without it.
        self._wait("the default service account", self._has_default_account)
        self._wait("the nodes to be ready", self._nodes_usable)

    def _kubevirt(self) -> Installer:
        return Installer(
            layout=self.layout,
            ports=self._ports,
            manifests=self._programs["kubevirt-manifests"],
            client=self.client,
            kubectl=self.kubectl,
            start=self.start,
            wait=self._wait,
        )

    # Questions that are asked until the answer is yes.

    def _wait(self, what: str, question: Callable[[], bool]) -> None:
        """Ask until yes.

        Raises:
            ClusterError: a process died, or the time is over; with the end of the logs that tell why.
        """
        deadline = time.monotonic() + START_SECONDS
        while not question():
            dead = [name for name, child in self._children.items() if child.poll() is not None]
            if dead:
                logs = "\n".join(log_tail(self.layout, name) for name in dead)
                message = f"{', '.join(dead)} ended while waiting for {what}\n{logs}"
                raise ClusterError(message)
            if time.monotonic() > deadline:
                logs = "\n".join(log_tail(self.layout, name) for name in self._children)
                message = f"waited {START_SECONDS:.0f} s for {what} in vain\n{logs}"
                raise ClusterError(message)
            time.sleep(POLL_SECONDS)

    def _etcd_healthy(self) -> bool:
        try:
            with urlopen(f"http://{LOOPBACK}:{self._ports.etcd}/health", timeout=5) as answer:
                return bool(json.load(answer)["health"] == "true")
        except OSError:  # it does not listen yet, or is not healthy yet (503)
            return False

    def _server_ready(self) -> bool:
        certificate = self.layout.server_certificate
        authority = certificate.read_text(encoding="utf-8") if certificate.exists() else ""
        if not authority:  # the server has still to make it
            return False
        client = Client(self.server, authority, self._tokens[config.ADMIN.name].secret)
        try:
            return client.text("GET", "/readyz") == "ok"
        except OSError:  # it does not listen yet, or is not ready yet (500)
            return False

    def _has_default_account(self) -> bool:
        try:
            self.client.call("GET", "/api/v1/namespaces/default/serviceaccounts/default")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise
            return False
        return True

    def _nodes_usable(self) -> bool:
        found = self.client.call("GET", "/api/v1/nodes")["items"]
        return len(found) >= self.settings.nodes and all(node_usable(item) for item in found)

    def _forget_node_leases(self) -> None:
        """A kwok that comes back leaves all pods alone until its predecessor's leases end, which takes 40 s."""
        if "kube-apiserver" in self.processes:
            self.client.call("DELETE", "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")

    def _known(self, name: str) -> None:
        known = ALL_PROCESSES if self.settings.kubevirt else PROCESSES
        if name not in known:
            message = f"there is no process {name}; there are {', '.join(known)}"
            raise ClusterError(message)
