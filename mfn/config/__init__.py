"""What a composed configuration must be: types and ranges of every key, checked before anything is read."""
