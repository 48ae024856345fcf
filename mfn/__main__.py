"""``python -m mfn`` is the ``mfn`` command."""

from mfn.commands.main import main

if __name__ == "__main__":
    main()
