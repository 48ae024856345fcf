"""Trains a face-verification network: ``python train.py head=arcface data=ms1m data.root=DIR``."""

from mfn.commands.train import main

if __name__ == "__main__":
    main()
