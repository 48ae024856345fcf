"""From a source of faces to batches: splits, augmentation, sampler, loader, data module."""

import os

# Albumentations looks for a newer version over the network when imported. Set here, the switch is on
# before any module of this package imports it, and worker processes inherit it.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
