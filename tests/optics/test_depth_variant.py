"""The depth-variant blur against a sum of convolutions."""

import pickle

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.optics.convolution import Convolution
from focusbench.optics.depth_variant import DepthVariant

BOUNDARIES = ("linear", "circular")


def kernels(count=3, shape=(6, 5)):
    return np.random.default_rng(0).random((count, *shape)) ** 3


def weights(count=3, shape=(20, 23)):
    values = np.random.default_rng(1).random((count, *shape))
    return values / values.sum(axis=0)


def tensor(*shape, seed=2):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", [(20, 23), (12, 5), (6, 31)])
def test_sum_of_convolutions_and_adjoint(boundary, shape):
    psfs, shares = kernels(), weights(shape=shape)
    operator = DepthVariant(psfs, shares, boundary, dtype=torch.float64)
    x, y = tensor(4, *shape), tensor(4, *shape, seed=3)
    expected = sum(
        Convolution(psf, shape, boundary, dtype=torch.float64).apply(x * torch.from_numpy(share))
        for psf, share in zip(psfs, shares, strict=True)
    )
    torch.testing.assert_close(operator.apply(x), expected, rtol=0, atol=1e-13)
    assert (operator.apply(x) * y).sum().item() == pytest.approx(
        (x * operator.adjoint(y)).sum().item(), rel=1e-12, abs=1e-12
    )


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_equal_kernels_are_depth_invariant(boundary):
    shape, psf = (84, 90), kernels(1, (27, 26))[0]
    x = torch.rand(2, *shape)
    variant = DepthVariant([psf] * 11, weights(11, shape), boundary)
    invariant = Convolution(psf, shape, boundary)
    assert (variant.apply(x) - invariant.apply(x)).abs().max() < 1e-6
    assert (variant.adjoint(x) - invariant.adjoint(x)).abs().max() < 1e-6


def test_kernels_of_different_sizes():
    shape, sizes = (30, 31), [(1, 1), (4, 7), (15, 30)]
    psfs = [kernels(1, size)[0] for size in sizes]
    padded = np.zeros((3, 15, 30))  # the same kernels in one box, origins at (7, 14)
    for box, psf in zip(padded, psfs, strict=True):
        y, x = (c - (k - 1) // 2 for c, k in zip((7, 14), psf.shape, strict=True))
        box[y : y + psf.shape[0], x : x + psf.shape[1]] = psf
    x = tensor(*shape)
    ragged = DepthVariant(psfs, weights(3, shape), dtype=torch.float64)
    boxed = DepthVariant(padded, weights(3, shape), dtype=torch.float64)
    torch.testing.assert_close(ragged.apply(x), boxed.apply(x), rtol=0, atol=1e-14)


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_gradients(boundary):
    operator = DepthVariant(kernels(2, (3, 2)), weights(2, (6, 7)), boundary, dtype=torch.float64)
    x = tensor(2, 6, 7).requires_grad_()
    for mapping in (operator.apply, operator.adjoint):
        assert torch.autograd.gradcheck(mapping, x)


def test_large_batches_and_pickle():
    operator = DepthVariant(kernels(2), weights(2, (200, 210)))
    x = torch.rand(40, 200, 210)  # more than is transformed at once
    blurred = operator.apply(x)
    torch.testing.assert_close(blurred[37], operator.apply(x[37]), rtol=0, atol=1e-6)
    assert torch.equal(pickle.loads(pickle.dumps(operator)).apply(x), blurred)
    assert torch.equal(operator.to("cpu").adjoint(x), operator.adjoint(x))


@pytest.mark.parametrize(
    ("psfs", "shares", "words"),
    [
        (kernels(2), weights(3), "3 maps for 2 PSFs"),
        (kernels(3, (21, 3)), weights(3), "PSF 0: shape .* larger than the image"),
        (kernels(3) - 0.5, weights(3), "PSF 0: negative"),
        (kernels(3), weights(3) - 0.5, "weights: NaN, infinite or negative"),
        (kernels(3), weights(3) * np.nan, "weights: NaN, infinite or negative"),
        (kernels(3), weights(3)[0], "weights: shape"),
        (kernels(3), weights(3) * 1j, "weights: values of type complex128"),
    ],
)
def test_refused(psfs, shares, words):
    with pytest.raises(InputError, match=words) as error:
        DepthVariant(psfs, shares)
    assert "\n" not in str(error.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_cuda_equals_cpu(boundary):
    operator = DepthVariant(kernels(), weights(), boundary)
    built = DepthVariant(kernels(), weights(), boundary, device="cuda")
    x = torch.rand(3, 20, 23)
    for other in (built, operator.to("cuda")):
        torch.testing.assert_close(other.apply(x.cuda()).cpu(), operator.apply(x))
        torch.testing.assert_close(other.adjoint(x.cuda()).cpu(), operator.adjoint(x))
