"""What stands on a command line: its words, their types, and how to write them so that they arrive."""
