"""Images in the tar shards of WebDataset, found by their headers, and writing such shards."""
