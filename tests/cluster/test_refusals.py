"""What the API server refuses for now is told at once, and not asked for again and again (H5, B12)."""

from collections.abc import Iterator

import pytest

from hack.localcluster import ClusterError, LocalCluster
from tests.cluster.audit import AuditLog, Json
from tests.cluster.fleet import fleet, published
from tests.cluster.replay import code_of, status_of
from tests.cluster.world import World, condition

POLICY = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingAdmissionPolicy"}
SAYS = "nobody is evicted on a Friday"


def test_full_quota(live: World, audit: AuditLog) -> None:
    """H5: the server's words are told, few calls are made in vain, and it goes on by itself when there is room."""
    replicas = 30
    quota: Json = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}}
    live.create({**quota, "spec": {"hard": {"pods": "2"}}})
    live.until("the quota is in force", lambda: status_of(live.get("resourcequotas", "full")).get("hard"))
    begin = audit.mark()
    patient: Json = {}  # the default clocks: a quarter of an hour is too late to be told
    live.create(published("1.0.0"), fleet(replicas, upgradePolicy=patient))
    live.until("the set says so", lambda: "exceeded quota" in _ready_message(live))
    refused = [
        w for w in audit.writes(live.namespace, begin) if (w.verb, w.resource, w.code) == ("create", "pods", 403)
    ]
    assert 1 <= len(refused) < replicas, f"{len(refused)} creates were refused"
    live("delete", "resourcequota", "full")
    live.until_healthy("1.0.0", replicas)


def _ready_message(world: World) -> str:
    return str(condition(world.get("scalesets", "web"), "Ready").get("message", ""))


@pytest.fixture
def no_evictions(simulated: LocalCluster, live: World) -> Iterator[str]:
    """An administrator's policy against evictions in the namespace; its name."""
    name = f"friday-{live.namespace}"
    rule = {"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["pods/eviction"]}
    spec: Json = {
        "matchConstraints": {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": SAYS, "reason": "Forbidden"}],
    }
    there = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": live.namespace}}}
    bound: Json = {"policyName": name, "validationActions": ["Deny"], "matchResources": there}
    metadata = {"metadata": {"name": name}}
    live.create(
        {**POLICY, **metadata, "spec": spec}, {**POLICY, "kind": f"{POLICY['kind']}Binding", **metadata, "spec": bound}
    )
    yield name
    simulated.kubectl("delete", POLICY["kind"], name, "--ignore-not-found")
    simulated.kubectl("delete", f"{POLICY['kind']}Binding", name)


def test_evictions_that_a_policy_forbids(live: World, audit: AuditLog, no_evictions: str) -> None:
    """B12: the run says who refuses, and waits without pressing; it goes on when it may."""
    live.create(published("1.0.0"), fleet(3))
    live.until_healthy("1.0.0", 3)
    live.until("the policy is in force", lambda: SAYS in _evict_in_vain(live, "web-0"))
    begin = audit.mark()
    live.create(published("1.1.0"))
    said = live.until("the run says so", lambda: _refused_run(live))
    assert code_of(said) == "RollingForward"
    mine = [w for w in audit.writes(live.namespace, begin) if w.by_controller]
    refused = [w for w in mine if w.resource == "pods/eviction"]
    assert 1 <= len(refused) <= 10, f"{len(refused)} evictions were refused in vain"
    assert len(mine) <= 30, f"{len(mine)} writes while nothing can be done"
    live("delete", POLICY["kind"], no_evictions)
    live.until_run_to("1.1.0", "Completed")
    live.until_healthy("1.1.0", 3)


def _evict_in_vain(world: World, pod: str) -> str:
    """What the server says to an eviction that is only tried."""
    eviction: Json = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
    path = f"/api/v1/namespaces/{world.namespace}/pods/{pod}/eviction?dryRun=All"
    try:
        world("create", f"--raw={path}", "--filename=-", stdin={**eviction, "deleteOptions": {"dryRun": ["All"]}})
    except ClusterError as refusal:
        return str(refusal)
    return ""


def _refused_run(world: World) -> Json | None:
    return next((run for run in world.items("upgraderuns") if SAYS in status_of(run).get("message", "")), None)
