"""Faces for other programs and for a browser: the REST API of `mfn serve`, and the page of `mfn demo`."""
