"""One cluster and one controller for all tests; where no cluster can be had, the session ends with a failure."""

import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e import images
from tests.e2e.cluster import Cluster, open_cluster
from tests.e2e.controller import Controller
from tests.e2e.programs import NoClusterError, ProgramError, logger
from tests.e2e.site import Site

CRDS = Path(__file__).resolve().parents[2] / "crds"
SITE = pytest.StashKey[Site]()
FIRST = ("test_as_written.py", "test_installation.py")
FAILED = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster with the images of the tests."""
    try:
        with open_cluster() as opened:
            logger.info("building images and loading them")
            built = images.build()
            opened.load(built)
            images.remove(built)
            yield opened
    except NoClusterError as error:
        pytest.exit(f"NO END-TO-END TEST WAS RUN, NOTHING IS SHOWN TO WORK: {error}", returncode=1)


@pytest.fixture(scope="session")
def defined(cluster: Cluster) -> Cluster:
    """The cluster with our custom resource definitions, applied by kubectl."""
    cluster.kubectl("apply", "--filename", str(CRDS))
    cluster.kubectl("wait", "--for=condition=Established", "--timeout=60s", "--filename", str(CRDS))
    return cluster


@pytest.fixture(scope="session")
def site(defined: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A namespace of our own and the controller that looks after it."""
    namespace = f"rollkeeper-e2e-{uuid.uuid4().hex[:6]}"
    folder = tmp_path_factory.mktemp("site")
    controller = Controller(defined.kubeconfig, namespace, folder / "controller.log")
    defined.kubectl("create", "namespace", namespace)
    controller.start()
    found = request.config.stash[SITE] = Site(defined, namespace, controller, folder)
    yield found
    try:
        # While the controller runs: it lets go of what it holds.
        found.kubectl(
            "delete", "imagesources,scalesets,upgraderuns,imageversions", "--all", "--timeout=60s", seconds=90
        )
    finally:
        code = controller.end(signal.SIGTERM)
        defined.kubectl("delete", "namespace", namespace, "--timeout=120s", seconds=150)
    assert code == 0, f"the controller ended with exit code {code}:\n{controller.log()}"


@pytest.fixture
def in_order(request: pytest.FixtureRequest) -> None:
    """Where the tests of a module are the steps of one story, none can go well after one that failed."""
    failed = request.node.parent.stash.get(FAILED, None)
    if failed is not None:
        pytest.fail(f"not tried: the step before it failed ({failed})", pytrace=False)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A controller for all namespaces must not find what tests left whose controller works in one: it comes first."""
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Notes which step failed, and adds to its report what the cluster and the controller say."""
    report = yield
    parent = item.parent
    if not report.failed or parent is None or FAILED in parent.stash or call.when == "teardown":
        return report
    parent.stash[FAILED] = item.name
    site = item.config.stash.get(SITE, None)
    if site is not None:
        try:
            report.sections.extend(site.report())
        except (ProgramError, OSError) as error:
            report.sections.append(("cluster", str(error)))
    return report
