"""`python -m hack.localcluster up|down|status|build`: a local cluster from the command line."""

import argparse
import shutil
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from hack.localcluster.build import ensure, ensure_tools
from hack.localcluster.client import Client
from hack.localcluster.cluster import LocalCluster
from hack.localcluster.errors import ClusterError
from hack.localcluster.external import external_cluster
from hack.localcluster.flags import ALL_PROCESSES, PROCESSES
from hack.localcluster.layout import Layout, Record
from hack.localcluster.objects import node_usable
from hack.localcluster.processes import running
from hack.localcluster.report import Reporter
from hack.localcluster.settings import Settings
from hack.localcluster.shutdown import shut_down
from hack.localcluster.tools import (
    helm_tool,
    kubeconform_tool,
    kubernetes_modules,
    kubevirt_tools,
    newest_kubernetes,
    registry_tool,
)

CLUSTERS = Path(__file__).parents[2] / ".cluster"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m hack.localcluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a cluster, which runs until `down`")
    down = commands.add_parser("down", help="end a cluster and remove all but its logs")
    status = commands.add_parser("status", help="show what runs")
    build = commands.add_parser("build", help="only build the programs, and Helm")
    for command in (up, down, status):
        command.add_argument(
            "--name", default="default", help="several clusters can run at once (default: %(default)s)"
        )
        command.add_argument("--dir", type=Path, help="folder of the cluster (default: .cluster/NAME)")
    for command in (up, build):
        command.add_argument(
            "--kubernetes", default=newest_kubernetes(), choices=list(kubernetes_modules()), help="default: %(default)s"
        )
        command.add_argument("--kubevirt", action="store_true", help="KubeVirt's API and controller too")
    up.add_argument("--nodes", type=int, default=Settings.nodes, help="simulated nodes (default: %(default)s)")
    up.add_argument("--zones", type=int, default=Settings.zones, help="zones of the nodes (default: %(default)s)")
    return parser.parse_args(arguments)


def main() -> int:
    """0 for done, 1 for an error that is shown; `status` says 1 unless all processes run."""
    arguments = parse()
    report = Reporter()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        if arguments.command == "build":
            kubevirt = kubevirt_tools() if arguments.kubevirt else ()
            others = (helm_tool(), kubeconform_tool(), registry_tool(), *kubevirt)
            tools = ensure_tools(arguments.kubernetes, report) | ensure(others, report)
            for name, path in tools.items():
                print(f"{name:<24} {path}")
            return 0
        layout = Layout((arguments.dir or CLUSTERS / arguments.name).resolve())
        if arguments.command == "down":
            return _down(layout, report)
        if arguments.command == "status":
            return _status(layout)
        settings = Settings(
            kubernetes=arguments.kubernetes,
            nodes=arguments.nodes,
            zones=arguments.zones,
            kubevirt=arguments.kubevirt,
        )
        return _up(layout, settings, report)
    except (ClusterError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def _terminated(_number: int, _frame: FrameType | None) -> NoReturn:
    """End as Ctrl-C does, with everything cleaned up; Python's default would leave a compiler running."""
    sys.exit(143)


def _up(layout: Layout, settings: Settings, report: Reporter) -> int:
    if external := external_cluster(report):
        report.say(f"{external.describe()}; nothing was started (unset KUBECONFIG to get a local cluster)")
        return 0
    with LocalCluster(settings, directory=layout.directory, report=report) as cluster:
        cluster.detach()
    _status(layout)
    print(f"\nexport KUBECONFIG={layout.kubeconfig}")
    if shutil.which("kubectl") is None:
        print(f"export PATH={cluster.program('kubectl').parent}:$PATH")
    return 0


def _down(layout: Layout, report: Reporter) -> int:
    if shut_down(layout, report):
        report.say(f"down; its logs are in {layout.logs}")
    else:
        report.say(f"no cluster in {layout.directory}")
    return 0


def _status(layout: Layout) -> int:
    record = Record.read(layout)
    if record is None:
        print(f"no cluster in {layout.directory}")
        return 1
    alive = running(layout)
    print(f"Kubernetes   {record.kubernetes}")
    print(f"server       {record.server}")
    print(f"kubeconfig   {layout.kubeconfig}")
    print(f"kubectl      {record.programs['kubectl']}")
    print(f"logs         {layout.logs}")
    print(f"nodes        {_nodes(layout)}")
    expected = [name for name in ALL_PROCESSES if name in PROCESSES or name in record.programs]
    for name in expected:
        print(f"{name:<24} {f'running, pid {alive[name]}' if name in alive else 'not running'}")
    return 0 if alive.keys() == set(expected) else 1


def _nodes(layout: Layout) -> str:
    try:
        nodes = Client.from_kubeconfig(layout.kubeconfig).call("GET", "/api/v1/nodes")["items"]
    except OSError as error:
        return f"unknown: {error}"
    return f"{sum(map(node_usable, nodes))} of {len(nodes)} ready"


if __name__ == "__main__":
    sys.exit(main())
