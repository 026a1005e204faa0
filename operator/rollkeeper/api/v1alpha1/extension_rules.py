"""CEL rules on extensions and custom data (E1, E2), as `rules` has them for everything else."""

from pydantic.config import JsonDict

from rollkeeper.api.v1alpha1.rules import DNS_LABEL, list_map, rule, validations

MAX_EXTENSIONS = 32

EXTENSION_NAME = validations(
    rule(
        f"self.matches('^{DNS_LABEL}$')",
        "must be lower-case letters, digits and '-', a letter or digit first and last: a container is named after it",
    )
)

_SOURCES = ("inline", "configMapKeyRef", "secretKeyRef")

SCRIPT = validations(
    rule(
        f"[{', '.join(f'has(self.{name})' for name in _SOURCES)}].filter(given, given).size() == 1",
        f"give the script in exactly one of {', '.join(_SOURCES)}",
    )
)
"""Where a script comes from."""

EXTENSION = validations(
    rule(
        "self.type != 'Script' || (has(self.script) && !has(self.container))",
        "an extension of type Script has a script and no container",
    ),
    rule(
        "self.type == 'Script' || (has(self.container) && !has(self.script))",
        "an extension of type Task or Service has a container and no script",
    ),
    rule(
        "self.type == 'Script' || !self.suppressFailures || !has(self.container) || has(self.container.command)",
        "to suppress the failures of a Task or Service, /bin/sh of its image runs its command and hides how it ends: "
        "add container.command, or set suppressFailures to false",
        at=".container",
    ),
)

EXTENSION_CONTAINER = validations(
    rule("!has(self.name)", "leave out the name: the container is named after its extension"),
    rule(
        "!has(self.restartPolicy)",
        "leave out restartPolicy: a Task runs to completion, a Service is restarted whenever it ends",
    ),
)


def _no_cycle(levels: int) -> str:
    """Peels the graph: those that wait for nobody, those that wait for these only, and so on, must be all.

    Each level is bound to a name by a list with one element; the language has nothing else for that on all servers.
    """
    found = f"s{levels}.size() == self.size()"
    for level in range(levels, 0, -1):
        peeled = f"self.filter(x, x.provisionAfterExtensions.all(d, d in s{level - 1})).map(x, x.name)"
        found = f"[{peeled}].all(s{level}, {found})"
    return f"[self.filter(x, x.provisionAfterExtensions.size() == 0).map(x, x.name)].all(s0, {found})"


EXTENSIONS: JsonDict = {
    **list_map("name", MAX_EXTENSIONS),
    **validations(
        rule(
            "self.all(e, e.provisionAfterExtensions.all(d, self.exists(x, x.name == d)))",
            "provisionAfterExtensions names an extension that is not there: add it, or correct the name",
        ),
        rule(
            _no_cycle(MAX_EXTENSIONS - 1),
            "extensions wait for each other in a circle, or for one that is not there: take an entry out of "
            "provisionAfterExtensions",
        ),
        rule(
            "self.all(e, e.type == 'Script'"
            " || e.provisionAfterExtensions.all(d, !self.exists(x, x.name == d && x.type == 'Script')))",
            "a Task or Service can't come after a Script: it runs before the OS container starts, a Script inside of "
            "it: take the Script out of provisionAfterExtensions, or make it a Task",
        ),
    ),
}
