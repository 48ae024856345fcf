import numpy as np

from mfn.metrics.sub_centres import angles_to_dominant


def test_angles_are_to_the_centre_that_most_are_nearest_to() -> None:
    cosines = np.array([[0.9, 0.1], [0.8, 0.3], [0.2, 0.7], [0.0, 1.0], [0.5, 0.6]], np.float32)
    angles, dominant, nearest = angles_to_dominant(cosines, np.array([7, 7, 7, 3, 3]))
    assert nearest.tolist() == [0, 0, 1, 1, 1]
    assert dominant.tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_allclose(angles, np.degrees(np.arccos([0.9, 0.8, 0.2, 1.0, 0.6])), rtol=1e-5)
