"""From bytes on disk to batches of faces: records, folders, splits, augmentation, loaders."""

import os

# Albumentations looks for a newer version over the network when imported. Set here, the switch is on
# before any module of this package imports it, and worker processes inherit it.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
