"""The Wiener filter against closed forms."""

import math

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.optics.convolution import Convolution
from focusbench.solvers.wiener import wiener

POINT = np.ones((1, 1))


def gaussian(*shape, width=1.2):
    axes = [np.arange(n) - (n - 1) // 2 for n in shape]
    kernel = np.exp(-sum(axis**2 for axis in np.meshgrid(*axes, indexing="ij")) / (2 * width**2))
    return kernel / kernel.sum()


def inside_of_light(*shape, margin=6, seed=2):
    volume = np.zeros(shape)
    inner = tuple(slice(margin, -margin) for _ in shape)
    volume[inner] = np.random.default_rng(seed).random(volume[inner].shape)
    return volume


@pytest.mark.parametrize("boundary", ["linear", "circular"])
@pytest.mark.parametrize("shape", [(12, 15), (7, 8, 9)])
def test_without_blur_it_is_a_gain(boundary, shape):
    observed = np.random.default_rng(0).random(shape)
    power = 0.01 * np.mean(observed**2)
    found = wiener(observed, np.ones((1,) * len(shape)), noise_power=power, boundary=boundary)
    # residual (alpha / (1 + alpha))^2 mean(d^2) = power
    share = math.sqrt(0.01)
    assert found.regularisation == pytest.approx(share / (1 - share), rel=1e-9)
    assert found.residual == pytest.approx(power, rel=1e-9)
    np.testing.assert_allclose(found.estimate, observed * (1 - share), rtol=1e-9)


@pytest.mark.parametrize("wave", [(0, 0), (1, 0), (2, 3), (0, 8)])
def test_one_wave_is_divided_by_what_the_psf_leaves_of_it(wave):
    height, width = 12, 16
    kernel = gaussian(5, 5)
    y, x = np.mgrid[:height, :width]
    phase = 2 * np.pi * (wave[0] * y / height + wave[1] * x / width)
    truth = 1 + 0.5 * np.cos(phase)
    offsets = np.arange(5) - 2
    at = 2 * np.pi * (wave[0] * offsets[:, None] / height + wave[1] * offsets[None] / width)
    passed = (kernel * np.cos(at)).sum()  # of a symmetric kernel
    observed = 1 + 0.5 * passed * np.cos(phase)
    alpha = 0.03
    found = wiener(observed, kernel, regularisation=alpha, boundary="circular")
    if wave == (0, 0):
        np.testing.assert_allclose(found.estimate, 1.5 / (1 + alpha), rtol=1e-10)
        return
    gain = passed / (passed**2 + alpha)
    expected = 1 / (1 + alpha) + 0.5 * passed * gain * np.cos(phase)
    np.testing.assert_allclose(found.estimate, np.maximum(expected, 0), rtol=1e-10)
    power = 2 if wave == (0, 8) else 1  # cos at the highest frequency is +-1
    residual = (alpha / (1 + alpha)) ** 2
    residual += (alpha / (passed**2 + alpha)) ** 2 * (0.5 * passed) ** 2 * power / 2
    assert found.residual == pytest.approx(residual, rel=1e-10)
    assert truth.max() <= 1.5


def test_it_minimises_the_penalised_residual():
    kernel = np.random.default_rng(4).random((3, 4))
    observed = np.random.default_rng(5).random((8, 9)) + 5  # so that nothing is clipped
    alpha = 0.5
    operator = Convolution(kernel, observed.shape, "circular", dtype=torch.float64)
    unit = torch.eye(observed.size, dtype=torch.float64).view(-1, *observed.shape)
    matrix = operator.apply(unit).reshape(observed.size, -1).numpy().T
    normal = matrix.T @ matrix + alpha * np.eye(observed.size)
    expected = np.linalg.solve(normal, matrix.T @ observed.ravel()).reshape(observed.shape)
    assert expected.min() > 0
    found = wiener(observed, kernel, regularisation=alpha, boundary="circular")
    np.testing.assert_allclose(found.estimate, expected, rtol=1e-9)
    residual = np.mean((matrix @ expected.ravel() - observed.ravel()) ** 2)
    assert found.residual == pytest.approx(residual, rel=1e-9)


@pytest.mark.parametrize("boundary", ["linear", "circular"])
@pytest.mark.parametrize("kernel_shape", [(5, 7), (4, 6), (4, 5)])
def test_undoes_a_blur_without_moving_anything(boundary, kernel_shape):
    truth = inside_of_light(40, 44)
    kernel = gaussian(*kernel_shape, width=0.7)
    operator = Convolution(kernel, truth.shape, boundary, dtype=torch.float64)
    observed = operator.apply(torch.from_numpy(truth)).numpy()
    found = wiener(observed, kernel, noise_power=0.0, boundary=boundary)
    np.testing.assert_allclose(found.estimate, truth, atol=1e-3)


@pytest.mark.parametrize("shape", [(30, 33), (16, 18, 20)])
def test_boundaries_agree_where_no_light_comes_near_them(shape):
    truth = inside_of_light(*shape, margin=7)
    kernel = gaussian(*(5,) * len(shape))
    operator = Convolution(kernel, shape, dtype=torch.float64)
    observed = operator.apply(torch.from_numpy(truth)).numpy()
    both = [
        wiener(observed, kernel, regularisation=0.5, boundary=boundary)
        for boundary in ("linear", "circular")
    ]
    np.testing.assert_allclose(both[0].estimate, both[1].estimate, atol=1e-3)
    assert both[0].residual == pytest.approx(both[1].residual, rel=1e-3)


def test_linear_does_not_wrap_around():
    observed = np.zeros((16, 16))
    observed[0, 8] = 1.0
    kernel = gaussian(5, 5)
    linear = wiener(observed, kernel, regularisation=0.1).estimate
    circular = wiener(observed, kernel, regularisation=0.1, boundary="circular").estimate
    assert linear[-1].max() < 0.02 < 0.2 < circular[-1].max()


@pytest.mark.parametrize("boundary", ["linear", "circular"])
def test_the_residual_is_the_noise(boundary):
    truth = inside_of_light(24, 24, 24)
    kernel = gaussian(7, 5, 5)
    operator = Convolution(kernel, truth.shape, boundary, dtype=torch.float64)
    clean = operator.apply(torch.from_numpy(truth)).numpy()
    levels = []
    for sigma in (0.003, 0.03):
        noisy = clean + sigma * np.random.default_rng(1).standard_normal(clean.shape) + 0.2
        found = wiener(noisy, kernel, noise_power=sigma**2, boundary=boundary)
        assert found.residual == pytest.approx(sigma**2, rel=1e-6)
        levels.append(found.regularisation)
    assert 1e-9 < levels[0] < levels[1] < 1e3


def test_more_noise_than_light_leaves_nothing():
    observed = np.random.default_rng(0).random((9, 9))
    found = wiener(observed, gaussian(3, 3), noise_power=10.0)
    assert found.regularisation == pytest.approx(1e3)
    assert found.estimate.max() < 2e-3


def test_types_and_the_observation_itself():
    observed = np.random.default_rng(0).random((9, 10)) - 0.1
    before = observed.copy()
    assert wiener(observed, POINT, regularisation=1.0).estimate.dtype == np.float64
    single = wiener(observed.astype(np.float32), POINT, regularisation=1.0).estimate
    assert single.dtype == np.float32
    assert np.array_equal(observed, before)
    np.testing.assert_allclose(single, np.maximum(observed, 0) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"observed": np.full((9, 9), np.nan)}, "observation: NaN"),
        ({"observed": np.zeros((9, 9))}, "no photons"),
        ({"psf": np.full((3, 3), -1.0)}, "PSF: negative"),
        ({"psf": np.ones((10, 3))}, "PSF: shape"),
        ({"noise_power": None}, "one of noise_power and regularisation"),
        ({"regularisation": 1.0}, "one of noise_power and regularisation"),
        ({"noise_power": -1.0}, "noise_power is -1"),
        ({"noise_power": "a"}, "noise_power is 'a'"),
        ({"noise_power": None, "regularisation": 0.0}, "regularisation is 0"),
        ({"boundary": "mirror"}, "boundary"),
    ],
)
def test_bad_input_is_one_line(changed, said):
    arguments = {"observed": np.ones((9, 9)), "psf": np.ones((3, 3)), "noise_power": 0.1, **changed}
    with pytest.raises(InputError, match=said) as caught:
        wiener(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu():
    observed = np.random.default_rng(0).random((20, 21, 22)).astype(np.float32)
    both = [
        wiener(observed, gaussian(5, 5, 5), noise_power=1e-3, device=device)
        for device in ("cpu", "cuda")
    ]
    assert both[1].regularisation == pytest.approx(both[0].regularisation, rel=1e-4)
    np.testing.assert_allclose(both[1].estimate, both[0].estimate, atol=1e-4)
