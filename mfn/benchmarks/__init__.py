"""Verification and identification sets in every form they are published in, read and written."""
