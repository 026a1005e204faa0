"""A real API server with our CRDs, one for all tests; the tests fail where none can be had.

Tests of rollouts have a controller too, and the audit log of a local cluster as their witness.
"""

import os
import shutil
import signal
import uuid
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from hack.localcluster import Cluster, LocalCluster, Settings, open_cluster
from hack.localregistry import PASSWORD
from tests.cluster import log_lines, release
from tests.cluster.audit import AuditLog
from tests.cluster.controller import Controller
from tests.cluster.invariants import check
from tests.cluster.replay import Story
from tests.cluster.world import World
from tests.registry.fixtures import guarded, locked, registry, tokens

__all__ = ["guarded", "locked", "registry", "tokens"]

CRDS = Path(__file__).resolve().parents[2] / "crds"
KEPT_LOGS = "ROLLKEEPER_AUDIT_LOGS"
"""The variable that names a folder for the audit logs of all clusters, to be judged when all tests are over."""

SETTINGS = Settings(zones=1, controller_manager_qps=200, scheduler_qps=200, autoscaler_seconds=1)
VIRTUALIZED = replace(SETTINGS, kubevirt=True)


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """Where a shell starts tests in the background SIGINT is ignored, and by all programs that they start, too."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """The cluster of KUBECONFIG, or a local one with an audit log; the CRDs are those of this tree."""
    with open_cluster(SETTINGS) as opened:
        install(opened)
        yield opened
        if isinstance(opened, LocalCluster):
            keep_log(opened)


def keep_log(cluster: LocalCluster) -> None:
    """For tests/rights, which judges what the controllers of all processes asked for."""
    folder = os.environ.get(KEPT_LOGS)
    if folder:
        shutil.copy(cluster.audit_log, Path(folder) / f"{uuid.uuid4().hex}.log")


def install(cluster: Cluster) -> None:
    """The CRDs."""
    cluster.kubectl("apply", "--filename", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename", str(CRDS))


@contextmanager
def fresh_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that nobody else uses."""
    name = f"test-{uuid.uuid4().hex[:10]}"
    cluster.kubectl("create", "namespace", name)
    yield name
    cluster.kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of the test's own."""
    with fresh_namespace(cluster) as name:
        yield name


@pytest.fixture(scope="session")
def simulated(cluster: Cluster) -> Iterator[LocalCluster]:
    """A cluster whose nodes run any image that is not broken, and whose audit log can be read.

    That is a local one, whatever KUBECONFIG names.
    """
    if isinstance(cluster, LocalCluster):
        yield cluster
        return
    with LocalCluster(SETTINGS) as local:
        install(local)
        yield local
        keep_log(local)


@pytest.fixture(scope="session")
def virtualized() -> Iterator[LocalCluster]:
    """A cluster with KubeVirt, whose guests are simulated; a local one, whatever KUBECONFIG names."""
    with LocalCluster(VIRTUALIZED) as local:
        install(local)
        yield local
        keep_log(local)


@contextmanager
def watched_namespace(cluster: LocalCluster, instances: str, runs: str) -> Iterator[World]:
    """A namespace to roll in. When the test is over, the audit log tells whether the invariants held."""
    audit = AuditLog(cluster.audit_log)
    begin = audit.mark()
    with fresh_namespace(cluster) as name:
        yield World(cluster, name, instances, runs)
        check(Story(audit.writes(name, begin), release.controllers_of(name)))


@pytest.fixture(scope="session")
def audit(simulated: LocalCluster) -> AuditLog:
    """What everybody wrote."""
    return AuditLog(simulated.audit_log)


@pytest.fixture
def world(simulated: LocalCluster) -> Iterator[World]:
    """A namespace to roll in, with the invariants checked at its end (I1 to I6, I9)."""
    with watched_namespace(simulated, "pods", "pods") as world:
        yield world


@pytest.fixture
def own_controller(
    simulated: LocalCluster, world: World, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Controller]:
    """A controller for the test's namespace alone, with its Lease there; not started yet."""
    controller = Controller.in_namespace(simulated, world.namespace, tmp_path / "controller.log")
    request.node.controller = controller
    yield controller
    controller.kill()


@pytest.fixture
def rival(simulated: LocalCluster, world: World, tmp_path: Path) -> Iterator[Controller]:
    """A second one."""
    controller = Controller.in_namespace(simulated, world.namespace, tmp_path / "rival.log")
    yield controller
    controller.kill()


@pytest.fixture(scope="session")
def system_account(simulated: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kubeconfig of a controller for all namespaces."""
    simulated.kubectl("create", "namespace", release.SYSTEM)
    return release.install(simulated, release.SYSTEM, tmp_path_factory.mktemp("system"))


@pytest.fixture(scope="module")
def shared_controller(system_account: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A running controller for all namespaces, as most people run it. One a module: starting costs seconds.

    It logs all that it can, for the check at its end.
    """
    logging = ("--log-format=json", "--log-level=DEBUG")
    flags = (f"--namespace={release.SYSTEM}", "--images-namespace=default", *logging)
    controller = Controller(system_account, tmp_path_factory.mktemp("shared") / "controller.log", *flags)
    controller.start()
    yield controller
    controller.stop()
    log_lines.check(controller.log(), (PASSWORD, release.token(system_account)))


@pytest.fixture
def live(shared_controller: Controller, world: World, request: pytest.FixtureRequest) -> World:
    """A namespace in which a controller works already."""
    shared_controller.check()
    request.node.controller = shared_controller
    return world


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the controller's log where a test failed."""
    report = yield
    controller = getattr(item, "controller", None)
    if report.failed and controller is not None:
        report.sections.append(("controller", controller.tail()))
    return report
