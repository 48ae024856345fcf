"""Writes a network as files for phones: ``python export.py model_path=FILE target=onnx,litert precision=fp32,int8``."""

from mfn.commands.export import main

if __name__ == "__main__":
    main()
