"""LMDB packs: a memory-mapped tree of keys, each with an image and its label."""
