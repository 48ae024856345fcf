"""The normal deviate, the axis of a DET curve."""

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray


def normal_deviate(shares: ArrayLike) -> NDArray[np.float64]:
    """The number of standard deviations below which a share of a normal distribution lies; infinite for 0 and 1.

    Error rates drawn so make straight lines of scores that are spread normally (Martin et al., "The DET curve in
    assessment of detection task performance", Eurospeech 1997; ISO/IEC 19795-1).

    Args:
        shares: 0 to 1, of any shape.
    """
    return torch.special.ndtri(torch.from_numpy(np.array(shares, np.float64))).numpy()
