"""CEL rules of sets of virtual machines. They stand above the templates: see the warning in `rules`."""

from rollkeeper.api.v1alpha1.rules import immutable, immutable_child, rule, validations

GUEST_AGENT = validations(
    immutable("guestAgent of a published version can't be changed: create another ImageVersion"),
)

IMAGE_VERSION_SPEC = (
    rule(
        "has(self.image) != has(self.claimName)",
        "give exactly one of image (a container image) and claimName (a claim with the OS disk of virtual machines)",
    ),
    immutable_child("image", "a published version can't get another image: publish a higher version"),
    immutable_child("claimName", "a published version can't get another claim: publish a higher version"),
    rule(
        "!has(self.claimName) || (self.replication == 'Assumed'"
        " && (!has(self.targetRegions) || self.targetRegions.all(r, !has(r.image))))",
        "no registry has a claim: leave out replication, and the image of target regions",
        at=".claimName",
    ),
)

_MACHINES = "has(self.virtualMachineTemplate)"
_SPEC = "self.virtualMachineTemplate.spec"
_VOLUMES = f"{_SPEC}.template.spec.volumes"
_OLD_VOLUMES = "oldSelf.virtualMachineTemplate.spec.template.spec.volumes"

SCALE_SET_SPEC = (
    rule(
        f"has(self.template) != {_MACHINES}",
        "give exactly one of template (instances are pods) and virtualMachineTemplate (they are virtual machines)",
    ),
    rule(
        "has(self.template) == has(oldSelf.template)",
        "pods can't become virtual machines, nor the other way round: create a new ScaleSet",
    ),
    immutable_child("osVolumeName", "osVolumeName can't be changed, added or removed: create a new ScaleSet"),
    rule(
        f"!{_MACHINES} || !has(oldSelf.virtualMachineTemplate) || !has(self.osVolumeName)"
        f" || {_VOLUMES}.exists(v, v.name == self.osVolumeName && has(v.containerDisk))"
        f" == {_OLD_VOLUMES}.exists(v, v.name == self.osVolumeName && has(v.containerDisk))",
        "a container disk can't become a claim, nor the other way round: create a new ScaleSet",
        at=".virtualMachineTemplate",
    ),
    rule(
        f"{_MACHINES} ? !has(self.osContainerName) : !has(self.osVolumeName)",
        "osContainerName is for pods, osVolumeName for virtual machines: remove the other one",
    ),
    rule(
        f"!{_MACHINES} || (has(self.osVolumeName)"
        f" ? {_VOLUMES}.exists(v, v.name == self.osVolumeName"
        " && (has(v.containerDisk) || has(v.persistentVolumeClaim)))"
        f" : {_VOLUMES}.exists(v, has(v.containerDisk)))",
        "the OS disk is a containerDisk, or the persistentVolumeClaim volume that osVolumeName names: add it to the "
        "volumes of the virtual machine, or correct osVolumeName",
        at=".virtualMachineTemplate",
    ),
    rule(
        f"!{_MACHINES} || (!has({_SPEC}.running) && (!has({_SPEC}.runStrategy) || {_SPEC}.runStrategy == 'Always'))",
        "instances of a scale set run: leave out running, and runStrategy or set it to Always",
        at=".virtualMachineTemplate",
    ),
    rule(
        f"!{_MACHINES} || !has({_SPEC}.dataVolumeTemplates)",
        "dataVolumeTemplates would make one data volume for all instances: use volumeClaimTemplates, which make a "
        "claim for each, filled from its dataSourceRef if it has one",
        at=".virtualMachineTemplate",
    ),
    rule(
        f"!{_MACHINES} || !has(self.health) || self.health.source != 'Probe'"
        f" || (has({_SPEC}.template.spec.readinessProbe) && (!has({_SPEC}.template.spec.readinessProbe.periodSeconds)"
        f" || {_SPEC}.template.spec.readinessProbe.periodSeconds < 120))",
        "health.source Probe needs a readinessProbe with a periodSeconds below 120 in the virtual machine's "
        "template.spec: add one, or leave health out",
        at=".health.source",
    ),
    rule(
        f"!{_MACHINES} || !has(self.extensions) || self.extensions.all(e, e.type == 'Script')",
        "virtual machines have no containers beside them, so no extensions of type Task or Service: put what they do "
        "into the image, or into an extension of type Script",
        at=".extensions",
    ),
    rule(
        f"!{_MACHINES} || !(has(self.customData) || (has(self.extensions) && self.extensions.size() > 0))"
        f" || {_VOLUMES}.all(v, !has(v.cloudInitConfigDrive) && (!has(v.cloudInitNoCloud)"
        " || (!has(v.cloudInitNoCloud.userData) && !has(v.cloudInitNoCloud.userDataBase64)"
        " && !has(v.cloudInitNoCloud.secretRef))))",
        "customData and extensions become the user data of cloud-init, of which a virtual machine has one: move the "
        "template's own into customData (network data may stay in a cloudInitNoCloud volume)",
        at=".virtualMachineTemplate",
    ),
)
