import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from scipy.signal import fftconvolve

from focusbench import networks
from focusbench.errors import InputError
from focusbench.networks.blur_kernel import BlurKernel, blurred
from focusbench.optics.convolution import Convolution


def random(*shape, seed=0):
    return np.random.default_rng(seed).random(shape)


@pytest.mark.parametrize("kernel", [(5, 3, 7), (4, 6, 2), (20, 5, 1), (1, 1, 1), (9, 23, 12)])
@pytest.mark.parametrize("shape", [(9, 12, 11), (3, 30, 10)])
def test_as_scipy(shape, kernel):
    """Asymmetric, odd and even, shorter and longer than the volume."""
    volume, taps = random(2, *shape), random(*kernel, seed=1) - 0.3
    result = blurred(torch.from_numpy(volume), torch.from_numpy(taps))
    for one, given in zip(result, volume, strict=True):
        full = fftconvolve(given, taps)
        start = [(k - 1) // 2 for k in kernel]  # scipy's "same", where the kernel is the shorter
        expected = full[tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))]
        np.testing.assert_allclose(one.numpy(), expected, rtol=0, atol=1e-12)
    if all(k <= n for k, n in zip(kernel, shape, strict=True)):
        np.testing.assert_allclose(
            result[0].numpy(), fftconvolve(volume[0], taps, "same"), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("kernel", [(5, 3, 7), (4, 6, 2), (9, 12, 11)])
def test_margins_are_cut_off(kernel):
    """Up to half a kernel, where the transforms get shorter, and beyond."""
    volume, taps = (torch.from_numpy(random(*s)) for s in ((2, 13, 14, 15), kernel))
    whole = blurred(volume, taps)
    for margins in ((1, 0, 2), tuple(n // 2 for n in kernel), (6, 6, 6)):
        places = [slice(m, n - m) for m, n in zip(margins, (13, 14, 15), strict=True)]
        cut = blurred(volume, taps, margins)
        torch.testing.assert_close(cut, whole[(..., *places)], rtol=0, atol=1e-12)
    torch.testing.assert_close(
        BlurKernel(initial=taps.numpy()).double()(volume, (2, 1, 0)),  # of unit sum
        whole[:, 2:-2, 1:-1] / taps.sum(),
        rtol=1e-6,
        atol=0,
    )


def test_as_the_library_blurs():
    psf = random(5, 4, 3) ** 4
    network = BlurKernel(initial=psf)
    volume = torch.from_numpy(random(10, 11, 12)).float()
    expected = Convolution(psf, (10, 11, 12)).apply(volume)
    torch.testing.assert_close(network(volume), expected, rtol=0, atol=1e-6)


def test_gradients_are_adjoints():
    volume = torch.from_numpy(random(6, 7, 9)).requires_grad_()
    kernel = torch.from_numpy(random(4, 3, 5, seed=1) - 0.5).requires_grad_()
    other = torch.from_numpy(random(6, 7, 9, seed=2))
    product = (blurred(volume, kernel) * other).sum()
    by_volume, by_kernel = torch.autograd.grad(product, (volume, kernel))
    # linear in each: <h * x, y> = <x, gradient> = <h, gradient>
    assert (by_volume * volume).sum().item() == pytest.approx(product.item(), rel=1e-12)
    assert (by_kernel * kernel).sum().item() == pytest.approx(product.item(), rel=1e-12)
    # and the first is the exact adjoint, correlation: y convolved with the kernel turned around
    full = fftconvolve(other.numpy(), np.flip(kernel.detach().numpy()))
    start = [k // 2 for k in kernel.shape]
    expected = full[tuple(slice(s, s + n) for s, n in zip(start, other.shape, strict=True))]
    np.testing.assert_allclose(by_volume.numpy(), expected, rtol=0, atol=1e-12)
    assert torch.autograd.gradcheck(blurred, (volume[:3, :3, :3], kernel), fast_mode=True)


def test_paper_size():
    """Lim et al. 2020, III-A: 31^3 in simulation (V-C: 0.03 million), 20^3 in the experiment."""
    network = networks.build("blur_kernel")
    assert [tuple(p.shape) for p in network.parameters()] == [(31, 31, 31)]
    assert sum(p.numel() for p in network.parameters()) == 29_791
    assert BlurKernel((20, 20, 20)).kernel().size == 8000


@pytest.mark.parametrize("constraint", ["none", "positive"])
@pytest.mark.parametrize("shape", [(31, 31, 31), (20, 20, 20), (5, 8, 1)])
def test_starts_as_a_gaussian(constraint, shape):
    kernel = BlurKernel(shape, constraint).kernel()
    assert kernel.shape == shape
    assert kernel.dtype == np.float64
    assert kernel.sum() == pytest.approx(1, abs=1e-6)
    peak = tuple((n - 1) // 2 for n in shape)
    assert np.unravel_index(kernel.argmax(), shape) == peak
    if shape[0] == 31:
        for axis in range(3):
            profile = np.moveaxis(kernel, axis, 0)[:, 15, 15]
            assert profile[19] / profile[15] == pytest.approx(np.exp(-0.5 * (4 * 8 / 31) ** 2))


def test_linear_without_bias():
    network = BlurKernel((3, 4, 5))
    one, two = torch.rand(2, 1, 1, 8, 9, 10)
    torch.testing.assert_close(network(one + 2 * two), network(one) + 2 * network(two))
    assert network(torch.zeros(1, 1, 8, 8, 8)).abs().max() == 0


def test_positive_and_unit_sum_whatever_is_learned():
    torch.manual_seed(0)
    network = BlurKernel((5, 5, 5), constraint="positive")
    optimizer = torch.optim.SGD(network.parameters(), lr=1e3)
    for _ in range(5):
        loss = (network(torch.rand(1, 1, 9, 9, 9)) * torch.randn(9, 9, 9)).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    kernel = network.kernel()
    assert (kernel >= 0).all()
    assert kernel.sum() == pytest.approx(1, abs=1e-14)
    assert kernel.max() > 0.05  # it moved far
    torch.testing.assert_close(
        network.values().double(), torch.from_numpy(kernel), atol=1e-6, rtol=0
    )


@pytest.mark.parametrize(("constraint", "rate"), [("none", 1e-2), ("positive", 1e-1)])
def test_finds_a_kernel(constraint, rate):
    """From pairs, an asymmetric kernel comes back: the convention of `kernel()` is that of use."""
    torch.manual_seed(0)
    psf = random(3, 5, 4) ** 3
    psf /= psf.sum()
    network = BlurKernel(psf.shape, constraint)
    volume = torch.randn(1, 1, 12, 12, 12)  # any mean would make this badly conditioned
    wanted = Convolution(psf, (12, 12, 12)).apply(volume)
    optimizer = torch.optim.Adam(network.parameters(), lr=rate)
    for _ in range(400):
        optimizer.zero_grad()
        (network(volume) - wanted).square().mean().backward()
        optimizer.step()
    assert np.abs(network.kernel() - psf).max() < 0.1 * psf.max()


@pytest.mark.parametrize("constraint", ["none", "positive"])
def test_safetensors_and_a_psf_with_zeros(constraint):
    psf = random(4, 3, 5)
    psf[0] = 0
    one = BlurKernel(constraint=constraint, initial=7 * psf)
    np.testing.assert_allclose(one.kernel(), psf / psf.sum(), rtol=1e-5, atol=1e-7)
    two = BlurKernel((4, 3, 5), constraint)
    two.load_state_dict(load(save(one.state_dict())))
    assert np.array_equal(one.kernel(), two.kernel())


def test_autocast_does_not_coarsen():
    network = BlurKernel((3, 3, 3))
    volume = torch.rand(1, 1, 8, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        result = network(volume)
        from_coarse = network(volume.bfloat16())
    assert torch.equal(result, network(volume))
    assert from_coarse.dtype == torch.float32


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"shape": (3, 3)}, "three whole numbers"),
        ({"shape": 31}, "three whole numbers"),
        ({"shape": (3, 0, 3)}, r"shape \(y\) is 0"),
        ({"constraint": "unit"}, "constraint is 'unit'; accepted: none, positive"),
        ({"initial": -np.ones((3, 3, 3))}, "initial: negative values"),
        ({"initial": np.ones((3, 3))}, "initial: 2 axes"),
    ],
)
def test_bad_settings(wrong, message):
    with pytest.raises(InputError, match=message):
        BlurKernel(**wrong)
