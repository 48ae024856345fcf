"""Weights of others, in any usual file, to a network of ours."""
