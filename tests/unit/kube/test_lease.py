import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.errors import ApiError, Unavailable
from rollkeeper.kube.lease import Elector, LeadershipLost, LeaseTiming
from rollkeeper.kube.resources import LEASES

from .fakes import HANG, LOST, FakeApi
from .virtual_time import now, virtual_time

KEY = ("leases", "ns", "rollkeeper")
DOWN = Unavailable(503, "ServiceUnavailable", "down")


class Candidate:
    def __init__(self, api: FakeApi, identity: str) -> None:
        self.elector = Elector(api, "ns", "rollkeeper", identity, now=lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.started = asyncio.Event()
        self.stop = asyncio.Event()
        self.task = asyncio.create_task(self.elector.run(self.started.set, self.stop))

    async def end(self) -> None:
        self.stop.set()
        await self.task


@asynccontextmanager
async def leader() -> AsyncIterator[tuple[FakeApi, Candidate]]:
    api = FakeApi()
    candidate = Candidate(api, "one")
    await candidate.started.wait()
    yield api, candidate
    candidate.task.cancel()
    await asyncio.gather(candidate.task, return_exceptions=True)


def spec(api: FakeApi) -> JsonObject:
    found: JsonObject = api.objects[KEY]["spec"]
    return found


@virtual_time
async def test_the_first_takes_the_lease_and_renews_it() -> None:
    async with leader() as (api, one):
        assert one.elector.leading
        assert spec(api) == {
            "holderIdentity": "one",
            "leaseDurationSeconds": 15,
            "acquireTime": "2026-01-01T00:00:00.000000Z",
            "renewTime": "2026-01-01T00:00:00.000000Z",
            "leaseTransitions": 0,
        }
        await asyncio.sleep(600)
        assert one.elector.leading
        assert 250 <= api.calls.count(("patch", "leases")) <= 310


@virtual_time
async def test_the_second_waits_and_follows_at_once_after_a_clean_stop() -> None:
    async with leader() as (api, one):
        two = Candidate(api, "two")
        await asyncio.sleep(600)
        assert not two.started.is_set()
        began = now()
        await one.end()
        assert not one.elector.leading
        await two.started.wait()
        assert now() - began <= LeaseTiming().ask
        assert spec(api)["holderIdentity"] == "two"
        assert spec(api)["leaseTransitions"] == 1
        await two.end()
        assert spec(api)["holderIdentity"] == ""


@virtual_time
async def test_the_second_follows_a_holder_that_died_after_the_lease_has_run_out() -> None:
    async with leader() as (api, one):
        two = Candidate(api, "two")
        await asyncio.sleep(60)
        one.task.cancel()
        began = now()
        await two.started.wait()
        assert 13 <= now() - began <= 19
        await two.end()


@virtual_time
async def test_a_newcomer_measures_the_whole_time_itself_whatever_the_timestamp_says() -> None:
    api = FakeApi()
    old: JsonObject = {
        "metadata": {"namespace": "ns", "name": "rollkeeper"},
        "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 15, "renewTime": "1999-01-01T00:00:00.000000Z"},
    }
    api.put(LEASES, old)
    began = now()
    two = Candidate(api, "two")
    await two.started.wait()
    assert 15 < now() - began <= 19
    await two.end()


@virtual_time
async def test_a_holder_with_a_longer_lease_is_given_its_time() -> None:
    api = FakeApi()
    old: JsonObject = {
        "metadata": {"namespace": "ns", "name": "rollkeeper"},
        "spec": {"holderIdentity": "dead", "leaseDurationSeconds": 60},
    }
    api.put(LEASES, old)
    began = now()
    two = Candidate(api, "two")
    await two.started.wait()
    assert 60 < now() - began <= 64
    await two.end()


@pytest.mark.parametrize("trouble", [DOWN, HANG])
@virtual_time
async def test_the_holder_gives_up_before_others_may_take_over(trouble: object) -> None:
    async with leader() as (api, one):
        two = Candidate(api, "two")
        await asyncio.sleep(61)
        began = now()
        api.plans["patch"] = [trouble] * 20
        with pytest.raises(LeadershipLost):
            await one.task
        assert 6 <= now() - began <= 10
        assert not one.elector.leading
        api.plans["patch"] = []
        assert not two.started.is_set()
        await two.started.wait()
        assert now() - began > 13
        await two.end()


@virtual_time
async def test_two_never_lead_at_once_while_calls_fail_at_random() -> None:
    api = FakeApi()
    for verb in ("get", "patch"):
        api.plans[verb] = [DOWN, None, HANG, None, LOST, None, None, DOWN, DOWN, DOWN, HANG, HANG, None] * 20
    candidates = [Candidate(api, f"c{number}") for number in range(3)]
    leaders = 0
    for _ in range(4000):
        await asyncio.sleep(0.25)
        leading = [one for one in candidates if one.elector.leading]
        assert len(leading) <= 1
        leaders += len(leading)
        for one in candidates:
            if one.task.done() and isinstance(one.task.exception(), LeadershipLost):
                candidates.remove(one)
                candidates.append(Candidate(api, f"c{now()}"))
    assert leaders > 1000
    for one in candidates:
        one.task.cancel()


@virtual_time
async def test_a_short_outage_is_survived() -> None:
    async with leader() as (api, one):
        await asyncio.sleep(61)
        api.plans["patch"] = [DOWN, HANG]
        await asyncio.sleep(60)
        assert one.elector.leading


@virtual_time
async def test_a_renewal_whose_answer_was_lost_is_recognised() -> None:
    async with leader() as (api, one):
        await asyncio.sleep(61)
        api.plans["patch"] = [LOST]
        await asyncio.sleep(60)
        assert one.elector.leading
        assert ("get", "leases") in api.calls[2:]


@virtual_time
async def test_somebody_elses_label_on_the_lease_is_no_loss() -> None:
    async with leader() as (api, one):
        raw = await api.get(LEASES, "ns", "rollkeeper")
        api.put(LEASES, raw | {"metadata": raw["metadata"] | {"labels": {"a": "b"}}})
        await asyncio.sleep(60)
        assert one.elector.leading


@virtual_time
async def test_a_lease_that_is_taken_or_deleted_is_lost_at_once() -> None:
    async with leader() as (api, one):
        raw = await api.get(LEASES, "ns", "rollkeeper")
        api.put(LEASES, raw | {"spec": raw["spec"] | {"holderIdentity": "thief"}})
        began = now()
        with pytest.raises(LeadershipLost, match="thief"):
            await one.task
        assert now() - began <= 2
        assert not one.elector.leading
    async with leader() as (api, one):
        api.drop(LEASES, "ns", "rollkeeper")
        with pytest.raises(LeadershipLost, match="deleted"):
            await one.task


@virtual_time
async def test_two_that_start_together_are_not_both_leaders() -> None:
    api = FakeApi()
    both = [Candidate(api, "one"), Candidate(api, "two")]
    await asyncio.sleep(30)
    assert [one.started.is_set() for one in both].count(True) == 1
    for one in both:
        await one.end()


@virtual_time
async def test_a_candidate_can_be_stopped_before_it_ever_leads() -> None:
    async with leader() as (api, _):
        two = Candidate(api, "two")
        await asyncio.sleep(5)
        await two.end()
        assert not two.started.is_set()
        assert spec(api)["holderIdentity"] == "one"


@pytest.mark.parametrize("trouble", [DOWN, HANG])
@virtual_time
async def test_a_stop_without_an_api_server_is_a_clean_stop(trouble: object) -> None:
    async with leader() as (api, one):
        await asyncio.sleep(0.5)
        api.plans["patch"] = [trouble]
        await one.end()


@virtual_time
async def test_waiting_for_a_dead_api_server_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    api = FakeApi()
    troubles: list[ApiError] = [DOWN] * 10
    api.plans["get"] = list(troubles)
    one = Candidate(api, "one")
    await one.started.wait()
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1
    await one.end()
