"""E1, E2: the user data of virtual machines: run by a real shell, read as a message, kept in a Secret."""

import asyncio
import base64
import email
import subprocess
from pathlib import Path
from typing import Any

import pytest

from rollkeeper.api.v1alpha1 import ScaleSet
from rollkeeper.engine import provisioning, revisions
from rollkeeper.engine.provisioning import MOST_USER_DATA, Content, Contents, Source
from rollkeeper.instances.errors import NameTakenError, ScriptMissingError
from rollkeeper.instances.virtual_machines import user_data
from rollkeeper.instances.virtual_machines.machine_spec import System, build_machine
from rollkeeper.instances.virtual_machines.user_data import ANSWER_FILE, USER_DATA, OSType
from rollkeeper.instances.virtual_machines.user_data_secrets import UserDataSecrets
from rollkeeper.kube.resources import SECRETS
from tests.simulation.memory_api import MemoryApi
from tests.unit.instances.test_machines import PAIR, of_machines, volumes

JsonMap = dict[str, Any]

OF_BOOT = Source("Secret", "boot", "run")
IN_SECRET = {"secretKeyRef": {"name": "boot", "key": "run"}}


def script(name: str, text: str, **more: Any) -> JsonMap:
    return {"name": name, "type": "Script", "script": {"inline": text}, **more}


def machines(*beside: JsonMap, **spec: Any) -> ScaleSet:
    """With an OS disk, and what else is given."""
    guest = {"volumes": [{"name": "os", "containerDisk": {}}, *beside]}
    return of_machines(virtualMachineTemplate={"spec": {"template": {"spec": guest}}}, volumeClaimTemplates=[], **spec)


def model(contents: Contents | None = None, **spec: Any) -> JsonMap:
    return revisions.model_of(machines(**spec).spec, contents)


def built(folder: str = user_data.FOLDER, os_type: OSType = "Linux", **spec: Any) -> dict[str, bytes]:
    return user_data.build(model(osType=os_type, **spec), os_type, {}, folder)


def run(folder: Path, **spec: Any) -> int:
    program = folder / "user-data"
    program.write_bytes(built(f"{folder}/disk", **spec)[USER_DATA])
    return subprocess.run(["/bin/sh", program], cwd=folder, timeout=30, check=False).returncode  # noqa: S603 - ours


def test_e1_e2_custom_data_then_the_scripts_in_their_order(tmp_path: Path) -> None:
    later = script("a", "echo a >>order", provisionAfterExtensions=["b"])
    custom = {"inline": "#!/bin/sh\necho 'custom $x' >>order"}
    assert run(tmp_path, customData=custom, extensions=[later, script("b", "echo b >>order")]) == 0
    assert (tmp_path / "order").read_text().splitlines() == ["custom $x", "b", "a"]
    assert (tmp_path / "disk" / "provisioned").exists()
    assert (tmp_path / "disk" / "custom-data").stat().st_mode & 0o77 == 0, "it may hold secrets"


def test_e1_one_that_fails_ends_it_unless_that_is_suppressed(tmp_path: Path) -> None:
    tolerated = script("a", "exit 1", suppressFailures=True)
    assert run(tmp_path, extensions=[tolerated, script("b", "echo no disk; exit 3"), script("c", "touch late")]) == 1
    assert (tmp_path / "disk" / "failed").read_text() == "extension b: exit code 3: no disk\n"
    assert not (tmp_path / "late").exists()
    assert not (tmp_path / "disk" / "provisioned").exists()


def test_e2_any_interpreter(tmp_path: Path) -> None:
    text = "open('said', 'w').write('$x')"
    assert run(tmp_path, customData={"inline": text, "interpreter": ["python3"]}) == 0
    assert (tmp_path / "said").read_text() == "$x"


CONFIG = "#cloud-config\npackages: [nginx]\n# ä\nFrom there: 1\n"


def test_e2_cloud_inits_own_form_is_handed_on_as_it_is() -> None:
    assert built(customData={"inline": CONFIG}) == {USER_DATA: CONFIG.encode()}
    as_script = built(customData={"inline": CONFIG, "interpreter": ["cat"]})[USER_DATA]
    assert as_script.startswith(b"#!/bin/sh")


def test_e1_scripts_beside_it_are_a_part_of_their_own() -> None:
    message = email.message_from_bytes(
        built(customData={"inline": CONFIG}, extensions=[script("a", "true")])[USER_DATA]
    )
    parts = [part for part in message.walk() if not part.is_multipart()]
    assert [part.get_content_type() for part in parts] == ["text/cloud-config", "text/x-shellscript"]
    assert parts[0].get_payload(decode=True) == CONFIG.encode()


def test_e4_on_windows_it_is_powershell_and_answer_files_are_setups() -> None:
    made = built(os_type="Windows", customData={"inline": "Write-Host 'it is'"})[USER_DATA].decode()
    assert made.startswith("#ps1_sysnative\n")
    assert "'Write-Host ''it is'''" in made
    answers = {"inline": "<?xml version='1.0'?><unattend/>"}
    assert built(os_type="Windows", customData=answers) == {ANSWER_FILE: answers["inline"].encode()}
    both = built(os_type="Windows", customData=answers, extensions=[script("a", "dir")])
    assert both.keys() == {ANSWER_FILE, USER_DATA}
    assert built(customData=answers).keys() == {USER_DATA}, "on Linux it is a script like any other"


def machine(of: ScaleSet) -> JsonMap:
    return build_machine(of, revisions.model_of(of.spec), 1, PAIR, "ScaleOut", System())


def disks(made: JsonMap) -> list[JsonMap]:
    found: list[JsonMap] = made["spec"]["template"]["spec"]["domain"]["devices"]["disks"]
    return found


def test_e2_a_machine_has_a_disk_for_it() -> None:
    made = machine(machines(customData={"inline": "boot"}))
    wanted = {"name": "rollkeeper-cloud-init", "cloudInitNoCloud": {"secretRef": {"name": "web-r-userdata"}}}
    assert volumes(made)["rollkeeper-cloud-init"] == wanted
    assert disks(made) == [{"name": "rollkeeper-cloud-init", "disk": {"bus": "virtio"}}]
    assert volumes(machine(machines())).keys() == {"os"}


def test_e2_network_data_of_the_template_stay_beside_it() -> None:
    own = {"name": "net", "cloudInitNoCloud": {"networkData": "version: 2"}}
    made = machine(machines(own, customData={"inline": "boot"}))
    given = {"networkData": "version: 2", "secretRef": {"name": "web-r-userdata"}}
    assert volumes(made)["net"]["cloudInitNoCloud"] == given
    assert "domain" not in made["spec"]["template"]["spec"]


def test_e4_windows_gets_compact_discs() -> None:
    answers = {"inline": "<unattend/>"}
    made = machine(machines(osType="Windows", customData=answers, extensions=[script("a", "dir")]))
    assert volumes(made)["rollkeeper-sysprep"]["sysprep"] == {"secret": {"name": "web-r-userdata"}}
    found = {disk["name"]: disk["cdrom"] for disk in disks(made)}
    assert found == {"rollkeeper-sysprep": {"bus": "sata"}, "rollkeeper-cloud-init": {"bus": "sata"}}


def test_e2_what_a_secret_cant_hold_is_said_before_anything_is_made() -> None:
    scripts = [script(f"e{i}", "y" * 65536) for i in range(14)]
    most = machines(customData=IN_SECRET, extensions=scripts)
    rest = MOST_USER_DATA - 14 * 65536
    assert provisioning.fault(most.spec, {OF_BOOT: Content(sha256="s", size=rest)}) is None
    one_more = {OF_BOOT: Content(sha256="s", size=rest + 1)}
    fault = provisioning.fault(most.spec, one_more)
    assert fault is not None
    assert fault.reason == "UserDataTooLarge"
    assert "983041 of 983040 bytes of custom data and extensions" in fault.message
    pods = most.spec.model_copy(update={"template": {}, "virtual_machine_template": None})
    assert provisioning.fault(pods, one_more) is None, "those of pods do not travel in a Secret"


class Secrets:
    """User data in a cluster in memory, whose revision `web-r` has the uid `r`."""

    def __init__(self) -> None:
        self.api = MemoryApi()
        self.of = machines(customData=IN_SECRET, extensions=[script("a", "true")])
        self.model = revisions.model_of(self.of.spec, {OF_BOOT: Content(sha256="s", size=3)})

    def store(self, name: str, data: dict[str, str]) -> None:
        asyncio.run(self.api.create(SECRETS, "default", {"metadata": {"name": name}, "data": data}))

    def ensure(self) -> None:
        known = UserDataSecrets(self.api, {("default", "web-r"): "r"}.get)
        asyncio.run(known.ensure(self.of, self.model, "web-r"))

    def made(self) -> JsonMap:
        return dict(asyncio.run(self.api.get(SECRETS, "default", "web-r-userdata")))


def test_m2_user_data_belong_to_their_model_and_are_made_once() -> None:
    secrets = Secrets()
    secrets.store("boot", {"run": base64.b64encode(b"\xffboot").decode()})
    secrets.ensure()
    made = secrets.made()
    assert b"\n\xffboot\nEND-" in base64.b64decode(made["data"][USER_DATA])
    assert [o["uid"] for o in made["metadata"]["ownerReferences"]] == ["r"]
    secrets.ensure()
    assert secrets.made() == made


def test_e2_a_script_that_has_gone_is_named() -> None:
    with pytest.raises(ScriptMissingError, match="no Secret boot with the key run"):
        Secrets().ensure()


def test_i2_a_secret_of_somebody_elses_is_not_used() -> None:
    secrets = Secrets()
    secrets.store("web-r-userdata", {})
    with pytest.raises(NameTakenError, match="does not belong to the model web-r"):
        secrets.ensure()
