"""Takes a cluster down from nothing but its folder: for `down`, for a start that failed, and for an owner that died."""

import shutil
import signal
from pathlib import Path

from hack.localcluster.client import Client
from hack.localcluster.flags import ALL_PROCESSES
from hack.localcluster.layout import Layout, Record
from hack.localcluster.processes import end, running
from hack.localcluster.report import Reporter

VOLUMES = Path("/tmp/hostpath_pv")  # noqa: S108 - fixed in Kubernetes' source; nothing is read from there
"""Where the host-path provisioner makes a folder for each volume; it can't be told another place."""


def shut_down(layout: Layout, report: Reporter) -> bool:
    """End every process and remove everything but the logs (those too where the folder is temporary).

    The processes are killed, not asked: all their data goes anyway, and an API server takes long to say goodbye.
    False if no cluster was there.
    """
    record = Record.read(layout)
    if record is None:
        return False
    volumes = _volumes(layout, report)
    for name in reversed(list(ALL_PROCESSES)):
        end(layout, name, signal.SIGKILL, patience=10)
    _remove_volumes(volumes)
    for path in (layout.state, layout.pids):
        if path.exists():
            shutil.rmtree(path)
    layout.kubeconfig.unlink(missing_ok=True)
    layout.record.unlink()
    if record.temporary:
        shutil.rmtree(layout.directory)
    return True


def _volumes(layout: Layout, report: Reporter) -> list[Path]:
    """The folders of this cluster's volumes; only the API server knows which of all they are."""
    if "kube-apiserver" not in running(layout) or not layout.kubeconfig.exists():
        return []
    try:
        answer = Client.from_kubeconfig(layout.kubeconfig).call("GET", "/api/v1/persistentvolumes")
    except OSError as error:
        report.say(f"empty folders of volumes may be left in {VOLUMES}: the API server does not answer ({error})")
        return []
    paths = (Path(item["spec"].get("hostPath", {}).get("path", "")) for item in answer["items"])
    return [path for path in paths if path.parent == VOLUMES]


def _remove_volumes(volumes: list[Path]) -> None:
    """Simulated pods write nothing, so the folders are empty; one that is not is no business of ours and stays."""
    for path in volumes:
        _remove_if_empty(path)
    # The provisioner made it for its user only: left behind, it would refuse the volumes of any other user's cluster.
    if volumes:
        _remove_if_empty(VOLUMES)


def _remove_if_empty(path: Path) -> None:
    if path.is_dir() and not any(path.iterdir()):
        path.rmdir()
