"""How a convolution is cut into transforms."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics.tiles import plan


def test_linear_axis_needs_half_the_kernel_only():
    assert plan((64, 256, 256), (31, 31, 31), False).sizes == (80, 280, 280)  # not 96, 288, 288
    assert plan((80, 1), (1, 1), False).sizes == (80, 1)


def test_circular_axis_is_not_padded():
    tiling = plan((64, 251, 90), (31, 3, 31), True)
    # 251 is prime: continued periodically to 253, padded to the next length of small factors.
    assert [(axis.size, axis.halo) for axis in tiling.axes] == [
        (64, False),
        (256, True),
        (90, False),
    ]


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("limit", [10_000, 50_000, 400_000])
def test_bound_is_kept_and_outputs_are_covered_once(periodic, limit):
    shape, kernel = (37, 100, 61), (9, 14, 5)
    tiling = plan(shape, kernel, periodic, limit)
    assert tiling.voxels <= limit
    for transposed in (False, True):
        seen = np.zeros(shape, int)
        tiles = list(tiling.tiles(transposed))
        for pieces in tiles:
            seen[tuple(piece.output for piece in pieces)] += 1
            for piece, axis in zip(pieces, tiling.axes, strict=True):
                kept = piece.output.stop - piece.output.start
                assert piece.start + kept <= piece.length <= axis.size
        assert (seen == 1).all()
        assert len(tiles) == tiling.count


def test_one_transform_where_it_fits():
    assert plan((64, 256, 256), (31, 31, 31), False, 80 * 280 * 280).count == 1
    assert plan((64, 256, 256), (31, 31, 31), False, 80 * 280 * 280 - 1).count > 1


def test_too_small_bound():
    with pytest.raises(InputError, match=r"max_voxels: 999; .* has 1000 voxels"):
        plan((64, 64, 64), (10, 9, 10), False, 999)
