import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from focusbench.optics import resampling


def reference(volume, shape):
    """The sampling grid of the module's docstring, by another library's interpolation."""
    positions = [
        (np.arange(n_out) + 0.5) * n_in / n_out - 0.5
        for n_in, n_out in zip(volume.shape, shape, strict=True)
    ]
    grid = np.meshgrid(*positions, indexing="ij")
    return map_coordinates(volume.astype(float), grid, order=1, mode="nearest")


@pytest.mark.parametrize("shape", [(3, 5, 4), (7, 9, 13), (1, 1, 1), (6, 9, 8), (14, 18, 16)])
def test_rescale_agrees_with_an_independent_interpolation(shape):
    volume = np.random.default_rng(0).random((7, 9, 8))
    result = resampling.rescale(volume, shape)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, reference(volume, shape), rtol=0, atol=1e-6)


def test_same_size_changes_nothing():
    volume = np.random.default_rng(0).integers(0, 255, (4, 5, 6), dtype=np.uint8)
    np.testing.assert_array_equal(resampling.rescale(volume, (4, 5, 6)), volume)
    assert resampling.interpolation(6, 6).nnz == 6


@pytest.mark.parametrize("width", [1.0, 2.5, 7.0])
@pytest.mark.parametrize(("n_in", "n_out"), [(1, 4), (10, 3), (10, 10), (10, 23)])
def test_every_row_sums_to_one_and_keeps_a_constant(n_in, n_out, width):
    matrix = resampling.interpolation(n_in, n_out, width)
    assert matrix.shape == (n_out, n_in)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, rtol=1e-14)
    assert matrix.data.min() > 0


def test_antialias_removes_what_the_grid_cannot_carry():
    stripes = np.tile(np.array([0.0, 1.0]), 32)  # 64 samples, a period of 2
    volume = np.broadcast_to(stripes, (8, 8, 64))
    plain = resampling.rescale(volume, (8, 8, 20))
    smooth = resampling.rescale(volume, (8, 8, 20), antialias=True)
    assert np.ptp(plain) > 0.5
    assert np.abs(smooth[..., 1:-1] - 0.5).max() < 0.06


def test_antialias_leaves_a_volume_that_grows_alone():
    volume = np.random.default_rng(0).random((3, 4, 5))
    np.testing.assert_array_equal(
        resampling.rescale(volume, (6, 4, 9)), resampling.rescale(volume, (6, 4, 9), antialias=True)
    )


@pytest.mark.parametrize("width", [1.0, 4.0])
def test_planes_reads_each_slice_once_in_order_and_only_what_counts(width):
    volume = np.random.default_rng(0).random((40, 12, 10))
    along = (
        resampling.interpolation(40, 10, width),
        resampling.interpolation(12, 3, width),
        resampling.interpolation(10, 5, width),
    )
    asked = []

    def read(z):
        asked.append(z)
        return volume[z]

    part = list(resampling.planes(read, along, 4, 6))
    dense = [matrix.toarray() for matrix in along]
    whole = np.einsum("ai,bj,ck,ijk->abc", *dense, volume)
    np.testing.assert_allclose(part, whole[4:6], rtol=1e-12)
    assert asked == sorted(set(asked))
    assert set(asked) == set(np.flatnonzero(dense[0][4:6].any(axis=0)))


@pytest.mark.parametrize(("n_in", "n_out", "width"), [(0, 1, 1), (1, 0, 1), (2, 2, 0.5)])
def test_impossible_sizes_are_refused(n_in, n_out, width):
    with pytest.raises(ValueError, match="at least 1"):
        resampling.interpolation(n_in, n_out, width)
