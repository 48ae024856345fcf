"""From photos to a clean, aligned, balanced pack."""
