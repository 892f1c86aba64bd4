import numpy as np
import pytest
import torch

from focusbench.optics.convolution import Convolution
from focusbench.tracks.deconvolution.blurring import blur

SHAPE = (13, 16, 19)


@pytest.mark.parametrize("boundary", ["linear", "circular"])
@pytest.mark.parametrize("kernel_shape", [(5, 7, 3), (4, 6, 8), SHAPE])
def test_it_is_the_convolution_of_the_methods(boundary, kernel_shape):
    rng = np.random.default_rng(0)
    volume, kernel = rng.random(SHAPE), rng.random(kernel_shape)
    kernel /= kernel.sum()
    operator = Convolution(kernel, SHAPE, boundary, dtype=torch.float64)
    wanted = operator.apply(torch.from_numpy(volume)).numpy()
    np.testing.assert_allclose(blur(volume, kernel, boundary), wanted, atol=1e-13)


@pytest.mark.parametrize("boundary", ["linear", "circular"])
def test_tiles_change_nothing(boundary):
    rng = np.random.default_rng(0)
    volume, kernel = rng.random((40, 48, 50)), rng.random((5, 5, 5))
    kernel /= kernel.sum()
    tiled = blur(volume, kernel, boundary, max_voxels=30_000)
    np.testing.assert_allclose(tiled, blur(volume, kernel, boundary), atol=1e-12)
