"""A page that compares two photos in the browser: ONNX Runtime Web, a detector, and the network with its contract."""
