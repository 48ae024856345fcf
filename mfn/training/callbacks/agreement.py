"""Ending a run in all of its processes, so that none waits for another that has left."""

import sys

from mfn.errors import MfnError
from mfn.ranks import from_all, on_any, ranks


def stop_together(error: MfnError | None) -> None:
    """Ends the run in every process if one of them has an error to tell; the first process tells it.

    Raises:
        MfnError: In the first process, the first of the errors.
        SystemExit: In the others, with status 0: whoever has started the processes ends all of them at once when one
            ends otherwise, and the first may not have told its error yet.
    """
    if not on_any(error is not None):
        return
    first = next(one for one in from_all(error) if one is not None)
    if ranks().rank == 0:
        raise first
    sys.exit(0)
