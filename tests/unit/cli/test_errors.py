"""Every error says what to do: the whole text, and the exit code."""

import pytest

from tests.unit.cli.objects import Json, ended, pod, run, scale_set
from tests.unit.cli.stub import Shell, Stub


def called(name: str) -> Json:
    one = scale_set()
    return {**one, "metadata": {**one["metadata"], "name": name}}


def status(code: int, reason: str, message: str, **details: object) -> tuple[int, Json]:
    return code, {"kind": "Status", "reason": reason, "message": message, "code": code, "details": details}


OBJECTS: dict[str, tuple[list[Json], str, str]] = {
    "no set": ([], "status web", 'no ScaleSet "web" in namespace "default"; there are no sets here'),
    "another set": (
        [called("api"), called("db")],
        "history web",
        'no ScaleSet "web" in namespace "default"; sets here: api, db',
    ),
    "many sets": (
        [called(f"s{n:02}") for n in range(15)],
        "status web",
        "sets here: s00, s01, s02, s03, s04, s05, s06, s07, s08, s09, s10, s11 and 3 more",
    ),
    "another kind": (
        [scale_set()],
        "status pod/web",
        "'pod/web' is no ScaleSet: write its name alone, or scalesets/NAME",
    ),
    "no run": ([run("a")], "retry b", 'no UpgradeRun "b" in namespace "default"; runs here: a'),
    "a run that goes on": (
        [scale_set(), run("a")],
        "retry a",
        "a has not ended (RollingForward): wait for it, or cancel it first",
    ),
    "a run that has ended": (
        [scale_set(), ended("a", "Completed", "1.1.0")],
        "pause upgraderun/a",
        "a has ended (Completed): start another with: kubectl rollkeeper start web",
    ),
    "no run to pause": ([scale_set()], "pause web", "no run works on set web, and none waits for it"),
    "several runs to pause": (
        [scale_set(), run("a", "Pending"), run("b", "Pending")],
        "pause web",
        "several runs wait for set web: name one of a, b",
    ),
    "not its instances": ([scale_set(3)], "start web --instances 2-4", "3-4: scale set web has instances 0-2"),
    "no ordinals": ([scale_set()], "protect web x", "'x' is no ordinal and no range: write for example 0-3,7"),
    "no pod to label": (
        [scale_set(), pod(0)],
        "protect web 0-2",
        "instances 1-2 have no pod to label: try again when they have one",
    ),
    "nothing held": ([scale_set()], "release-hold web 1.2.0", "1.2.0 is not held for set web; held: nothing"),
    "no versions": (
        [],
        "images",
        "no ImageVersion here fits: look in another --namespace or --images-namespace, or publish one",
    ),
    "no sets": ([], "drift", "there are no scale sets here: use -A for all namespaces"),
    "versions that are elsewhere": (
        [scale_set()],
        "plan web",
        "is in the shared images namespace: name that with --images-namespace or $ROLLKEEPER_IMAGES_NAMESPACE",
    ),
    "a picture as JSON": (
        [scale_set()],
        "status web --watch -o json",
        "--watch shows a picture, not json: use kubectl get upgraderun -w -o json",
    ),
    "another context": ([], "status web --context nope", "no context 'nope'; there are: here, nowhere"),
    "nobody answers": ([], "status web --context nowhere", "is the cluster up, and is the --context right?"),
}  # fmt: skip


@pytest.mark.parametrize(("objects", "line", "says"), OBJECTS.values(), ids=OBJECTS)
def test_what_is_not_there(stub: Stub, shell: Shell, objects: list[Json], line: str, says: str) -> None:
    stub.objects += objects
    answer = shell(*line.split())
    assert (answer.code, answer.out) == (1, "")
    assert answer.err.startswith("error: ")
    assert says in answer.err
    assert answer.err.count("\n") == 1, "one line"


REFUSALS: dict[str, tuple[tuple[int, Json], str]] = {
    "who are you": (
        status(401, "Unauthorized", "Unauthorized"),
        "the API server does not know you (Unauthorized): log in again, or choose another --context",
    ),
    "not allowed": (
        status(403, "Forbidden", 'User "x" may not get it'),
        'User "x" may not get it: ask for that right, or use another --context or --namespace',
    ),
    "not installed": (
        status(404, "NotFound", "the server could not find the requested resource"),
        "the cluster has no Rollkeeper: install it (its CRDs first), or choose another --context",
    ),
}


@pytest.mark.parametrize(("refusal", "says"), REFUSALS.values(), ids=REFUSALS)
def test_what_the_api_server_refuses(stub: Stub, shell: Shell, refusal: tuple[int, Json], says: str) -> None:
    stub.refusal = refusal
    for line in ("status web", "history web", "images", "drift", "plan web", "start web", "protect web 0"):
        answer = shell(*line.split())
        assert (answer.code, answer.out, answer.err) == (1, "", f"error: {says}\n"), line


def test_rules_of_the_api_are_told_in_their_own_words(stub: Stub, shell: Shell) -> None:
    stub.objects.append(scale_set())
    stub.refusal = None
    answered = stub.answer

    def refuse_creates(method: str, url: str, body: Json | None) -> tuple[int, Json]:
        if method != "POST":
            return answered(method, url, body)
        causes = [{"field": "spec.imageVersion", "message": "x is not a version. Write three numbers"}]
        return status(422, "Invalid", "UpgradeRun is invalid", causes=causes)

    stub.answer = refuse_creates  # type: ignore[method-assign]
    answer = shell("start", "web", "--version=x")
    assert answer.code == 1
    assert "x is not a version. Write three numbers" in answer.err


def test_while_waiting_not_to_know_has_a_code_of_its_own(shell: Shell) -> None:
    """1 would say that the run has faulted."""
    for line in ("wait web", "wait upgraderun/a", "start web --wait", "cancel a --wait"):
        assert shell(*line.split()).code == 4, line


USAGE: dict[str, tuple[str, str]] = {
    "no set": ("status", "Missing argument 'SET'"),
    "no such command": ("upgrade web", "No such command 'upgrade'"),
    "no such option": ("status web --all", "No such option: --all"),
    "no such format": ("status web -o xml", "output format 'xml': choose one of wide, json, yaml, name"),
    "no duration": ("wait web --timeout soon", "--timeout: 'soon' is no duration: write for example 90s, 5m or 1h30m"),
    "which instances": ("update-instances web", "say which: --instances 0-3,7, or --all"),
    "no shell": ("completion tcsh", "no completion for 'tcsh': choose one of bash, zsh, fish"),
    "no file": ("lint", "Missing argument 'FILE...'"),
}


@pytest.mark.parametrize(("line", "says"), USAGE.values(), ids=USAGE)
def test_wrong_usage(stub: Stub, shell: Shell, line: str, says: str) -> None:
    stub.objects.append(scale_set())
    answer = shell(*line.split())
    assert (answer.code, answer.out) == (64, "")
    assert says in answer.err
