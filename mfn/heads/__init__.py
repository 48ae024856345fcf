"""Embeddings and labels to a loss: one file per head on a small base."""
