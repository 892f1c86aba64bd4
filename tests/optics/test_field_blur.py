"""The blur of a field against scipy, its adjoint, and light that spreads from where it comes."""

import pickle

import numpy as np
import pytest
import torch
from scipy.ndimage import convolve
from scipy.signal import convolve2d

from focusbench.errors import InputError
from focusbench.optics.defocus_psf import between
from focusbench.optics.field_blur import (
    BOUNDARIES,
    FieldBlur,
    blur,
    level_weights,
    shot_noise,
    steps,
    tilted_plane,
)

SCIPY = {"symmetric": "symm", "linear": "fill", "circular": "wrap"}


def kernels(count=3, shape=(5, 7)):
    """Asymmetric."""
    values = np.random.default_rng(0).random((count, *shape)) ** 3
    return values / values.sum(axis=(1, 2), keepdims=True)


def tensor(*shape, seed=2):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("level", [0, 2, 1.3])
def test_one_level_is_plain_convolution(boundary, level):
    psfs, field = kernels(), np.random.default_rng(1).random((19, 24))
    seen = blur(field, psfs, level, boundary)
    expected = convolve2d(field, between(psfs, level), "same", boundary=SCIPY[boundary])
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("shape", [(6, 4), (5, 8)])
def test_even_kernels_have_their_origin_where_convolution_has_it(shape):
    field = np.random.default_rng(1).random((12, 13))
    seen = {b: blur(field, kernels(1, shape), 0, b) for b in ("symmetric", "linear")}
    inside = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(seen["symmetric"][inside], seen["linear"][inside], atol=1e-6)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("shape", "box"), [((19, 24), (5, 7)), ((12, 9), (6, 4)), ((7, 30), (7, 8))]
)
def test_adjoint_is_exact(boundary, shape, box):
    levels = np.random.default_rng(3).random(shape) * 2
    operator = FieldBlur(kernels(3, box), levels, boundary=boundary, dtype=torch.float64)
    x, y = tensor(4, *shape), tensor(4, *shape, seed=5)
    one, two = (operator.apply(x) * y).sum(), (x * operator.adjoint(y)).sum()
    assert one.item() == pytest.approx(two.item(), rel=1e-12, abs=1e-12)


def test_kernels_larger_than_a_mirrored_field():
    field, psf = np.random.default_rng(1).random((4, 3)), kernels(1, (11, 15))
    expected = convolve(field, psf[0], mode="reflect")
    np.testing.assert_allclose(blur(field, psf, 0), expected, atol=1e-6)
    operator = FieldBlur(psf, 0, (4, 3), dtype=torch.float64)
    x, y = tensor(4, 3), tensor(4, 3, seed=5)
    one, two = (operator.apply(x) * y).sum(), (x * operator.adjoint(y)).sum()
    assert one.item() == pytest.approx(two.item(), rel=1e-12)


def test_a_point_spreads_with_the_kernel_of_its_own_place():
    psfs, levels = kernels(), steps((20, 31), [0, 2])
    for column, level in ((14, 0), (17, 2)):  # both within a kernel of the step at 16
        point = np.zeros((20, 31))
        point[9, column] = 1
        expected = convolve2d(point, psfs[level], "same")
        np.testing.assert_allclose(blur(point, psfs, levels), expected, atol=1e-7)


def test_light_is_kept_and_an_even_field_stays_even_with_a_mirror():
    levels = tilted_plane((40, 50), 0, 2, 30)
    one = FieldBlur(kernels(), levels, dtype=torch.float64).adjoint(torch.ones(40, 50).double())
    inside = (slice(4, -4), slice(4, -4))
    np.testing.assert_allclose(one[inside], 1, rtol=0, atol=1e-12)
    even = blur(np.full((40, 50), 7.0), kernels(), 1.5)
    np.testing.assert_allclose(even, 7, rtol=1e-6)
    dark = blur(np.full((40, 50), 107.0), kernels(), 1.5, "linear", offset=100)
    assert dark[0, 0] < 105 < dark[20, 25] < 107.001
    assert dark.min() > 100


def test_an_offset_is_no_light_and_does_not_pile_up_at_a_step():
    psfs = np.zeros((2, 5, 7))
    psfs[0, 2, 3], psfs[1] = 1, 1 / 35  # a point, and a box
    even, levels = np.full((20, 31), 100.0), steps((20, 31), [0, 1])
    spread = blur(even, psfs, levels)
    assert spread.max() == pytest.approx(100 + 100 * 3 / 7, rel=1e-5)
    assert spread.min() == pytest.approx(100 - 100 * 3 / 7, rel=1e-5)
    assert spread.mean() == pytest.approx(100, rel=1e-5)
    np.testing.assert_allclose(blur(even, psfs, levels, offset=99), 99 + (spread / 100), rtol=1e-5)


def test_autograd_pickle_and_batches():
    operator = FieldBlur(kernels(2, (3, 2)), tilted_plane((6, 7), 0, 1), dtype=torch.float64)
    x = tensor(2, 6, 7).requires_grad_()
    assert torch.autograd.gradcheck(operator.apply, x)
    again = pickle.loads(pickle.dumps(operator))
    assert torch.equal(again.apply(x), operator.apply(x))
    torch.testing.assert_close(operator.to("cpu").apply(x)[1], operator.apply(x[1]))


def test_tilted_planes():
    plane = tilted_plane((5, 9), 1, 9)
    np.testing.assert_allclose(plane, np.broadcast_to(np.arange(1, 10), (5, 9)))
    np.testing.assert_allclose(tilted_plane((9, 5), 1, 9, 90), plane.T, atol=1e-12)
    corner = tilted_plane((30, 40), 0, 10, 30)
    assert (corner[0, 0], corner[-1, -1]) == (pytest.approx(0), pytest.approx(10))
    second = np.diff(corner, 2, axis=0), np.diff(corner, 2, axis=1)
    assert max(np.abs(d).max() for d in second) < 1e-12
    through = tilted_plane((1, 9), -3, 5)
    np.testing.assert_allclose(through[0], [3, 2, 1, 0, 1, 2, 3, 4, 5])
    np.testing.assert_array_equal(tilted_plane((1, 1), 2, 4), [[3]])


def test_steps():
    np.testing.assert_array_equal(steps((2, 5), [3, 0.5]), [[3, 3, 3, 0.5, 0.5]] * 2)
    np.testing.assert_array_equal(steps((3, 2), [1, 2, 3], axis=0)[:, 1], [1, 2, 3])


def test_weights_of_levels():
    levels = np.array([[0, 0.25], [1.5, 2]])
    weights = level_weights(levels, 3)
    np.testing.assert_allclose(weights.sum(axis=0), 1)
    np.testing.assert_allclose((weights * np.arange(3)[:, None, None]).sum(axis=0), levels)
    np.testing.assert_allclose(weights[:, 0, 1], [0.75, 0.25, 0])


def test_photons_and_offset():
    image = np.full((200, 200), 150.0)
    rng = np.random.default_rng
    noisy = shot_noise(image, rng(0))
    assert noisy.dtype == np.float32
    assert noisy.mean() == pytest.approx(150, abs=0.3)
    assert noisy.var() == pytest.approx(150, rel=0.03)
    np.testing.assert_array_equal(noisy, shot_noise(image, rng(0)))
    np.testing.assert_array_equal(noisy, np.rint(noisy))
    above = shot_noise(image, rng(0), offset=100)
    assert above.mean() == pytest.approx(150, abs=0.3)
    assert above.var() == pytest.approx(50, rel=0.03)
    image[:100] = 90
    assert (shot_noise(image, rng(0), offset=100)[:100] == 100).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: FieldBlur(kernels(), np.full((9, 9), 2.1)), "levels from 2.1 to 2.1; .* 0 to 2"),
        (lambda: FieldBlur(kernels(), np.full((9, 9), np.nan)), "level map: levels from nan"),
        (lambda: FieldBlur(kernels(), -1, (9, 9)), "levels from -1"),
        (lambda: FieldBlur(kernels(), 1), "a single level needs `shape`"),
        (lambda: FieldBlur(kernels(), np.zeros((9, 9)), (9, 8)), r"shape \(9, 9\); \(9, 8\)"),
        (lambda: FieldBlur(kernels(), 1, (9, 9), "mirror"), "boundary: 'mirror'; accepted: symm"),
        (lambda: FieldBlur(kernels(), 1, (3, 9), "linear"), "PSF 0: .* larger than the image"),
        (lambda: FieldBlur(kernels()[0], 0, (9, 9)), r"\(levels, y, x\) is needed"),
        (lambda: FieldBlur(-kernels(), 0, (9, 9)), "PSF 0: negative"),
        (lambda: blur(np.zeros((3, 9, 9)), kernels(), 0), "field: shape"),
        (lambda: blur(np.full((9, 9), np.inf), kernels(), 0), "field: NaN or infinite"),
        (lambda: blur(np.ones((9, 9)), kernels(), 0, offset=-1), "offset is -1"),
        (lambda: shot_noise(-np.ones((9, 9)), None), "lowest value -1"),
        (lambda: shot_noise(np.full((9, 9), 90), None, 100), "no value above the offset, 100"),
        (lambda: tilted_plane((9, 9), 0, np.inf), "highest is inf"),
        (lambda: tilted_plane((9,), 0, 1), r"shape is \(9,\)"),
        (lambda: steps((9, 9), []), "0 levels for 9 pixels"),
        (lambda: steps((9, 9), [1, -1]), "finite numbers from 0 up"),
        (lambda: steps((9, 9), [1], axis=2), "axis is 2"),
        (lambda: level_weights([[1j]], 3), "real numbers"),
    ],
)
def test_refused(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_cuda_equals_cpu(boundary):
    operator = FieldBlur(kernels(), tilted_plane((20, 23), 0, 2), boundary=boundary)
    x = torch.rand(3, 20, 23)
    other = operator.to("cuda")
    torch.testing.assert_close(other.apply(x.cuda()).cpu(), operator.apply(x))
    torch.testing.assert_close(other.adjoint(x.cuda()).cpu(), operator.adjoint(x))
