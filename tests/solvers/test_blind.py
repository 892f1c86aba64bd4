"""Blind deconvolution against its equations, written down once more."""

import inspect

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.solvers.blind import BlindIteration, blind

SHAPES = [((14, 17), (5, 4)), ((7, 9, 10), (3, 4, 5))]


def blurred_spots(shape, kernel_shape, seed=3):
    """Spots, an asymmetric kernel, and their periodic convolution."""
    rng = np.random.default_rng(seed)
    truth = np.full(shape, 0.02)
    for _ in range(5):
        truth[tuple(rng.integers(0, n) for n in shape)] += 1.0
    kernel = rng.random(kernel_shape) ** 2 + 0.01
    kernel /= kernel.sum()
    spectrum = np.fft.fftn(truth) * np.fft.fftn(padded(kernel, shape))
    return truth, kernel, np.maximum(np.fft.ifftn(spectrum).real, 0)


def padded(kernel, shape):
    """Kernel in a volume, its middle (k - 1) // 2 at index 0."""
    full = np.zeros(shape)
    full[tuple(slice(n) for n in kernel.shape)] = kernel
    return np.roll(full, [-((n - 1) // 2) for n in kernel.shape], tuple(range(kernel.ndim)))


def cut(full, kernel_shape):
    middle = [(n - 1) // 2 for n in kernel_shape]
    return np.roll(full, middle, tuple(range(full.ndim)))[tuple(slice(n) for n in kernel_shape)]


def convolve(a, b):
    return np.fft.ifftn(np.fft.fftn(a) * np.fft.fftn(b)).real


def correlate(a, b):
    """Sum over s of a(s + t) b(s)."""
    return np.fft.ifftn(np.fft.fftn(a) * np.conj(np.fft.fftn(b))).real


def by_hand(image, psf, steps, weights=None):
    shape = image.shape
    w = np.ones(shape) if weights is None else weights
    j, p = [image], [psf]
    gj, gp = [], []

    def ahead(x, g):
        if len(g) < 2:
            return x[-1]
        a = min(max((g[-1] * g[-2]).sum() / (g[-2] * g[-2]).sum(), 0), 1)
        return np.maximum(x[-1] + a * (x[-1] - x[-2]), 0)

    for _ in range(steps):
        y, b = ahead(j, gj), ahead(p, gp)
        b = b / b.sum()
        ratio = w * image / convolve(padded(b, shape), y)
        p_full = padded(p[-1], shape)
        new = y * correlate(ratio, p_full) / correlate(w, p_full)
        change = correlate(ratio, j[-1])
        shaped = b * cut(change, psf.shape) / cut(correlate(w, j[-1]), psf.shape)
        shaped = np.maximum(shaped, 0)
        shaped /= shaped.sum()
        gj.append(new - y)
        gp.append(shaped - b)
        j.append(new)
        p.append(shaped)
    return j[-1], p[-1]


@pytest.mark.parametrize(("shape", "kernel_shape"), SHAPES)
@pytest.mark.parametrize("steps", [1, 2, 3, 10])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_equations(shape, kernel_shape, steps, weighted):
    _, _, observed = blurred_spots(shape, kernel_shape)
    weights = None
    if weighted:
        weights = np.random.default_rng(0).random(shape) * 0.5 + 0.5
    guess = np.ones(kernel_shape) / np.prod(kernel_shape)
    found = blind(observed, kernel_shape, steps, weights=weights)
    estimate, psf = by_hand(observed, guess, steps, weights)
    np.testing.assert_allclose(found.estimate, estimate, rtol=1e-7, atol=1e-10)
    np.testing.assert_allclose(found.psf, psf, rtol=1e-7, atol=1e-12)


def test_weights_of_one_are_no_weights():
    shape, kernel_shape = SHAPES[0]
    _, _, observed = blurred_spots(shape, kernel_shape)
    plain = blind(observed, kernel_shape)
    weighted = blind(observed, kernel_shape, weights=np.ones(shape))
    np.testing.assert_allclose(weighted.estimate, plain.estimate, rtol=1e-9, atol=1e-12)


def test_ten_iterations_unless_told_otherwise():
    assert inspect.signature(blind).parameters["iterations"].default == 10
    _, _, observed = blurred_spots(*SHAPES[0])
    found = blind(observed, (5, 4))
    assert found.iterations == 10
    again = blind(observed, np.ones((5, 4)), 10)
    assert np.array_equal(found.estimate, again.estimate)


@pytest.mark.parametrize(("shape", "kernel_shape"), SHAPES)
def test_the_psf_keeps_its_size_and_sum(shape, kernel_shape):
    _, _, observed = blurred_spots(shape, kernel_shape)
    for steps in (0, 1, 7):
        found = blind(observed, kernel_shape, steps)
        assert found.psf.shape == kernel_shape
        assert found.psf.dtype == np.float64
        assert found.psf.sum() == pytest.approx(1, rel=1e-12)
        assert found.psf.min() >= 0
        assert found.estimate.min() >= 0
        assert found.estimate.shape == shape


def test_finds_more_of_object_and_psf_than_it_was_given():
    shape, kernel_shape = (48, 48), (7, 7)
    rng = np.random.default_rng(2)
    truth = np.zeros(shape)
    for _ in range(12):
        truth[tuple(rng.integers(8, 40, 2))] = 1.0
    truth[10:14, 10:30] = 0.5
    y, x = np.mgrid[-3:4, -3:4]
    kernel = np.exp(-(y**2 / 2 + x**2 / 6))
    kernel /= kernel.sum()
    observed = np.maximum(convolve(truth, padded(kernel, shape)), 0)
    found = blind(observed, kernel_shape, 20)
    guess = np.full(kernel_shape, 1 / 49)
    assert np.abs(found.psf - kernel).sum() < 0.3 * np.abs(guess - kernel).sum()
    assert np.square(found.estimate - truth).sum() < 0.5 * np.square(observed - truth).sum()


def test_what_explains_the_image_stays():
    shape, kernel_shape = SHAPES[1]
    _, kernel, observed = blurred_spots(shape, kernel_shape)
    flat = np.full(shape, observed.mean())
    found = blind(flat, kernel, 5)  # a flat image is explained by a flat object and any PSF
    np.testing.assert_allclose(found.estimate, flat, rtol=1e-9)
    np.testing.assert_allclose(found.psf, kernel, rtol=1e-9)


def test_the_constraint_has_the_last_word():
    shape, kernel_shape = (14, 17), (5, 5)
    _, _, observed = blurred_spots(shape, kernel_shape)
    found = blind(observed, kernel_shape, 6, constraint=lambda psf: (psf + psf[::-1, ::-1]) / 2)
    np.testing.assert_allclose(found.psf, found.psf[::-1, ::-1], rtol=1e-12)
    free = blind(observed, kernel_shape, 6)
    assert np.abs(free.psf - free.psf[::-1, ::-1]).max() > 1e-3
    for wrong, said in (
        (lambda psf: psf[1:], "constraint: PSF of shape"),
        (lambda psf: -psf, "constraint: PSF: negative"),
    ):
        with pytest.raises(InputError, match=said):
            blind(observed, kernel_shape, 2, constraint=wrong)


def test_dark_places_and_negative_values():
    shape, kernel_shape = SHAPES[0]
    _, _, observed = blurred_spots(shape, kernel_shape)
    observed[:6] = -0.01
    for dtype in (np.float32, np.float64):
        found = blind(observed.astype(dtype), kernel_shape, 20)
        assert found.estimate.dtype == dtype
        assert np.isfinite(found.estimate).all()
        assert np.isfinite(found.psf).all()
        assert not found.estimate[:6].any()  # it starts from the observation


@pytest.mark.parametrize(("shape", "kernel_shape"), SHAPES)
def test_taken_apart_and_put_together_to_the_byte(shape, kernel_shape):
    _, _, observed = blurred_spots(shape, kernel_shape)
    data = torch.from_numpy(observed.astype(np.float32))
    guess = np.ones(kernel_shape) / np.prod(kernel_shape)
    whole = BlindIteration(data, guess)
    losses = [whole.step() for _ in range(8)]
    apart, again = BlindIteration(data, guess), []
    for _ in losses:
        tensors, scalars = apart.state()
        kept = {name: tensor.clone() for name, tensor in tensors.items()}
        apart = BlindIteration(data, guess)
        apart.load(kept, scalars)
        again.append(apart.step())
    assert again == losses
    assert losses[-1] < losses[0]
    assert apart.estimate().numpy().tobytes() == whole.estimate().numpy().tobytes()
    assert apart.psf().tobytes() == whole.psf().tobytes()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"observed": np.full((9, 9), np.nan)}, "observation: NaN"),
        ({"observed": np.zeros((9, 9))}, "no photons"),
        ({"psf": (10, 3)}, "PSF: shape"),
        ({"psf": (3, 3, 3)}, "PSF: 3 axes"),
        ({"psf": -np.ones((3, 3))}, "PSF: negative"),
        ({"psf": (0, 3)}, "PSF"),
        ({"iterations": -1}, "iterations is -1"),
        ({"weights": np.ones((9, 8))}, "weights: shape"),
        ({"weights": -np.ones((9, 9))}, "weights: negative"),
    ],
)
def test_bad_input_is_one_line(changed, said):
    arguments = {"observed": np.ones((9, 9)), "psf": (3, 3), **changed}
    with pytest.raises(InputError, match=said) as caught:
        blind(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_cpu():
    _, _, observed = blurred_spots(*SHAPES[1])
    both = [blind(observed, SHAPES[1][1], device=device) for device in ("cpu", "cuda")]
    np.testing.assert_allclose(both[1].estimate, both[0].estimate, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(both[1].psf, both[0].psf, rtol=1e-6, atol=1e-9)
