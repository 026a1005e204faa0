"""Virtual machines of KubeVirt as instances: VirtualMachine objects that are made once, and keep their disks.

A VirtualMachine is the instance; the VirtualMachineInstance of its name, in these modules its *guest*, is what runs of
it, and the launcher is the pod that the guest runs in. An OS disk is swapped by changing the VirtualMachine and taking
its guest down: KubeVirt starts the next one from the changed template.
"""
