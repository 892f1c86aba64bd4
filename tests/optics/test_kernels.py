"""Which kernels are accepted."""

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics.kernels import centre, check_kernel


def with_value(value):
    kernel = np.ones((3, 4, 5))
    kernel[1, 2, 3] = value
    return kernel


def test_unit_sum_and_copy():
    kernel = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    checked = check_kernel(kernel, (2, 5, 4))
    assert checked.dtype == np.float64
    assert abs(checked.sum() - 1) < 1e-15
    np.testing.assert_allclose(checked, kernel / 276, rtol=1e-15)
    checked[:] = 0
    assert kernel.max() == 23


@pytest.mark.parametrize("scale", [1e-320, 1e306])
def test_extreme_scale(scale):
    np.testing.assert_allclose(check_kernel(np.full((5, 5), scale)), 1 / 25, rtol=1e-12)


@pytest.mark.parametrize(
    ("kernel", "shape", "words"),
    [
        (with_value(np.nan), None, "NaN or infinite"),
        (with_value(np.inf), None, "NaN or infinite"),
        (with_value(-1e-9), None, "negative values"),
        (np.zeros((3, 3)), None, "zero everywhere"),
        (np.ones((3, 0)), None, "empty"),
        (np.ones(3), None, "2 .y, x. or 3"),
        (np.ones((3, 3, 3, 3)), None, "2 .y, x. or 3"),
        (np.ones((3, 3)), (8, 8, 8), "2 axes .3, 3.; as many as the image"),
        (np.ones((3, 9, 3)), (8, 8, 8), r"\(3, 9, 3\) is larger than the image, \(8, 8, 8\)"),
        (np.ones((3, 3)) * 1j, None, "complex128"),
        (np.ones((3, 3), bool), None, "bool"),
        ([[1, 2], [3, "a"]], None, "real numbers"),
    ],
)
def test_refused(kernel, shape, words):
    with pytest.raises(InputError, match=words) as error:
        check_kernel(kernel, shape, "kernel.tif")
    assert str(error.value).startswith("kernel.tif: ")
    assert "\n" not in str(error.value)


def test_centre():
    assert centre((1, 2, 3, 4, 31)) == (0, 0, 1, 1, 15)
