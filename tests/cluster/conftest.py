"""A real API server with our CRDs, one for all tests; the tests fail where none can be had.

Tests of rollouts have a controller too, and the audit log of a local cluster as their witness.
"""

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

HERE = Path(__file__).resolve().parent
CRDS = HERE.parents[1] / "crds"
LAST = "test_rights.py"
WHOLE = pytest.StashKey[bool]()
"""Whether every test of this folder is part of the session."""

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


@pytest.fixture(scope="session")
def virtualized() -> Iterator[LocalCluster]:
    """A cluster with KubeVirt, whose guests are simulated; a local one, whatever KUBECONFIG names."""
    with LocalCluster(VIRTUALIZED) as local:
        install(local)
        yield local


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


def pytest_collection_modifyitems(session: pytest.Session, items: list[pytest.Item]) -> None:
    """The rights are judged when all others are done; and in full only when all others were there.

    Where tests run in several processes one of them begins with these, which wait most of the time, and the others do
    the rest meanwhile: cut into two these would need two control planes at once, and two audit logs for one judgement.
    """
    here = [item for item in items if item.path.parent == HERE]
    here.sort(key=lambda item: item.path.name == LAST)
    for item in here:
        item.add_marker(pytest.mark.xdist_group("cluster"))
    rest = [item for item in items if item.path.parent != HERE]
    items[:] = here + rest if hasattr(session.config, "workerinput") else rest + here
    session.stash[WHOLE] = {item.path for item in here} >= set(HERE.glob("test_*.py"))


def pytest_deselected(items: list[pytest.Item]) -> None:
    """One that was left out may have been the one that needs a right."""
    if items:
        items[0].session.stash[WHOLE] = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Shows the controller's log where a test failed."""
    report = yield
    controller = getattr(item, "controller", None)
    if report.failed and controller is not None:
        report.sections.append(("controller", controller.tail()))
    return report
