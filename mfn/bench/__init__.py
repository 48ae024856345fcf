"""What ``mfn bench`` measures."""
