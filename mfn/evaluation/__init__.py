"""Judging networks on verification sets."""
