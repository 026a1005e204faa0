"""Reads one set out of the caches, as the engine wants it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet
from rollkeeper.controllers.caches import Caches
from rollkeeper.controllers.contents import ContentReader
from rollkeeper.controllers.kubevirt import KubeVirt
from rollkeeper.controllers.memory import SetMemory
from rollkeeper.engine import provisioning, references, revisions
from rollkeeper.engine.snapshot import Instance, OSDisk, Pair, Snapshot
from rollkeeper.engine.versions import image_name
from rollkeeper.instances.pod_view import PodView
from rollkeeper.instances.provisioning import has_tasks
from rollkeeper.instances.virtual_machines.launchers import launcher_of
from rollkeeper.instances.virtual_machines.machine_instance import instance_of
from rollkeeper.instances.virtual_machines.machine_view import MachineView
from rollkeeper.kube.store import Key


@dataclass(frozen=True)
class SnapshotReader:
    """Assembles snapshots. `images_namespace` holds the versions that all sets see."""

    caches: Caches
    images_namespace: str
    contents: ContentReader
    kubevirt: KubeVirt

    def read(self, scale_set: ScaleSet, memory: SetMemory, now: datetime) -> Snapshot:
        """The set with its runs, instances and versions, as far as the caches know."""
        key = (scale_set.metadata.namespace, scale_set.metadata.name)
        uid = scale_set.metadata.uid
        stored = self.caches.revisions.by_index(uid)
        known = {r.name: r.number for r in stored}
        of_claims = references.of_claims(scale_set.spec.volume_claim_templates)
        absent = self.kubevirt.fault if scale_set.spec.has_machines else None
        fault = absent or provisioning.fault(scale_set.spec, self.contents.of(scale_set))
        return Snapshot(
            scale_set=scale_set,
            runs=self.caches.runs.by_index(key),
            catalogue=self.visible(scale_set),
            instances={i.ordinal: i for i in self._instances(scale_set, memory, now) if i.ordinal >= 0},
            revision=self._revision(scale_set) if fault is None else _newest_known(scale_set, known),
            revisions=known,
            model_fault=fault,
            provider_fault=absent,
            images={r.name: r.image_name for r in stored if r.image_name},
            with_tasks=frozenset(r.name for r in stored if has_tasks(r.model)),
            references={r.name: (*r.references, *of_claims) for r in stored},
            reference_checks=dict(memory.reference_checks),
            refusals=dict(memory.refusals),
            vanished=dict(memory.vanished),
            dry_runs=dict(memory.dry_runs),
            internal_error=memory.internal_error,
            claims=self._claims_to_delete(scale_set, key),
            os_disks=tuple(self._os_disks(key)),
        )

    def _revision(self, scale_set: ScaleSet) -> str:
        model = revisions.model_of(scale_set.spec, self.contents.of(scale_set))
        return revisions.revision_name(scale_set.metadata.name, model)

    def visible(self, scale_set: ScaleSet) -> tuple[ImageVersion, ...]:
        """The versions of the set's image in the two namespaces that it looks at."""
        namespaces = {scale_set.metadata.namespace, self.images_namespace}
        found = self.caches.image_versions.by_index(image_name(scale_set.spec.image_reference))
        return tuple(version for version in found if version.metadata.namespace in namespaces)

    def has_agent(self, scale_set: ScaleSet, pair: Pair) -> bool:
        """H1: whether the OS of a version has a guest agent; of one that is not published any more nobody can tell."""
        return any(v.spec.guest_agent for v in self.visible(scale_set) if v.spec.version == pair.version)

    def _instances(self, scale_set: ScaleSet, memory: SetMemory, now: datetime) -> Iterator[Instance]:
        if scale_set.spec.has_machines:
            for machine in self.caches.machines.by_index(scale_set.metadata.uid):
                yield self._of_machine(machine, memory)
        else:
            for view in self.caches.pods.by_index(scale_set.metadata.uid):
                yield self._instance(view, memory, now)

    def _of_machine(self, machine: MachineView, memory: SetMemory) -> Instance:
        guest = self.caches.guests.get((machine.namespace, machine.name))
        mark, before = memory.first_starts.get(machine.uid, (machine.mark, None))
        launcher = launcher_of(self.caches.pods, guest) if guest is not None else None
        instance = instance_of(
            machine,
            guest,
            launcher.instance if launcher is not None else None,
            started_before=before if mark == machine.mark else None,
        )
        if instance.first_started is not None:
            memory.first_starts[machine.uid] = (machine.mark, instance.first_started)
        return self._on_node(instance, guest.node if guest is not None else "")

    def _instance(self, view: PodView, memory: SetMemory, now: datetime) -> Instance:
        instance = view.instance
        if instance.has_hook:
            instance = _after_hook(instance, memory, now)
        if instance.uid in memory.taken_down and not instance.terminating:
            instance = replace(instance, terminating=True)
        return self._on_node(instance, view.node)

    def _on_node(self, instance: Instance, name: str) -> Instance:
        node = self.caches.nodes.get(("", name)) if name else None
        if node is None:
            return instance
        zone = instance.zone or node.zone
        if (node.ready, zone) != (instance.node_ready, instance.zone):
            instance = replace(instance, node_ready=node.ready, zone=zone)
        return instance

    def _os_disks(self, key: Key) -> Iterator[OSDisk]:
        for claim in self.caches.claims.by_index(key):
            if claim.is_os_disk and not claim.terminating:
                yield OSDisk(claim.name, claim.uid, claim.ordinal, claim.image_version, claim.model_revision)

    def _claims_to_delete(self, scale_set: ScaleSet, key: Key) -> frozenset[int]:
        if scale_set.spec.persistent_volume_claim_retention_policy.when_scaled != "Delete":
            return frozenset()
        return frozenset(
            claim.ordinal
            for claim in self.caches.claims.by_index(key)
            if claim.ordinal >= scale_set.spec.replicas and not claim.terminating and not claim.is_os_disk
        )


def _after_hook(instance: Instance, memory: SetMemory, now: datetime) -> Instance:
    """H2: custom data and scripts run on the first clock, though the kubelet counts from the container's start.

    The end of a hook stands nowhere, so what counts is when the container was first seen running. After a restart of
    the controller that is later, and in any case both clocks together end an instance's time.
    """
    seen = memory.provisioned.get(instance.uid)
    if seen is not None and seen < instance.created:
        seen = None  # that was the container before its image was changed in place
    if instance.running and seen is None:
        seen = memory.provisioned[instance.uid] = now
    if seen is None:
        return replace(instance, first_started=None)
    since = instance.running_since
    return replace(instance, first_started=seen, running_since=max(since, seen) if since is not None else None)


def _newest_known(scale_set: ScaleSet, known: Mapping[str, int]) -> str:
    """The model from before the fault: what the status says; if that was lost, the last one stored."""
    return scale_set.status.model_revision or max(known, key=lambda name: known[name], default="")
