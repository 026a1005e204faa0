"""Where KubeVirt serves what instances are made of."""

from rollkeeper.kube.resources import Resource

GROUP = "kubevirt.io"
MACHINES = Resource(GROUP, "v1", "virtualmachines", "VirtualMachine")
GUESTS = Resource(GROUP, "v1", "virtualmachineinstances", "VirtualMachineInstance")
