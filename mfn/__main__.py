"""``python -m mfn`` is the ``mfn`` command."""

from mfn.cli import main

if __name__ == "__main__":
    main()
