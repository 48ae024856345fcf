"""One face found in a photo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Face:
    """Where a face is.

    Attributes:
        box: float32 (4,), x and y of the upper left corner, width and height, in pixels of the photo. Faces at the
            border may reach outside of it.
        points: float32 (5, 2), x and y of left eye, right eye, nose, left and right mouth corner as one sees them,
            in pixels of the photo: the order of ``InputContract.template``.
        score: How sure the detector is, 0 to 1; NaN where nobody said.
        found_by: Which second try found it, see `mfn.align.second_try`; "" for the first look.
    """

    box: NDArray[np.float32]
    points: NDArray[np.float32]
    score: float
    found_by: str = ""

    @classmethod
    def rounded(cls, box: ArrayLike, points: ArrayLike, score: float) -> "Face":
        """A face in hundredths of a pixel and ten-thousandths of the score.

        Sums in another order, as in a batch of another size, differ in the last bits; rounded, they are alike.
        """
        place = np.round(np.asarray(box, np.float64), 2).astype(np.float32)
        return cls(place, np.round(np.asarray(points, np.float64), 2).astype(np.float32), round(float(score), 4))
