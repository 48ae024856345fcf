"""Files on disk: written whole or not at all, never over what is not ours, read line by line."""
