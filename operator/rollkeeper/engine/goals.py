"""What a run wants of an instance: its target, in a Model run the instance's own version with the run's model (M1)."""

from rollkeeper.api.v1alpha1.names import ANNOTATION_CAUSE
from rollkeeper.engine import versions
from rollkeeper.engine.context import Context
from rollkeeper.engine.run_state import RunState
from rollkeeper.engine.snapshot import Pair, is_same
from rollkeeper.engine.versions import LATEST


def goal(state: RunState, ctx: Context, ordinal: int) -> Pair:
    """The pair that the run brings an instance to.

    A Model run leaves each instance's version as it is, except that one on a held version gets the proven one, and that
    a changed image has versions of its own (V6).
    """
    if not state.is_model or state.changes_image:
        return state.target
    found = state.origins.get(ordinal) or ctx.runs_now(ordinal)
    proven = ctx.proven_pair
    if proven is not None and ctx.is_held(found):
        found = proven
    return found._replace(revision=state.target.revision)


def is_ahead(state: RunState, ctx: Context, ordinal: int) -> bool:
    """V5: an instance that runs higher than a target which nobody named is left alone: nothing goes down silently."""
    named = not state.platform and state.run.spec.image_version not in (None, LATEST)
    pinned = state.run.metadata.annotations.get(ANNOTATION_CAUSE) == "Pin"
    if state.is_model or named or pinned or not ctx.proven:
        return False
    now = ctx.runs_now(ordinal)
    return ctx.image_of(now) == ctx.image_name and versions.is_higher(now.version, state.target.version)


def is_on_target(state: RunState, ctx: Context, ordinal: int) -> bool:
    """T4, H7: whether the run has nothing to do for an instance; in a Model run one that is unhealthy always has."""
    if state.is_model and ordinal in ctx.unhealthy:
        return False
    return is_same(ctx.runs_now(ordinal), goal(state, ctx, ordinal))
