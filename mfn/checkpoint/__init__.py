"""What is in a checkpoint, and reading and writing it without running anything that is in it."""
