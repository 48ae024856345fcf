"""Judges a network: ``python evaluate.py model_path=FILE benchmark=[lfw,cfp_fp,agedb_30] benchmark.root=DIR``."""

from mfn.commands.evaluate import main

if __name__ == "__main__":
    main()
