"""Where our own kinds are served."""

from rollkeeper.api.v1alpha1 import GROUP, VERSION
from rollkeeper.kube.resources import Resource

SCALE_SETS = Resource(GROUP, VERSION, "scalesets", "ScaleSet")
IMAGE_VERSIONS = Resource(GROUP, VERSION, "imageversions", "ImageVersion")
IMAGE_SOURCES = Resource(GROUP, VERSION, "imagesources", "ImageSource")
UPGRADE_RUNS = Resource(GROUP, VERSION, "upgraderuns", "UpgradeRun")
