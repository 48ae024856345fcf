"""From a trained backbone to files that run on phones, each proven against the network it came from."""
