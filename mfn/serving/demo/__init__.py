"""The page of `mfn demo`: photos in, and HTML with pictures inside out."""
