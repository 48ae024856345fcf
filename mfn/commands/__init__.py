"""One file for each command, from the configuration to the result."""
