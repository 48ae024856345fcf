"""The suffixes of network files; :mod:`mfn.inference.loading` reads them."""

CHECKPOINT = ".ckpt"
LAYER_ORDER = ".npz"
PROGRAMS = (".pt",)
"""Of files that are programs: loading them runs what is in them."""
RUNTIMES = {
    ".onnx": ("onnx_network", "OnnxNetwork"),
    ".tflite": ("litert_network", "LiteRTNetwork"),
    ".param": ("ncnn_network", "NcnnNetwork"),
    ".pte": ("executorch_network", "ExecutorchNetwork"),
    ".xml": ("openvino_network", "OpenvinoNetwork"),
    ".pt": ("torch_file_network", "TorchFileNetwork"),
    ".pt2": ("torch_file_network", "TorchFileNetwork"),
}
"""Module and class for each suffix of an exported file; a module is only imported once a file needs it."""
