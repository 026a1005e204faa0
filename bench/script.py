"""A bare script that changes the image of pods in place, 16 at a time, and minds nothing: `python -m bench.script`.

No batches, no health, no budgets: as fast as it goes. Like the controller, it is a process of its own.
"""

import argparse
import asyncio

from bench.sides import CONTAINER, NAMESPACE
from rollkeeper.kube.client import Client
from rollkeeper.kube.resources import PODS

AT_ONCE = 16
QPS = 500


async def swap(kubeconfig: str, instances: int, image: str) -> None:
    """One PATCH a pod."""
    names = iter(f"script-{number}" for number in range(instances))

    async def work(api: Client) -> None:
        for name in names:
            body = {"spec": {"containers": [{"name": CONTAINER["name"], "image": image}]}}
            await api.strategic_patch(PODS, NAMESPACE, name, body)

    async with await Client.connect(kubeconfig, qps=QPS, burst=QPS) as api:
        await asyncio.gather(*(work(api) for _ in range(AT_ONCE)))


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.script", description=__doc__)
    parser.add_argument("kubeconfig")
    parser.add_argument("instances", type=int)
    parser.add_argument("image")
    chosen = parser.parse_args()
    asyncio.run(swap(chosen.kubeconfig, chosen.instances, chosen.image))


if __name__ == "__main__":
    main()
