"""Names that stand on objects: group, labels, annotations, finalizers. Users and outside checks rely on them."""

GROUP = "rollkeeper.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

LABEL_SCALE_SET = f"{GROUP}/scale-set"
LABEL_ORDINAL = f"{GROUP}/ordinal"
LABEL_IMAGE_VERSION = f"{GROUP}/image-version"
LABEL_MODEL_REVISION = f"{GROUP}/model-revision"
LABEL_PROTECT = f"{GROUP}/protect-from-upgrade"
"""Set to "true" by users: the instance is not upgraded (B10)."""

ANNOTATION_IMAGE = f"{GROUP}/image"
"""The full image reference that an instance was made with (V8)."""
ANNOTATION_MADE_BY = f"{GROUP}/made-by"
"""What a pod was made for: FirstCreation, ScaleOut, Repair, `<run>/<batch>/Forward` or `<run>/<batch>/Back` (I9)."""
ANNOTATION_ATTEMPT = f"{GROUP}/attempt"
"""On a run made by the controller: which attempt at its target it is (F8)."""
ANNOTATION_TARGET = f"{GROUP}/target"
"""On a run made by the controller: the image version or model revision that it is for."""
ANNOTATION_CAUSE = f"{GROUP}/cause"
"""On a run made by the controller: Automatic (a newer version), Model (a changed model) or Pin (a changed pin)."""
ANNOTATION_RELEASE_HOLD = f"{GROUP}/release-hold"
"""Set by users on a ScaleSet: `<version or revision>/<runName>` releases that one hold (F3)."""

ANNOTATION_RECONCILE_AT = f"{GROUP}/reconcile-at"
"""Set by users, to any new value: look at the object at once, and ask its registry again."""

FINALIZER_RUN = f"{GROUP}/active-run"
"""On an active run: deleting it cancels it first (F7)."""

MANAGED_BY = "rollkeeper"
