"""Scores to numbers."""
