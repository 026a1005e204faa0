"""What README and docs/operating.md tell people to type on a cluster, typed word by word.

Where something can't be pulled, what these pages pull is there already under its name: the bases of both images.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hack.helm import helm, program
from hack.image.base import usable_base
from hack.localcluster.tools import cache_folder
from tests.docs.followed import Reader
from tests.docs.markdown import ROOT
from tests.e2e import images
from tests.e2e.cluster import Cluster
from tests.e2e.conftest import CRDS, SITE
from tests.e2e.installation import RELEASE, Installation
from tests.e2e.programs import NoClusterError, need
from tests.e2e.site import Site

README = ROOT / "README.md"
OPERATING = ROOT / "docs" / "operating.md"
SYSTEM = "rollkeeper-system"
APPS = "rollkeeper-e2e-as-written"
BACKUPS = (ROOT / "rollkeeper-backup.yaml", ROOT / "rollkeeper-values.yaml")
REPLICAS = 5
pytestmark = pytest.mark.usefixtures("in_order")


@pytest.fixture(scope="module")
def site(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Site]:
    """The namespace that the reader's context names, on a cluster that has never heard of us."""
    _forget_us(cluster)
    images.provide_base()
    cluster.kubectl("create", "namespace", APPS)
    installation = Installation(cluster, SYSTEM)
    found = request.config.stash[SITE] = Site(cluster, APPS, installation, tmp_path_factory.mktemp("as-written"))
    yield found
    del request.config.stash[SITE]
    for file in BACKUPS:
        file.unlink(missing_ok=True)
    _forget_us(cluster)


def _forget_us(cluster: Cluster) -> None:
    """Takes away what tests left, also such as broke off; refuses to take away anybody's fleets."""
    there = "rollkeeper.io" in cluster.kubectl("get", "crd", "--output=name")
    found = cluster.kubectl("get", "scalesets", "--all-namespaces", "--output=json") if there else '{"items": []}'
    namespaces = {item["metadata"]["namespace"] for item in json.loads(found)["items"]}
    if strangers := {name for name in namespaces if not name.startswith("rollkeeper-e2e-")}:
        message = f"these tests delete all scale sets, and there are some in {', '.join(sorted(strangers))}"
        raise NoClusterError(message)
    helm("uninstall", RELEASE, f"--namespace={SYSTEM}", "--ignore-not-found", kubeconfig=cluster.kubeconfig)
    if there:
        cluster.let_go()
    cluster.kubectl("delete", "--ignore-not-found", "--filename", str(CRDS), "--timeout=60s", seconds=90)
    cluster.kubectl("delete", "namespace", SYSTEM, APPS, "--ignore-not-found", "--timeout=120s", seconds=150)


@pytest.fixture(scope="module")
def reader(site: Site) -> Reader:
    """Has kubectl, Helm, kind, Docker and uv; the plugin only once it is installed as the README says."""
    tools = site.folder / "bin"
    uv = Path(os.environ.get("UV") or need("uv", "install the plugin")).parent
    return Reader(
        site.cluster.kubeconfig,
        APPS,
        site.folder,
        [site.cluster.program.parent, tools, program().parent, uv],
        {
            "BASE": usable_base(),
            "KIND_CLUSTER_NAME": site.cluster.name,
            "UV_TOOL_BIN_DIR": str(tools),
            "UV_TOOL_DIR": str(site.folder / "tools"),
            "XDG_CACHE_HOME": str(cache_folder().parent),
        },
    )


def seen_by_disks(site: Site) -> set[str]:
    """What the starts of each instance have left on its data disk."""
    return {" ".join(site.shell(f"site-{n}", "cat /data/log").split()) for n in range(REPLICAS)}


def test_the_readme_installs_it_and_rolls_a_version(site: Site, reader: Reader) -> None:
    reader.run(README, "use-it")
    assert seen_by_disks(site) == {"1.0.0 1.1.0"}
    assert {site.served(f"site-{n}") for n in range(REPLICAS)} == {"1.1.0"}


def test_it_is_upgraded(site: Site, reader: Reader) -> None:
    """With runs in flight, from the previous chart: see test_installation.py."""
    reader.run(OPERATING, "upgrade")
    releases = helm("history", RELEASE, f"--namespace={SYSTEM}", "--output=json", kubeconfig=site.cluster.kubeconfig)
    assert [(r["revision"], r["status"]) for r in json.loads(releases)] == [(1, "superseded"), (2, "deployed")]


def test_it_is_backed_up_uninstalled_and_restored(site: Site, reader: Reader) -> None:
    """F4b, F5, I3: nothing but the backup and the data disks is left; the restored set takes these up."""
    reader.run(OPERATING, "back-up")
    reader.run(OPERATING, "uninstall")
    assert "rollkeeper.io" not in site.cluster.kubectl("get", "crd", "--output=name")
    assert site.every("pods") == []
    assert len(site.every("persistentvolumeclaims")) == REPLICAS
    reader.run(OPERATING, "restore")
    site.wait_for_proven("site", "1.1.0", REPLICAS, 180)
    assert seen_by_disks(site) == {"1.0.0 1.1.0 1.1.0"}


def test_it_is_uninstalled(site: Site, reader: Reader) -> None:
    reader.run(OPERATING, "uninstall")
    assert "rollkeeper.io" not in site.cluster.kubectl("get", "crd,clusterrole,clusterrolebinding", "--output=name")
    assert site.every("pods") == []
