"""A set that is being deleted gets no create and no replace; its runs' finalizers go first (F7)."""

from datetime import datetime

from rollkeeper.api.v1alpha1.names import FINALIZER_RUN
from rollkeeper.engine import conditions, run_status
from rollkeeper.engine.actions import Action, RemoveRunFinalizer, WriteRun, WriteSet
from rollkeeper.engine.conditions import Wanted
from rollkeeper.engine.queue import FINAL, code_of
from rollkeeper.engine.reasons import Code, State
from rollkeeper.engine.snapshot import Snapshot
from rollkeeper.engine.target import Refused
from rollkeeper.engine.urgency import is_urgent_for_set


def actions(snapshot: Snapshot, now: datetime) -> tuple[Action, ...]:
    """Ends what is active, lets go of every run, and says that the set is going."""
    stamp = now.replace(microsecond=0)
    found: list[Action] = []
    for run in snapshot.runs:
        if code_of(run) not in FINAL and (FINALIZER_RUN in run.metadata.finalizers or code_of(run) != "Pending"):
            refused = Refused(Code.SCALE_SET_DELETED, "the scale set is being deleted")
            found.append(WriteRun(run.metadata.name, run_status.ended(run, refused, stamp), urgent=True))
        if FINALIZER_RUN in run.metadata.finalizers:
            found.append(RemoveRunFinalizer(run.metadata.name))
    status = snapshot.scale_set.status
    wanted = [
        Wanted("Ready", "False", State.TERMINATING, "the scale set is being deleted"),
        Wanted("Reconciling", "True", State.TERMINATING, "waits until its instances are gone"),
        Wanted("Stalled", "False", State.NOT_STALLED),
    ]
    generation = snapshot.scale_set.metadata.generation
    after = status.model_copy(
        update={
            "observed_generation": generation,
            "conditions": conditions.merge(status.conditions, wanted, generation, stamp),
        }
    )
    if after != status:
        found.append(WriteSet(after, is_urgent_for_set(status, after)))
    return tuple(found)
