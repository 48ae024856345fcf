"""Synthetic faces: people and photos as parameters, drawn by numpy from a seed."""
