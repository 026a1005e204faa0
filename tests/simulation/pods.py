"""What the API server knows of pods: defaults, checks, and which changes it allows."""

from collections.abc import Iterator

from rollkeeper.kube.api import JsonObject
from rollkeeper.kube.resources import PODS
from tests.simulation import answers

# fmt: off
SPEC_FIELDS = frozenset({
    "activeDeadlineSeconds", "affinity", "automountServiceAccountToken", "containers", "dnsConfig", "dnsPolicy",
    "enableServiceLinks", "ephemeralContainers", "hostAliases", "hostIPC", "hostNetwork", "hostPID", "hostUsers",
    "hostname", "hostnameOverride", "imagePullSecrets", "initContainers", "nodeName", "nodeSelector", "os",
    "overhead", "preemptionPolicy", "priority", "priorityClassName", "readinessGates", "resourceClaims",
    "resources", "restartPolicy", "runtimeClassName", "schedulerName", "schedulingGates", "securityContext",
    "serviceAccount", "serviceAccountName", "setHostnameAsFQDN", "shareProcessNamespace", "subdomain",
    "terminationGracePeriodSeconds", "tolerations", "topologySpreadConstraints", "volumes"
})
CONTAINER_FIELDS = frozenset({
    "args", "command", "env", "envFrom", "image", "imagePullPolicy", "lifecycle", "livenessProbe", "name",
    "ports", "readinessProbe", "resizePolicy", "resources", "restartPolicy", "restartPolicyRules",
    "securityContext", "startupProbe", "stdin", "stdinOnce", "terminationMessagePath", "terminationMessagePolicy",
    "tty", "volumeDevices", "volumeMounts", "workingDir"
})
# fmt: on
SPEC_DEFAULTS: JsonObject = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "serviceAccountName": "default",
    "serviceAccount": "default",
    "securityContext": {},
    "schedulerName": "default-scheduler",
    "priority": 0,
    "preemptionPolicy": "PreemptLowerPriority",
    "enableServiceLinks": True,
}
CONTAINER_DEFAULTS: JsonObject = {
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "IfNotPresent",
}
TOLERATION_SECONDS = 300
TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
TOLERATIONS = [
    {"key": taint, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": TOLERATION_SECONDS}
    for taint in TAINTS
]


def new_status() -> JsonObject:
    return {"phase": "Pending", "qosClass": "BestEffort"}


def with_defaults(pod: JsonObject) -> JsonObject:
    """The pod as the server stores it: no controller may take `spec` for what it sent."""
    given = pod.get("spec") or {}
    spec = {**SPEC_DEFAULTS, **given}
    for field in ("containers", "initContainers"):
        if field in spec:
            spec[field] = [{**CONTAINER_DEFAULTS, **container} for container in spec[field]]
    if "nodeName" not in spec:
        missing = [t for t in TOLERATIONS if all(t["key"] != own.get("key") for own in given.get("tolerations", []))]
        spec["tolerations"] = [*given.get("tolerations", []), *missing]
    return {**pod, "spec": spec}


def check_new(pod: JsonObject, *, strict: bool, service_accounts: frozenset[str]) -> None:
    """Raises Invalid for a bad pod, and Forbidden for what may be there later; all faults of a pod in one answer."""
    name = pod["metadata"]["name"]
    if strict:
        _check_field_names(pod)
    account = pod["spec"]["serviceAccountName"]
    if account not in service_accounts:  # an admission plugin, and so before the validation
        namespace = pod["metadata"]["namespace"]
        why = f'error looking up service account {namespace}/{account}: serviceaccount "{account}" not found'
        raise answers.forbidden(PODS, name, why)
    if faults := list(_faults(pod["spec"])):
        raise answers.invalid(PODS, name, faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]")


def check_change(old: JsonObject, new: JsonObject) -> None:
    """Of a pod's spec only images may change (and some fields that no controller here touches)."""
    if old["spec"] != new["spec"] and _without_images(old["spec"]) != _without_images(new["spec"]):
        why = (
            "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`, "
            "`spec.initContainers[*].image`, `spec.activeDeadlineSeconds`, `spec.tolerations` (only additions)"
        )
        raise answers.invalid(PODS, new["metadata"]["name"], why)


def _check_field_names(pod: JsonObject) -> None:
    unknown = [f"spec.{key}" for key in pod["spec"] if key not in SPEC_FIELDS]
    for field in ("containers", "initContainers"):
        for index, container in enumerate(pod["spec"].get(field, [])):
            unknown += [f"spec.{field}[{index}].{key}" for key in container if key not in CONTAINER_FIELDS]
    if unknown:
        fields = ", ".join(f'unknown field "{path}"' for path in unknown)
        message = f'Pod in version "v1" cannot be handled as a Pod: strict decoding error: {fields}'
        raise answers.bad_request(message)


def _faults(spec: JsonObject) -> Iterator[str]:
    if not spec.get("containers"):
        yield "spec.containers: Required value"
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field, [])):
            path = f"spec.{field}[{index}]"
            if not container.get("name"):
                yield f"{path}.name: Required value"
            if not container.get("image"):
                yield f"{path}.image: Required value"
            for number, port in enumerate(container.get("ports", [])):
                if not 0 < port.get("containerPort", 0) < 65536:
                    value = port.get("containerPort")
                    place = f"{path}.ports[{number}].containerPort"
                    yield f"{place}: Invalid value: {value}: must be between 1 and 65535, inclusive"


def _without_images(spec: JsonObject) -> JsonObject:
    plain: JsonObject = {**spec, "tolerations": None}
    for field in ("containers", "initContainers"):
        if field in spec:
            plain[field] = [{**container, "image": ""} for container in spec[field]]
    return plain
