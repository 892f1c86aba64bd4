import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.training.level_map import BG, class_of, corners, cut, level_of


def test_corners_by_hand():
    assert corners((4, 6), 2).tolist() == [[y, x] for y in (0, 2) for x in (0, 2, 4)]
    # 7 - 4 = 3 is no multiple of the stride: the last ones end with the field
    assert corners((4, 7), 4, 2).tolist() == [[0, 0], [0, 2], [0, 3]]
    assert corners((4, 4), 4).tolist() == [[0, 0]]


@pytest.mark.parametrize("stride", [None, 42, 17])
def test_a_field_of_the_collection_is_covered(stride):
    seen = np.zeros((520, 696), int)
    for y, x in corners((520, 696), 84, stride):
        assert seen[y : y + 84, x : x + 84].shape == (84, 84)
        seen[y : y + 84, x : x + 84] += 1
    assert seen.min() == 1
    assert len(corners((520, 696))) == 7 * 9


def test_cut():
    field = np.arange(20).reshape(4, 5)
    made = cut(field, np.array([[0, 0], [2, 3]]), 2)
    assert made.tolist() == [[[0, 1], [5, 6]], [[13, 14], [18, 19]]]
    made[:] = 0
    assert field[0, 1] == 1  # a copy


def test_classes_and_back():
    levels = np.array([0, 10, BG])
    assert class_of(levels, 11).tolist() == [0, 10, 11]
    assert level_of(np.array([0, 10, 11]), 11).tolist() == [0, 10, BG]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((83, 100), 84), r"shape \(83, 100\); two axes \(y, x\) of at least 84 pixels"),
        (((5, 100, 100), 84), r"shape \(5, 100, 100\); two axes"),
        (((100, 100), 84, 85), "stride is 85; at most the side of the patches, 84"),
        (((100, 100), 84, 0), "stride is 0; a whole number from 1"),
    ],
)
def test_bad_grids(arguments, message):
    with pytest.raises(InputError, match=message):
        corners(*arguments)
