"""`python -m bench.probes`: many applications asked every 5 seconds by one process, some of them hung.

The applications are another process: each has an address of its own on the loopback network. What is measured is how
late turns come, what the asking costs, and whether connections stay.
"""

import argparse
import asyncio
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from rich.console import Console
from rich.table import Table

from rollkeeper.api.v1alpha1.health import ApplicationHealth
from rollkeeper.engine.snapshot import Application
from rollkeeper.health.endpoint import NetworkEndpoint
from rollkeeper.health.open_files import questions_at_once
from rollkeeper.health.prober import Prober, Subject

INTERVAL = 5
LONG_AGO = datetime(2030, 1, 1, tzinfo=UTC)
ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 37\r\nConnection: close\r\n\r\n"
    b'{"ApplicationHealthState": "Healthy"}'
)
HUNG_NET, NET = "127.66", "127.65"


@dataclass
class Outcome:
    """What one round came to."""

    late: list[float] = field(default_factory=list)
    words: Counter[str] = field(default_factory=Counter)
    cpu: float = 0
    wall: float = 0
    sockets_left: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.probes", description=__doc__)
    parser.add_argument("--instances", type=int, default=2000, help="applications (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=30, help="of each round (default: %(default)s)")
    chosen = parser.parse_args(arguments)
    columns = ("hung", "asked", "a second", "healthy", "late: ms", "99%", "most", "CPU %", "sockets left")
    table = Table(*columns, title=f"{chosen.instances:,} applications, every {INTERVAL} s, for {chosen.seconds} s")
    with _applications() as port:
        for hung in (0, chosen.instances // 10, chosen.instances):
            found = asyncio.run(_round(chosen.instances, hung, port, chosen.seconds))
            table.add_row(*_row(hung, found))
    Console().print(table)


def _row(hung: int, found: Outcome) -> list[str]:
    late = sorted(1000 * seconds for seconds in found.late)
    asked = len(late)
    return [
        f"{hung:,}",
        f"{asked:,}",
        f"{asked / found.wall:.0f}",
        f"{found.words['Healthy']:,}",
        f"{median(late):.1f}",
        f"{late[int(asked * 0.99)]:.0f}",
        f"{late[-1]:.0f}",
        f"{100 * found.cpu / found.wall:.0f}",
        str(found.sockets_left),
    ]


async def _round(instances: int, hung: int, port: int, seconds: int) -> Outcome:
    found = Outcome()

    async def tell(_subject: Subject, application: Application) -> None:
        await asyncio.sleep(0)
        found.words[application.state] += 1

    prober = Prober(
        NetworkEndpoint(), tell, lambda: datetime.now(UTC), at_once=questions_at_once(), on_turn=found.late.append
    )
    for number in range(instances):
        prober.follow(_subject(number, port, hung=number < hung))
    before = _sockets()
    began, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(prober.run())
    await asyncio.sleep(seconds)
    found.wall, found.cpu = time.perf_counter() - began, time.process_time() - cpu
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await asyncio.sleep(0)
    found.sockets_left = _sockets() - before
    return found


def _subject(number: int, port: int, *, hung: bool) -> Subject:
    """Its pod tells another state than any answer gives, so that each answer is told, and counted."""
    asked = ApplicationHealth(
        protocol="HTTP", port=port, request_path="/health", mode="Rich", interval_seconds=INTERVAL
    )
    address = f"{HUNG_NET if hung else NET}.{number // 250}.{1 + number % 250}"
    known = Application("Initializing", LONG_AGO, "")
    return Subject(f"uid-{number}", "bench", f"web-{number}", address, LONG_AGO, LONG_AGO, asked, known)


def _sockets() -> int:
    return sum(
        str(link.readlink()).startswith("socket:") for link in Path("/proc/self/fd").iterdir() if link.is_symlink()
    )


@contextmanager
def _applications() -> Iterator[int]:
    """A process that answers at every address of the loopback network, and at some of them never; its port."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection) -> None:
    asyncio.run(_answer(pipe))


async def _answer(pipe: Connection) -> None:
    questions_at_once()  # raises the limit on open files

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            if writer.get_extra_info("sockname")[0].startswith(HUNG_NET):
                await reader.read()  # until the other side has had enough
            else:
                writer.write(ANSWER)
                await writer.drain()
        except (OSError, EOFError):
            return
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "0.0.0.0", 0, backlog=4096)  # noqa: S104 - all of 127.0.0.0/8
    pipe.send(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    main()
