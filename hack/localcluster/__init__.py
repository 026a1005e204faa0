"""A real Kubernetes on one machine, for tests, the demo and the benchmark.

    with LocalCluster(Settings(nodes=10)) as cluster:
        cluster.kubectl("create", "deployment", "web", "--image=web:1")

etcd, the API server, the controller manager and the scheduler are the real ones, built once from pinned Go modules; the
nodes are simulated by kwok. Starting takes 5 to 10 s, about 500 MB of memory and neither root nor Docker.
"""

from hack.localcluster.cluster import LocalCluster
from hack.localcluster.errors import ClusterError
from hack.localcluster.external import Cluster, ExternalCluster, open_cluster
from hack.localcluster.settings import Settings, User

__all__ = ["Cluster", "ClusterError", "ExternalCluster", "LocalCluster", "Settings", "User", "open_cluster"]
