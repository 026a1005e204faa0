"""`protect` and `unprotect`: instances that runs leave alone (B10), by a label that successors inherit."""

import sys

from rollkeeper.api.v1alpha1.names import LABEL_PROTECT
from rollkeeper.cli.plugin import members
from rollkeeper.cli.plugin.errors import CommandError
from rollkeeper.cli.plugin.options import Options
from rollkeeper.cli.plugin.output import resource_name, without_noise, write_data
from rollkeeper.cli.plugin.session import Session
from rollkeeper.cli.plugin.steering import ordinals
from rollkeeper.cli.plugin.views import SetView, at
from rollkeeper.engine import ranges
from rollkeeper.instances.pod_view import ordinal_of


def protect(options: Options, name: str, text: str, *, on: bool) -> None:
    """Sets or removes the label. Raises CommandError for an instance that is not there: there is nothing to label."""
    session = Session(options)
    raw = session.scale_set(name)
    view = SetView(raw)
    wanted = ordinals(view, text)
    there = {ordinal_of(found["metadata"]["name"]): found for found in session.instances_of(raw)}
    resource = members.resources_of(raw)[0]
    missing = [ordinal for ordinal in wanted if ordinal not in there]
    if missing:
        message = f"instances {ranges.render(missing)} have no {view.made_of} to label: try again when they have one"
        raise CommandError(message)
    changed = []
    for ordinal in wanted:
        found, value = there[ordinal], "true" if on else None
        if at(found, "metadata", "labels", LABEL_PROTECT) == value:
            said = "unchanged"
        else:
            patch = {"metadata": {"labels": {LABEL_PROTECT: value}}}
            found = session.client.merge_patch(resource, session.namespace, found["metadata"]["name"], patch)
            said = "protected" if on else "unprotected"
        changed.append(found)
        if not options.output:
            sys.stdout.write(f"{resource_name(found)} {said}\n")
    if options.output:
        items = [without_noise(one) for one in changed]
        write_data(options, {"apiVersion": "v1", "kind": "List", "items": items}, changed)
