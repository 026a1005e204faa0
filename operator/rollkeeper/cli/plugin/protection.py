"""`protect` and `unprotect`: instances that runs leave alone (B10), by a label that a pod's successors inherit."""

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
    """Sets or removes the label. Raises CommandError for an instance without a pod: there is nothing to label."""
    session = Session(options)
    raw = session.scale_set(name)
    wanted = ordinals(SetView(raw), text)
    pods = {ordinal_of(pod["metadata"]["name"]): pod for pod in session.instances_of(raw)}
    resource = members.resources_of(raw)[0]
    missing = [ordinal for ordinal in wanted if ordinal not in pods]
    if missing:
        raise CommandError(f"instances {ranges.render(missing)} have no pod to label: try again when they have one")
    changed = []
    for ordinal in wanted:
        pod, value = pods[ordinal], "true" if on else None
        if at(pod, "metadata", "labels", LABEL_PROTECT) == value:
            said = "unchanged"
        else:
            patch = {"metadata": {"labels": {LABEL_PROTECT: value}}}
            pod = session.client.merge_patch(resource, session.namespace, pod["metadata"]["name"], patch)
            said = "protected" if on else "unprotected"
        changed.append(pod)
        if not options.output:
            sys.stdout.write(f"{resource_name(pod)} {said}\n")
    if options.output:
        items = [without_noise(pod) for pod in changed]
        write_data(options, {"apiVersion": "v1", "kind": "List", "items": items}, changed)
