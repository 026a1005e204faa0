"""CEL rules of the image catalogue, beside those in `rules`, which says how they are written and what to mind."""

from rollkeeper.api.v1alpha1.rules import image_form, immutable_child, rule, validations

REGION = validations(
    rule(
        "self.matches('^[a-zA-Z0-9]([-_.a-zA-Z0-9]*[a-zA-Z0-9])?$')",
        "must be the name of a region: letters, digits, '-', '_' and '.', a letter or digit first and last",
    )
)
"""Where a set runs and a version is replicated to (V4)."""

TARGET_REGION = validations(
    immutable_child(
        "image",
        "image of a published version can't be changed in a region: take the region out and add it again, "
        "or publish a higher version",
    ),
)
"""What stands under one region of a published version (V7)."""

REGION_IMAGE = validations(
    rule(
        "self.matches('^\\\\S+$')",
        "must be the reference of a container image by tag or digest, like eu.registry.example.com/os/base:1.10.0, "
        "without blanks",
    ),
)
"""Where a region has an image of its own (V4)."""

REPOSITORY = validations(
    rule(
        "self.matches('^[^\\\\s@]+$') && !self.matches(':[^/]*$')",
        "must be a repository without tag or digest, like registry.example.com/os/base",
    ),
)
"""Where the versions of an image are kept."""

IMAGE_SOURCE_SPEC = validations(
    *image_form(),
    *(
        immutable_child(name, f"{name} of an ImageSource can't be changed: create another ImageSource")
        for name in ("publisher", "offer", "sku", "gallery", "definition")
    ),
)
IMAGE_SOURCE = validations(
    rule(
        "self.metadata.name.size() <= 63",
        "choose a name of at most 63 characters: it becomes a label of the versions",
        at=".metadata.name",
    ),
)
