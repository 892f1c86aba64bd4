"""The parts of the compiled loops."""

import numba
import numpy as np

from focusbench.optics import ray_kernels
from focusbench.optics.ray_kernels import BLOCK, Layout


@numba.njit(fastmath={"contract"})
def power(x):
    out = np.empty_like(x)
    for k in range(x.size):
        out[k] = ray_kernels._exp2(x[k])
    return out


def test_power_of_two():
    x = np.linspace(-126, 20, 200_001)
    single = x.astype(np.float32)
    np.testing.assert_allclose(power(single), np.exp2(single.astype(np.float64)), rtol=2e-7)
    np.testing.assert_allclose(power(x), np.exp2(x), rtol=1e-13)
    whole = np.arange(-126, 20, dtype=np.float32)
    np.testing.assert_array_equal(power(whole), np.exp2(whole))
    assert power(np.array([-1e30], np.float32)) < 1.2e-38
    assert np.isnan(power(np.array([np.nan], np.float32))).all()


def test_layout_keeps_zeros_around_the_pixels():
    volume = np.arange(1, 2 * 3 * 5 + 1, dtype=np.float32).reshape(2, 3, 5)
    layout = Layout(3, 5, 4)
    flat = layout.spread(volume)
    assert flat.shape == (2, layout.size)
    np.testing.assert_array_equal(layout.pixels(flat), volume)
    assert np.count_nonzero(flat) == volume.size
    row = flat[1, BLOCK : BLOCK + 2 * layout.stride].reshape(2, layout.stride)
    np.testing.assert_array_equal(row[:, :5], volume[1, :2])
    assert (flat[:, :BLOCK] == 0).all()
    assert (flat[:, -BLOCK:] == 0).all()


def test_compiles_where_nothing_can_be_cached(monkeypatch):
    real = numba.njit

    def njit(**options):
        if options.get("cache"):
            raise RuntimeError("no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", njit)

    def add_one(x):
        return x + 1

    assert ray_kernels._compiled(add_one)(1) == 2
