"""Cartoon faces: people and photos as parameters, drawn by numpy."""
