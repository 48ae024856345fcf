"""Where faces come from: packs, folders, lists and TFRecord files as one kind of thing."""
