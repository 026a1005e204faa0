"""CEL rules of sets of virtual machines. They stand above the templates: see the warning in `rules`."""

from rollkeeper.api.v1alpha1.rules import immutable, immutable_child, rule, validations

GUEST_AGENT = validations(
    immutable("guestAgent of a published version can't be changed: create another ImageVersion"),
)

_MACHINES = "has(self.virtualMachineTemplate)"
_SPEC = "self.virtualMachineTemplate.spec"
_VOLUMES = f"{_SPEC}.template.spec.volumes"

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
        f"{_MACHINES} ? !has(self.osContainerName) : !has(self.osVolumeName)",
        "osContainerName is for pods, osVolumeName for virtual machines: remove the other one",
    ),
    rule(
        f"!{_MACHINES} || {_VOLUMES}.exists(v, has(v.containerDisk)"
        " && (!has(self.osVolumeName) || v.name == self.osVolumeName))",
        "the OS disk is a containerDisk: add it to the volumes of the virtual machine, or correct osVolumeName",
        at=".virtualMachineTemplate",
    ),
    rule(
        f"!{_MACHINES} || (!has({_SPEC}.running) && (!has({_SPEC}.runStrategy) || {_SPEC}.runStrategy == 'Always'))",
        "instances of a scale set run: leave out running, and runStrategy or set it to Always",
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
        f"!{_MACHINES} || !has(self.health) || self.health.source != 'ApplicationHealth'",
        "the application of a virtual machine is not asked yet: use health.source Probe with a readinessProbe that "
        "asks it (httpGet or tcpSocket)",
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
