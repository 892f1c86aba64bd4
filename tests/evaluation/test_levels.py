import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.levels import confusion, cumulative_match, score
from focusbench.training.level_map import BG


def test_a_case_by_hand():
    truth = np.array([0, 0, 1, 2, 2, BG, BG, 1])
    predicted = np.array([0, 1, 1, 0, BG, BG, 2, 1])
    made = score(truth, predicted, n_levels=3)
    assert made.patches == 8
    assert made.accuracy == 4 / 8  # 0, 1, bg, 1
    assert made.within_one == 5 / 8  # and 0 told as 1
    # both have a level: off by 0, 1, 0, 2, 0, each 2 um
    assert made.mae_um == pytest.approx(2 * 3 / 5)
    assert made.missed == 1 / 6
    assert made.invented == 1 / 2
    # classes 0, 1, 2, bg
    assert made.precision == pytest.approx((1 / 2 + 2 / 3 + 0 + 1 / 2) / 4)
    assert made.recall == pytest.approx((1 / 2 + 1 + 0 + 1 / 2) / 4)
    assert made.f1 == pytest.approx((1 / 2 + 4 / 5 + 0 + 1 / 2) / 4)
    assert confusion(truth, predicted, 3).tolist() == [
        [1, 1, 0, 0],
        [0, 2, 0, 0],
        [1, 0, 0, 1],
        [0, 0, 1, 1],
    ]


def test_perfect():
    truth = np.array([0, 5, 10, BG])
    made = score(truth, truth)
    assert made[:7] == (4, 1, 1, 0, 1, 1, 1)
    assert (made.missed, made.invented) == (0, 0)


def test_classes_that_do_not_occur_do_not_count():
    made = score(np.array([3, 3, 4]), np.array([3, 3, 4]))
    assert (made.precision, made.recall, made.f1) == (1, 1, 1)
    # one that is only predicted does: its recall is undefined, taken as 0
    made = score(np.array([3, 3]), np.array([3, 7]))
    assert (made.precision, made.recall) == (0.5, 0.25)


def test_bg_has_no_depth():
    """Level 0 is class 0 and bg is -1: they are not neighbours."""
    made = score(np.array([0, BG]), np.array([BG, 0]))
    assert made.within_one == 0
    assert made.mae_um is None
    assert (made.missed, made.invented) == (1, 1)
    only = score(np.array([BG]), np.array([BG]))
    assert (only.accuracy, only.within_one, only.mae_um, only.missed) == (1, 1, None, None)
    assert score(np.array([2]), np.array([4])).invented is None


def test_the_step_between_levels():
    assert score(np.array([2]), np.array([6]), step_um=0.5).mae_um == 2


def test_cumulative_match():
    truth = np.array([0, 1, BG])
    probabilities = np.array([[0.2, 0.5, 0.3], [0.1, 0.6, 0.3], [0.4, 0.4, 0.2]])
    curve = cumulative_match(truth, probabilities, n_levels=2)
    assert curve.tolist() == pytest.approx([1 / 3, 1 / 3, 1])
    # a predictor without bg never meets it
    curve = cumulative_match(truth, probabilities[:, :2], n_levels=2)
    assert curve.tolist() == pytest.approx([1 / 3, 2 / 3])


@pytest.mark.parametrize(
    ("truth", "predicted", "message"),
    [
        ([], [], "at least one"),
        ([1, 2], [1], r"truth of shape \(2,\), predictions of \(1,\)"),
        ([11], [1], "a true level is 11; 0 to 10, or -1 for bg"),
        ([1], [-2], "a predicted level is -2"),
        ([1], [0.5], "a predicted level is 0.5"),
    ],
)
def test_bad_levels(truth, predicted, message):
    with pytest.raises(InputError, match=message):
        score(np.array(truth), np.array(predicted))


def test_bad_probabilities():
    with pytest.raises(InputError, match=r"probabilities of \(2, 5\)"):
        cumulative_match(np.array([0, 1]), np.ones((2, 5)))
