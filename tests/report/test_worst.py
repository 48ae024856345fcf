import numpy as np

from mfn.report.worst import worst_false_accepts, worst_false_rejects


def test_worst_pairs_agree_with_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    scores, same = rng.integers(0, 20, 200) / 20, rng.random(200) < 0.5
    accepts = sorted((-scores[i], i) for i in range(200) if not same[i] and scores[i] >= 0.5)
    rejects = sorted((scores[i], i) for i in range(200) if same[i] and scores[i] < 0.5)
    for find, expected in ((worst_false_accepts, accepts), (worst_false_rejects, rejects)):
        positions, total = find(scores, same, 0.5, count=7)
        assert positions.tolist() == [i for _, i in expected[:7]]
        assert total == len(expected)


def test_a_pair_at_the_threshold_is_accepted() -> None:
    scores = np.array([0.5, 0.5], np.float32)
    assert worst_false_accepts(scores, [True, False], 0.5)[0].tolist() == [1]
    assert worst_false_rejects(scores, [True, False], 0.5)[1] == 0
