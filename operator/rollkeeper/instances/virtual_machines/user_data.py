"""Custom data and Script extensions as user data for cloud-init or cloudbase-init, which run it once on each OS disk.

Both keep on the OS disk which instance they have served, so a new disk is served whatever its instance is called: the
id that KubeVirt gives a machine, its firmware's uuid, can stay (E1, E2).
"""

import hashlib
from collections.abc import Mapping, Sequence
from email import policy
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from typing import Any, Literal

from rollkeeper.instances import scripts
from rollkeeper.instances.provisioning import CUSTOM_DATA_NAME, Script, scripts_of
from rollkeeper.instances.scripts import Step

USER_DATA = "userdata"
ANSWER_FILE = "unattend.xml"
"""Keys of the Secret, as KubeVirt looks for them."""

FOLDER = "/var/lib/rollkeeper"
WINDOWS_FOLDER = "C:\\ProgramData\\rollkeeper"
LOG = ("/var/log/rollkeeper.log",)
_CLOUD_CONFIG = "#cloud-config"
_EIGHT_BITS = policy.compat32.clone(cte_type="8bit", mangle_from_=False)

OSType = Literal["Linux", "Windows"]
Keys = Mapping[tuple[str, str], bytes]
"""What is in Secrets, by their name and the key."""


def keys_of(model: Mapping[str, Any], os_type: OSType) -> frozenset[str]:
    """The keys that the Secret of a model has; none: its machines need no Secret.

    Custom data that begins like XML is an answer file of Windows Setup. Of a script in a Secret the model does not tell
    what it begins with: such a Secret never is one.
    """
    count = sum(1 for _ in scripts_of(model))
    given = model.get("customData", {}).get("inline", "")
    if os_type == "Windows" and given.lstrip("\ufeff \r\n\t").startswith("<"):
        return frozenset({ANSWER_FILE} if count == 1 else {ANSWER_FILE, USER_DATA})
    return frozenset({USER_DATA} if count else ())


def build(model: Mapping[str, Any], os_type: OSType, keys: Keys, folder: str = FOLDER) -> dict[str, bytes]:
    """What stands in the Secret of a model, by key. `folder` is where scripts are put on a Linux disk.

    Custom data that begins with `#cloud-config` is for cloud-init itself, and on Windows an answer file for Setup; all
    else is a script, and runs before the extensions.
    """
    found = [(script, _text(script.given, keys)) for script in scripts_of(model)]
    made: dict[str, bytes] = {}
    if ANSWER_FILE in keys_of(model, os_type):
        made[ANSWER_FILE] = _bytes(found.pop(0)[1])
    own = found.pop(0)[1] if found and _is_cloud_config(*found[0]) else ""
    program = _program(found, os_type, folder) if found else ""
    if own and program:
        made[USER_DATA] = _both(own, program)
    elif own or program:
        made[USER_DATA] = _bytes(own or program)
    return made


def _is_cloud_config(script: Script, text: str) -> bool:
    is_first, has_interpreter = script.what == CUSTOM_DATA_NAME, "interpreter" in script.given
    return is_first and not has_interpreter and text.startswith(_CLOUD_CONFIG)


def _text(given: Mapping[str, Any], keys: Keys) -> str:
    if "secretKeyRef" not in given:
        return str(given["inline"])
    reference = given["secretKeyRef"]
    return keys[reference["name"], reference["key"]].decode("utf-8", "surrogateescape")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _program(found: Sequence[tuple[Script, str]], os_type: OSType, folder: str) -> str:
    before, after = (f"{folder}/", "") if os_type == "Linux" else (f"{WINDOWS_FOLDER}\\", ".ps1")
    files = [
        (Step(s.what, f"{before}{s.what.replace(' ', '-')}{after}", s.given.get("interpreter", ()), s.may_fail), text)
        for s, text in found
    ]
    return _shell(files, folder) if os_type == "Linux" else _powershell(files)


def _shell(files: Sequence[tuple[Step, str]], folder: str) -> str:
    """A shell script that has the others in it. Nothing but /bin/sh, mkdir and cat is needed on the disk."""
    program = scripts.shell_program([step for step, _ in files], f"{folder}/failed", LOG)
    written = "".join(_here(step.file, text) for step, text in files)
    return f"#!/bin/sh\numask 077\nmkdir -p {folder}\n{written}{program}: >{folder}/provisioned\n"


def _here(file: str, text: str) -> str:
    """A file as a here-document, which must not end where the text happens to have its last line."""
    end = f"END-{hashlib.sha256(_bytes(text)).hexdigest()[:20]}"
    return f"cat >{file} <<'{end}'\n{text}\n{end}\n"


def _powershell(files: Sequence[tuple[Step, str]]) -> str:
    """The same for cloudbase-init, which knows PowerShell by the first line."""
    folder, done = scripts.literal(WINDOWS_FOLDER), scripts.literal(f"{WINDOWS_FOLDER}\\provisioned")
    # With a byte order mark, or Windows PowerShell would take the file for one of its own code page.
    written = [
        f"[IO.File]::WriteAllText({scripts.literal(step.file)}, {scripts.literal(text)}, [Text.Encoding]::UTF8)"
        for step, text in files
    ]
    program = scripts.powershell_program([step for step, _ in files], f"{WINDOWS_FOLDER}\\failed")
    make = f"New-Item -ItemType Directory -Force -Path {folder} | Out-Null"
    return "\n".join(["#ps1_sysnative", make, *written, f"{program}Set-Content -Path {done} -Value ''", ""])


def _both(own: str, program: str) -> bytes:
    """Cloud-init's own configuration and a script, as a message of two parts."""
    digest = hashlib.sha256(_bytes(own + program)).hexdigest()[:20]
    message = MIMEMultipart(boundary=f"rollkeeper-{digest}")
    for subtype, text in (("cloud-config", own), ("x-shellscript", program)):
        part = MIMENonMultipart("text", subtype, charset="utf-8")
        part["Content-Transfer-Encoding"] = "8bit"
        part.set_payload(_bytes(text).decode("ascii", "surrogateescape"))
        message.attach(part)
    return message.as_bytes(policy=_EIGHT_BITS)
