"""Reads one set as the engine wants it, with the user's own rights: what may not be read is said, and not guessed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from rollkeeper.api.v1alpha1 import ImageVersion, ScaleSet, UpgradeRun
from rollkeeper.cli.plugin import catalogue, members
from rollkeeper.cli.plugin.errors import CommandError
from rollkeeper.cli.plugin.members import Member
from rollkeeper.cli.plugin.session import Session, is_owned
from rollkeeper.controllers.caches import NodeView, RevisionView, read_node, read_revision
from rollkeeper.engine import references, versions
from rollkeeper.engine.references import Reference
from rollkeeper.engine.snapshot import DryRun, Instance, Pair, Snapshot
from rollkeeper.instances import dry_runs
from rollkeeper.instances.provisioning import has_tasks
from rollkeeper.instances.references import place_of
from rollkeeper.instances.virtual_machines import machine_spec
from rollkeeper.instances.virtual_machines.resources import MACHINES
from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.errors import Forbidden, Invalid, NotFound
from rollkeeper.kube.resources import CONTROLLER_REVISIONS, NODES, PODS, Resource

_NEVER = timedelta(days=36_500)
_NO_RIGHT = "cannot create resource"
"""In the refusals of who has no right to create, as against a quota or a policy that refuses this pod."""


@dataclass
class Reader:
    """One command's reads. `notes` collects what could not be seen, for people."""

    session: Session
    images_namespace: str | None
    notes: list[str] = field(default_factory=list)

    def snapshot(self, raw: JsonObject) -> "tuple[Snapshot, Answers]":
        """A set with its runs, instances and versions, and who answers for the cluster.

        Raises CommandError where a plan would be wrong: the set is being deleted, or its versions are elsewhere.
        """
        scale_set = ScaleSet.model_validate(raw)
        if scale_set.metadata.deletion_timestamp is not None:
            raise CommandError(f"scale set {scale_set.metadata.name} is being deleted: nothing more comes")
        if scale_set.status.observed_generation != scale_set.metadata.generation:
            self.notes.append("the controller has not looked at the newest spec yet: a changed model is not in this")
        revisions = self._revisions(scale_set)
        of_claims = references.of_claims(scale_set.spec.volume_claim_templates)
        read = Snapshot(
            scale_set=scale_set,
            runs=tuple(UpgradeRun.model_validate(run) for run in self.session.runs_of(scale_set.metadata.name)),
            catalogue=self._catalogue(scale_set),
            instances=self._instances(raw),
            revision=scale_set.status.model_revision or "",
            revisions={view.name: view.number for view in revisions},
            images={view.name: view.image_name for view in revisions if view.image_name},
            with_tasks=frozenset(view.name for view in revisions if has_tasks(view.model)),
            references={view.name: (*view.references, *of_claims) for view in revisions},
        )
        return read, Answers(self, scale_set, {view.name: view for view in revisions})

    def note(self, text: str) -> None:
        """Once, however often it is found."""
        if text not in self.notes:
            self.notes.append(text)

    def _catalogue(self, scale_set: ScaleSet) -> tuple[ImageVersion, ...]:
        raws = catalogue.published(self.session, self.images_namespace)
        everything = [ImageVersion.model_validate(raw) for raw in raws]
        name, newest = versions.image_name(scale_set.spec.image_reference), scale_set.status.latest_image_version
        seen = catalogue.visible(scale_set, everything, self.images_namespace)
        found = tuple(version for version in seen if versions.image_name(version.spec) == name)
        if newest is not None and all(version.spec.version != newest for version in found):
            raise CommandError(
                f"version {newest} of {name}, the latest of scale set {scale_set.metadata.name}, is in the shared "
                "images namespace: name that with --images-namespace or $ROLLKEEPER_IMAGES_NAMESPACE"
            )
        return found

    def _instances(self, raw: JsonObject) -> Mapping[int, Instance]:
        found = [m for m in members.read(self.session.members_of(raw)) if m.instance.ordinal >= 0]
        nodes = {raw["metadata"]["name"]: read_node(raw) for raw in self._may_list(NODES, None, "zones of instances")}
        return {member.instance.ordinal: _on_its_node(member, nodes) for member in found}

    def _revisions(self, scale_set: ScaleSet) -> list[RevisionView]:
        """The stored models; where they can't be read, their names alone, as the set's status has them."""
        uid, namespace = scale_set.metadata.uid, scale_set.metadata.namespace
        raws = self._may_list(CONTROLLER_REVISIONS, namespace, "models, and what they refer to")
        found = [read_revision(raw) for raw in raws if is_owned(raw, uid)]
        known = {view.name for view in found}
        named = (scale_set.status.proven_model_revision, scale_set.status.model_revision)
        rest = [name for name in dict.fromkeys(named) if name and name not in known]
        return [*found, *(RevisionView(name, uid, number, {}) for number, name in enumerate(rest, 1))]

    def _may_list(self, resource: Resource, namespace: str | None, what: str) -> tuple[JsonObject, ...]:
        try:
            return self.session.client.list(resource, namespace).items
        except Forbidden:
            self.note(f"not seen: {what} (you may not list {resource.plural})")
            return ()


@dataclass
class Answers:
    """The cluster's answers to the engine, by reads and dry runs: nothing is written."""

    reader: Reader
    scale_set: ScaleSet
    revisions: Mapping[str, RevisionView]

    def missing(self, references: Iterable[Reference]) -> tuple[Reference, ...]:
        """T8. What the user may not read counts as there, and is noted."""
        return tuple([reference for reference in references if not self._is_there(reference)])

    def _is_there(self, reference: Reference) -> bool:
        try:
            self.reader.session.client.get(*place_of(reference, self.scale_set.metadata.namespace), reference.name)
        except NotFound:
            return False
        except Forbidden:
            self.reader.note(f"not seen: whether {reference} is there (you may not read it)")
        return True

    def dry_run(self, pair: Pair) -> DryRun:
        """M3, as the controller asks it."""
        view = self.revisions.get(pair.revision)
        if view is None or not view.model:
            self.reader.note("not seen: whether the API server accepts the model")
            return DryRun("Accepted")
        of_machines = self.scale_set.spec.has_machines
        body = (machine_spec.dry_run if of_machines else dry_runs.body)(self.scale_set, view.model, pair)
        resource, namespace = MACHINES if of_machines else PODS, self.scale_set.metadata.namespace
        try:
            self.reader.session.client.create(resource, namespace, body, dry_run=True)
        except (Invalid, Forbidden) as error:
            if _NO_RIGHT not in error.message:
                return dry_runs.verdict(error, self.reader.session.now + _NEVER)
            self.reader.note("not seen: whether the API server accepts the model (you may not create instances)")
        return DryRun("Accepted")


def _on_its_node(member: Member, nodes: Mapping[str, NodeView]) -> Instance:
    node = nodes.get(member.node)
    if node is None:
        return member.instance
    return replace(member.instance, node_ready=node.ready, zone=member.instance.zone or node.zone)
