"""Golden logs of a changed SKU: another image, with versions of its own (V6); and of changes that are taken back."""

from typing import Any

from rollkeeper.controllers.resources import IMAGE_VERSIONS
from tests.simulation.images import Behaviour, never_ready
from tests.simulation.model_scenarios import GOOD_SIDECAR, change_model
from tests.simulation.objects_of_ours import image_version, scale_set
from tests.simulation.rollout import Rollout
from tests.simulation.scenarios import ended, proven, scenario

SKU = {"imageReference": {"sku": "2"}}


def _publish(rollout: Rollout, version: str, behaviour: Behaviour | None = None) -> None:
    """A version of SKU 2. It may have a number that SKU 1 has, too."""
    image = f"registry.example/webserver2:{version}"
    if behaviour is not None:
        rollout.cluster.images.set(image, behaviour)
    body: dict[str, Any] = image_version(version, sku="2", image=image)
    body["metadata"]["name"] = f"webserver2-{version}"
    rollout.server.create(IMAGE_VERSIONS, "default", body)
    rollout.say(f"publisher publishes {version} of SKU 2")


def _proven_image(rollout: Rollout) -> str:
    return str(rollout.status.get("provenImage"))


def _two_are_done(rollout: Rollout) -> bool:
    return "2/5" in str(rollout.last_run().get("status", {}).get("progress", {}).get("summary"))


@scenario
def sku_changed() -> Rollout:
    """V6: a Model run to latest of the new image, though its number is lower; then that is proven and followed."""
    rollout = proven(5, "2.0.0")
    _publish(rollout, "1.0.0")
    rollout.patch_set(SKU)
    rollout.run(lambda: _proven_image(rollout) == "Contoso/WebServer/2")
    rollout.publish("2.1.0")
    _publish(rollout, "1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def sku_changed_before_anything_is_published() -> Rollout:
    """V6, F5: the old proven pair serves repair and scale-out until the new image is proven."""
    rollout = proven(3)
    rollout.patch_set(SKU)
    rollout.run_for(5)
    rollout.delete_pod(1)
    rollout.scale(4)
    rollout.run_for(10)
    _publish(rollout, "1.0.0")
    rollout.run(lambda: _proven_image(rollout) == "Contoso/WebServer/2")
    rollout.run_until_quiet()
    return rollout


@scenario
def sku_changed_to_a_bad_image() -> Rollout:
    """V6, H3, F3: rollback restores image and version; the model is held; taking the change back is the way out."""
    rollout = proven(5)
    _publish(rollout, "1.0.0", never_ready())
    rollout.patch_set(SKU)
    rollout.run(ended(rollout))
    rollout.run_for(20)
    rollout.patch_set({"imageReference": {"sku": "1"}})
    rollout.publish("1.1.0")
    rollout.run(lambda: rollout.status["provenImageVersion"] == "1.1.0")
    rollout.run_until_quiet()
    return rollout


@scenario
def sku_changed_back_in_mid_run() -> Rollout:
    """V6, T9: the run ends, and those that have the new image come back to the proven version of the old one."""
    rollout = proven(5)
    _publish(rollout, "3.0.0")
    rollout.patch_set(SKU)
    rollout.run(lambda: _two_are_done(rollout))
    rollout.patch_set({"imageReference": {"sku": "1"}})
    rollout.run(lambda: not rollout.active_run() and set(rollout.versions()) == {"1.0.0"})
    rollout.run_until_quiet()
    return rollout


@scenario
def sku_changed_in_mode_manual() -> Rollout:
    """V6, M4: the set says that it waits for a user's run of type Model."""
    rollout = proven(3, mode="Manual")
    _publish(rollout, "1.0.0")
    rollout.patch_set(SKU)
    rollout.run_for(5)
    rollout.start_run("mine", type="Model")
    rollout.run(lambda: rollout.code("mine") == "Completed")
    rollout.run_until_quiet()
    return rollout


@scenario
def model_taken_back_in_mid_run() -> Rollout:
    """T1, M5: a template that is as it was before brings back what a run had changed in between."""
    rollout = proven(5)
    change_model(rollout, GOOD_SIDECAR)
    rollout.run(lambda: _two_are_done(rollout))
    rollout.patch_set({"template": scale_set(1)["spec"]["template"]}, "template as it was")
    rollout.run_for(60)
    rollout.run_until_quiet()
    return rollout
