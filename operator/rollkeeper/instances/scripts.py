"""The program that a postStart hook runs: custom data, then the Script extensions, each in its interpreter (E1, E2).

A hook is one command. So the scripts are files in a volume, and the command is a small program that runs them one
after the other. It stops at the first that fails and leaves a sentence for us as the container's termination message:
the kubelet's own report of a failed hook has no more than an exit code in it. What the scripts print is kept on the OS
disk.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

LINUX_INTERPRETER = ("/bin/sh",)
LINUX_LOGS = ("/var/log/rollkeeper.log", "/tmp/rollkeeper.log", "/dev/shm/rollkeeper.log")  # noqa: S108 - of an instance
"""What the scripts print is in the first of these that can be written."""
WINDOWS_INTERPRETER = ("powershell.exe", "-NoProfile", "-NonInteractive", "-ExecutionPolicy", "Bypass", "-File")


@dataclass(frozen=True, slots=True)
class Step:
    """One script."""

    what: str
    """How it is called where it fails: `custom data`, `extension agent`."""
    file: str
    """Path of the script inside the OS container."""
    interpreter: Sequence[str] = ()
    """Program and arguments; the file comes after them. Empty: the operating system's usual one."""
    suppress_failures: bool = False


_SHELL = """\
log=/dev/null
for file in LOGS; do
  if (: >"$file") 2>/dev/null; then log=$file; break; fi
done
step() {
  what=$1 on_failure=$2; shift 2
  printf '%s\n' "== $what" >>"$log"
  if "$@" >>"$log" 2>&1 </dev/null; then return 0; else code=$?; fi
  last=
  while IFS= read -r line || [ -n "$line" ]; do
    if [ -n "$line" ]; then last=$line; fi
  done <"$log"
  if [ "$last" = "== $what" ]; then last=; fi
  said="$what: exit code $code${last:+: $last}"
  if [ "$on_failure" = go-on ]; then printf '%s\n' "$said; suppressed" >>"$log"; return 0; fi
  printf '%s\n' "$said" >MESSAGE
  exit 1
}
"""


def shell_command(steps: Sequence[Step], message_path: str, logs: Sequence[str] = LINUX_LOGS) -> list[str]:
    """The hook's command for Linux: nothing but /bin/sh and what is built into it is needed in the image."""
    return ["/bin/sh", "-c", shell_program(steps, message_path, logs)]


def shell_program(steps: Sequence[Step], message_path: str, logs: Sequence[str] = LINUX_LOGS) -> str:
    """What it runs."""
    lines = [_SHELL.replace("MESSAGE", shlex.quote(message_path)).replace("LOGS", shlex.join(logs))]
    for step in steps:
        how = "go-on" if step.suppress_failures else "stop"
        words = ["step", step.what, how, *(step.interpreter or LINUX_INTERPRETER), step.file]
        lines.append(shlex.join(words) + "\n")
    return "".join(lines)


_POWERSHELL = """\
$log = Join-Path $env:SystemRoot 'Temp\\rollkeeper.log'
Set-Content -Path $log -Value ''
function Step($what, $suppress, $program, $arguments) {
  Add-Content -Path $log -Value "== $what"
  $last = ''
  try {
    & $program @arguments 2>&1 | ForEach-Object { $last = "$_"; Add-Content -Path $log -Value $last }
    $code = $LASTEXITCODE
  } catch { $code = 127; $last = "$_" }
  if ($code -eq 0) { return }
  $said = "${what}: exit code $code"
  if ($last) { $said = "${said}: $last" }
  if ($suppress) { Add-Content -Path $log -Value "$said; suppressed"; return }
  Set-Content -Path MESSAGE -Value $said
  exit 1
}
"""


def powershell_command(steps: Sequence[Step], message_path: str) -> list[str]:
    """The same for Windows."""
    return ["powershell.exe", "-NoProfile", "-NonInteractive", "-Command", powershell_program(steps, message_path)]


def powershell_program(steps: Sequence[Step], message_path: str) -> str:
    """What it runs."""
    lines = [_POWERSHELL.replace("MESSAGE", literal(message_path))]
    for step in steps:
        program, *arguments = [*(step.interpreter or WINDOWS_INTERPRETER), step.file]
        words = [literal(step.what), "$true" if step.suppress_failures else "$false", literal(program)]
        lines.append(f"Step {' '.join(words)} @({', '.join(literal(a) for a in arguments)})\n")
    return "".join(lines)


def literal(text: str) -> str:
    """A text of PowerShell that means itself, whatever is in it."""
    return "'" + text.replace("'", "''") + "'"


_TASK = '"$@" || echo "exit code $?: suppressed" >&2'
_SERVICE = """\
trap 'kill "$child" 2>/dev/null; wait "$child"; exit 0' TERM INT
while true; do
  "$@" & child=$!
  wait "$child"
  sleep 10 & child=$!
  wait "$child"
done"""


def without_failure(command: Sequence[str], *, once: bool) -> list[str]:
    """A container's command that never fails: run once, or again and again, 10 s after each end.

    A failed init container would keep all that come after it from starting, and a container that is not ready its pod.
    """
    return ["/bin/sh", "-c", _TASK if once else _SERVICE, "sh", *command]
