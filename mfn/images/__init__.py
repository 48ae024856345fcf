"""Image files: which files are images, finding them, and their bytes to pixels."""
