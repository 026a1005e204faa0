import asyncio
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rollkeeper.kube.backoff import Backoff
from rollkeeper.kube.errors import Conflict
from rollkeeper.kube.queue import Priority, ShutDown, WorkQueue, run_workers

from .virtual_time import now, run_virtual, virtual_time

CHANGE, RESYNC = Priority.CHANGE, Priority.RESYNC


async def taken(queue: WorkQueue[str], count: int) -> list[str]:
    keys = []
    for _ in range(count):
        keys.append(await queue.get())
        queue.done(keys[-1])
    return keys


@virtual_time
async def test_a_key_that_is_added_twice_is_worked_on_once() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for key in ("a", "b", "a"):
        queue.add(key)
    assert len(queue) == 2
    assert await taken(queue, 2) == ["a", "b"]
    assert len(queue) == 0


@virtual_time
async def test_a_key_that_is_added_while_it_is_worked_on_runs_again_afterwards() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    assert await queue.get() == "a"
    queue.add("a")
    queue.add("a")
    assert len(queue) == 0
    assert queue.working == {"a"}
    queue.done("a")
    assert await taken(queue, 1) == ["a"]
    assert len(queue) == 0
    assert not queue.working


@virtual_time
async def test_get_waits() -> None:
    queue: WorkQueue[str] = WorkQueue()
    getters = [asyncio.create_task(queue.get()) for _ in range(3)]
    await asyncio.sleep(1)
    queue.add("a")
    queue.add("b")
    await asyncio.sleep(0.1)
    assert {task.result() for task in getters if task.done()} == {"a", "b"}
    queue.add("c")
    assert "c" in await asyncio.gather(*getters)


@virtual_time
async def test_a_worker_that_is_cancelled_while_it_waits_takes_nothing_along() -> None:
    queue: WorkQueue[str] = WorkQueue()
    getter = asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    getter.cancel()
    await asyncio.gather(getter, return_exceptions=True)
    assert await taken(queue, 1) == ["a"]


@virtual_time
async def test_changes_go_before_resyncs_and_promote_them() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add("r1", RESYNC)
    queue.add("r2", RESYNC)
    queue.add("c1")
    queue.add("r2")
    queue.add("c1", RESYNC)
    assert await taken(queue, 3) == ["c1", "r2", "r1"]


@virtual_time
async def test_resyncs_do_not_starve() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for number in range(20):
        queue.add(f"c{number}")
    queue.add("r", RESYNC)
    assert "r" in await taken(queue, 10)


@virtual_time
async def test_add_after_keeps_the_earliest() -> None:
    queue: WorkQueue[str] = WorkQueue()
    began = now()
    queue.add_after("a", 10)
    queue.add_after("a", 5)
    queue.add_after("a", 20)
    queue.add_after("b", 7)
    assert (len(queue), queue.delayed) == (0, 2)
    assert await taken(queue, 1) == ["a"]
    assert now() - began == pytest.approx(5)
    assert await taken(queue, 1) == ["b"]
    assert now() - began == pytest.approx(7)
    await asyncio.sleep(100)
    assert (len(queue), queue.delayed) == (0, 0)


@virtual_time
async def test_add_after_without_a_delay_is_add() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 0)
    assert len(queue) == 1


@virtual_time
async def test_a_delayed_key_can_come_at_once_and_comes_again_at_its_time() -> None:
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 10, RESYNC)
    queue.add("a")
    assert await taken(queue, 1) == ["a"]
    began = now()
    assert await taken(queue, 1) == ["a"]
    assert now() - began == pytest.approx(10)


@virtual_time
async def test_timers_that_were_overtaken_do_not_pile_up() -> None:
    queue: WorkQueue[str] = WorkQueue()
    for _ in range(1000):
        queue.add_after("a", 10_000)
        queue.add_after("a", 1)
        assert await taken(queue, 1) == ["a"]
    assert len(queue._timers) < 100


@virtual_time
async def test_backoff_grows_by_key_until_it_is_forgotten() -> None:
    queue: WorkQueue[str] = WorkQueue(backoff=Backoff(first=1, maximum=8, share=0))
    delays = []
    for _ in range(5):
        delays.append(queue.add_backoff("a"))
        await taken(queue, 1)
    assert delays == [1, 2, 4, 8, 8]
    assert queue.failures("a") == 5
    assert queue.add_backoff("b") == 1
    queue.forget("a")
    assert queue.add_backoff("a") == 1


@virtual_time
async def test_shut_down_ends_the_waiting_and_takes_nothing_more() -> None:
    queue: WorkQueue[str] = WorkQueue()
    getters = [asyncio.create_task(queue.get()) for _ in range(2)]
    queue.add_after("late", 5)
    await asyncio.sleep(0)
    queue.shut_down()
    for getter in getters:
        with pytest.raises(ShutDown):
            await getter
    queue.add("a")
    queue.add_after("a", 1)
    await asyncio.sleep(10)
    assert len(queue) == 0
    with pytest.raises(ShutDown):
        await queue.get()


@virtual_time
async def test_workers_repeat_what_failed_and_what_asked_for_it(caplog: pytest.LogCaptureFixture) -> None:
    queue: WorkQueue[str] = WorkQueue(backoff=Backoff(first=4, maximum=60, share=0))
    began = now()
    seen: list[tuple[str, float]] = []

    async def handle(key: str) -> float | None:
        seen.append((key, now() - began))
        runs = [name for name, _ in seen].count(key)
        if key == "broken" and runs < 3:
            raise ZeroDivisionError
        if key == "raced" and runs == 1:
            raise Conflict(409, "Conflict", "changed")
        return 30 if key == "periodic" and runs < 3 else None

    for key in ("broken", "raced", "periodic"):
        queue.add(key)
    workers = asyncio.create_task(run_workers(queue, 2, handle))
    await asyncio.sleep(300)
    queue.shut_down()
    await workers
    times = defaultdict(list)
    for key, at in seen:
        times[key].append(round(at))
    assert times == {"broken": [0, 4, 12], "raced": [0, 4], "periodic": [0, 30, 60]}
    assert queue.failures("broken") == 0
    assert [(record.levelname, record.exc_info is not None) for record in caplog.records] == [
        ("ERROR", True),
        ("WARNING", False),
        ("ERROR", True),
    ]


@virtual_time
async def test_workers_finish_what_they_have_begun() -> None:
    queue: WorkQueue[str] = WorkQueue()
    ended = []

    async def handle(key: str) -> None:
        await asyncio.sleep(10)
        ended.append(key)

    queue.add("a")
    queue.add("b")
    workers = asyncio.create_task(run_workers(queue, 1, handle))
    await asyncio.sleep(1)
    queue.shut_down()
    await workers
    assert ended == ["a"]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "resync", "after", "wait"]),
        st.sampled_from(["a", "b", "c"]),
        st.floats(0.01, 5),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(steps=STEPS, workers=st.integers(1, 4), outcomes=st.lists(st.sampled_from(["ok", "fail", "again"]), max_size=30))
def test_nothing_is_lost_and_nothing_is_done_twice_at_once(
    steps: list[tuple[str, str, float]], workers: int, outcomes: list[str]
) -> None:
    async def scenario() -> None:
        queue: WorkQueue[str] = WorkQueue(backoff=Backoff(first=0.5, maximum=2))
        requested: dict[str, int] = defaultdict(int)
        satisfied: dict[str, int] = defaultdict(int)
        active: set[str] = set()
        left = list(outcomes)

        async def handle(key: str) -> float | None:
            assert key not in active
            active.add(key)
            seen = requested[key]
            await asyncio.sleep(0.3)
            active.discard(key)
            outcome = left.pop() if left else "ok"
            if outcome == "fail":
                raise Conflict(409, "Conflict", "")
            satisfied[key] = max(satisfied[key], seen)
            return 1.0 if outcome == "again" else None

        running = asyncio.create_task(run_workers(queue, workers, handle))
        for step, key, seconds in steps:
            if step == "wait":
                await asyncio.sleep(seconds)
                continue
            requested[key] += 1
            if step == "after":
                queue.add_after(key, seconds)
            else:
                queue.add(key, RESYNC if step == "resync" else CHANGE)
        await asyncio.sleep(300)
        assert satisfied == requested
        assert (len(queue), queue.delayed, queue.working) == (0, 0, frozenset())
        queue.shut_down()
        await running

    run_virtual(scenario())
