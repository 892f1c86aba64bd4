"""Convolution against direct sums and SciPy, its adjoint, gradients, tiles and memory."""

import io
import itertools
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal
import torch

from focusbench.errors import InputError
from focusbench.optics.convolution import Convolution

BOUNDARIES = ("linear", "circular")

# (volume, kernel): odd and even of either, as large as the volume, one voxel thin, prime lengths.
SHAPES = [
    ((12, 15), (5, 4)),
    ((13, 10), (6, 7)),
    ((9, 8), (9, 8)),
    ((1, 30), (1, 11)),
    ((61, 53), (6, 5)),
    ((7, 9, 11), (3, 5, 3)),
    ((8, 10, 12), (4, 6, 2)),
    ((8, 6, 10), (8, 6, 10)),
    ((5, 7, 9), (5, 7, 9)),
    ((1, 16, 15), (1, 7, 8)),
    ((6, 31, 37), (2, 3, 5)),
]


def asymmetric(shape, seed=0):
    """Positive, different from its mirror images along every axis."""
    return np.random.default_rng(seed).random(shape) ** 3


def tensor(*shape, seed=1, dtype=torch.float64):
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(dtype)


def direct(x, kernel, boundary):
    """The sum as it is defined: y[i] = sum_o h[o + centre] x[i - o]."""
    total = np.zeros(x.shape)
    for index in itertools.product(*(range(n) for n in kernel.shape)):
        offset = [i - (n - 1) // 2 for i, n in zip(index, kernel.shape, strict=True)]
        moved = np.roll(x, offset, range(x.ndim))
        if boundary == "linear":
            for axis, step in enumerate(offset):
                edge = [slice(None)] * x.ndim
                edge[axis] = slice(0, step) if step > 0 else slice(x.shape[axis] + step, None)
                if step:
                    moved[tuple(edge)] = 0
        total += kernel[index] * moved
    return total


def smallest(kernel, factor):
    return int(np.prod([n + 3 for n in kernel]) * factor)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("tiled", [False, True])
@pytest.mark.parametrize(("shape", "kernel_shape"), SHAPES)
def test_direct_sum_and_adjoint(shape, kernel_shape, boundary, tiled):
    kernel = asymmetric(kernel_shape)
    limit = smallest(kernel_shape, 2) if tiled else None
    operator = Convolution(kernel, shape, boundary, dtype=torch.float64, max_voxels=limit)
    x, y = tensor(2, *shape), tensor(2, *shape, seed=2)
    blurred, back = operator.apply(x), operator.adjoint(y)
    for image, result in zip(x.numpy(), blurred.numpy(), strict=True):
        np.testing.assert_allclose(result, direct(image, operator.kernel, boundary), atol=1e-14)
    assert torch.vdot(blurred.ravel(), y.ravel()).item() == pytest.approx(
        torch.vdot(x.ravel(), back.ravel()).item(), rel=1e-12, abs=1e-13
    )


@pytest.mark.parametrize(
    ("shape", "kernel_shape"), [((40, 37), (12, 9)), ((20, 33, 40), (9, 8, 13))]
)
def test_scipy(shape, kernel_shape):
    kernel, x = asymmetric(kernel_shape), tensor(*shape).numpy()
    unit = kernel / kernel.sum()
    linear = Convolution(kernel, shape, dtype=torch.float64).apply(torch.from_numpy(x))
    np.testing.assert_allclose(linear, scipy.signal.fftconvolve(x, unit, "same"), atol=1e-14)
    circular = Convolution(kernel, shape, "circular", dtype=torch.float64)
    # SciPy puts the origin of an even kernel at k // 2: one step before ours.
    origin = [-((n - 1) % 2) for n in kernel_shape]
    np.testing.assert_allclose(
        circular.apply(torch.from_numpy(x)),
        scipy.ndimage.convolve(x, unit, mode="wrap", origin=origin),
        atol=1e-14,
    )


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_float32_accuracy(boundary):
    shape, kernel = (32, 90, 94), asymmetric((15, 20, 31))
    x = np.random.default_rng(1).random(shape)
    exact = Convolution(kernel, shape, boundary, dtype=torch.float64).apply(torch.from_numpy(x))
    single = Convolution(kernel, shape, boundary).apply(torch.from_numpy(x.astype(np.float32)))
    assert single.dtype == torch.float32
    assert (single - exact).abs().max() < 1e-6  # of values around 0.5


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize(
    ("shape", "kernel_shape"), [((200, 301), (31, 30)), ((40, 96, 67), (15, 12, 9))]
)
def test_tiled_equals_untiled(shape, kernel_shape, boundary):
    kernel, x = asymmetric(kernel_shape), torch.rand(2, *shape)
    whole = Convolution(kernel, shape, boundary)
    tiled = Convolution(kernel, shape, boundary, max_voxels=whole.tiling.voxels // 4)
    assert tiled.tiling.count >= 4
    assert tiled.tiling.voxels <= whole.tiling.voxels // 4
    assert (tiled.apply(x) - whole.apply(x)).abs().max() < 1e-6
    assert (tiled.adjoint(x) - whole.adjoint(x)).abs().max() < 1e-6


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_constants(boundary):
    """A unit-sum kernel keeps a constant wherever its support lies in the volume."""
    shape = (20, 30)
    blurred = Convolution(asymmetric((5, 8)), shape, boundary).apply(torch.ones(shape))
    inside = blurred[2:-2, 4:-3] if boundary == "linear" else blurred  # before: k // 2
    assert (inside - 1).abs().max() < 1e-6
    if boundary == "linear":
        assert blurred[0, 0] < 0.6


@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_leading_axes_and_layout(boundary):
    shape = (6, 10, 12)
    operator = Convolution(asymmetric((3, 4, 5)), shape, boundary, dtype=torch.float64)
    x = tensor(2, 3, *shape)
    blurred = operator.apply(x)
    assert blurred.shape == x.shape
    torch.testing.assert_close(blurred[1, 2], operator.apply(x[1, 2]), rtol=0, atol=1e-14)
    scattered = x.permute(4, 1, 0, 3, 2).contiguous().permute(2, 1, 4, 3, 0)
    assert not scattered.is_contiguous()
    torch.testing.assert_close(operator.apply(scattered), blurred, rtol=0, atol=1e-14)
    assert operator.apply(x[:0]).shape == (0, 3, *shape)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("direction", ["apply", "adjoint"])
@pytest.mark.parametrize("limit", [None, 60])
def test_gradients(boundary, direction, limit):
    shape = (3, 5, 4)
    operator = Convolution(
        asymmetric((3, 2, 3)), shape, boundary, dtype=torch.float64, max_voxels=limit
    )
    x = tensor(*shape).requires_grad_()
    mapping = getattr(operator, direction)
    assert torch.autograd.gradcheck(mapping, x)
    assert torch.autograd.gradgradcheck(lambda v: mapping(v) ** 2, x)


def test_input_is_left_alone_and_results_repeat():
    operator = Convolution(asymmetric((5, 5, 5)), (16, 40, 40))
    x = torch.rand(16, 40, 40)
    before = x.clone()
    first = operator.apply(x)
    operator.adjoint(x)
    assert torch.equal(x, before)
    assert torch.equal(operator.apply(x), first)


def test_pickle_is_light():
    operator = Convolution(asymmetric((3, 5, 5)), (32, 64, 64), "circular", max_voxels=50_000)
    written = io.BytesIO()
    pickle.dump(operator, written)
    assert written.tell() < 8 * operator.kernel.size + 4000
    again = pickle.loads(written.getvalue())
    x = torch.rand(32, 64, 64)
    assert torch.equal(again.apply(x), operator.apply(x))
    assert torch.equal(operator.to("cpu").adjoint(x), operator.adjoint(x))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kernel": np.ones((5, 5, 5)), "shape": (4, 8, 8)}, "larger than the image"),
        ({"kernel": np.ones((5, 5)), "shape": (4, 8, 8)}, "2 axes"),
        ({"shape": (8,)}, "shape"),
        ({"shape": (8, 0)}, "shape"),
        ({"boundary": "reflect"}, "boundary: 'reflect'; accepted: linear, circular"),
        ({"dtype": torch.float16}, "dtype"),
        ({"max_voxels": 3}, "max_voxels: 3"),
        ({"max_voxels": 100.5}, "max_voxels: 100.5; a whole number or None"),
        ({"max_voxels": "a"}, "max_voxels: 'a'; a whole number or None"),
        ({"max_voxels": np.nan}, "max_voxels: nan; a whole number or None"),
        ({"max_voxels": np.inf}, "max_voxels: inf; a whole number or None"),
    ],
)
def test_refused_operators(arguments, words):
    with pytest.raises(InputError, match=words) as error:
        Convolution(**{"kernel": np.ones((3, 3)), "shape": (8, 8), **arguments})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.ones(8, 9), r"Convolution.apply: shape \(8, 9\); its last axes must be \(8, 8\)"),
        (torch.ones(8), "shape"),
        (torch.ones(8, 8, dtype=torch.float64), "torch.float64"),
        (np.ones((8, 8), np.float32), "ndarray; a torch tensor"),
        (torch.ones(8, 8, device="meta"), "meta"),
    ],
)
def test_refused_tensors(x, words):
    operator = Convolution(np.ones((3, 3)), (8, 8))
    with pytest.raises(InputError, match=words) as error:
        operator.apply(x)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_extra_memory(boundary, root):
    """Resident memory, in a process of its own, the kernel's spectrum included."""
    command = [sys.executable, str(root / "benchmarks" / "convolution.py"), "--memory", boundary]
    printed = subprocess.run(
        [*command, "--threads", "1"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ).stdout
    building, applying, adjoining = (float(word) for word in printed.split())
    assert 1 < building < 4
    assert 1 < applying < 4
    assert 1 < adjoining < 4


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("limit", [None, 20_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cuda_equals_cpu(boundary, limit, dtype):
    shape = (20, 61, 40)
    operator = Convolution(asymmetric((9, 8, 7)), shape, boundary, dtype=dtype, max_voxels=limit)
    built = Convolution(
        asymmetric((9, 8, 7)), shape, boundary, dtype=dtype, max_voxels=limit, device="cuda"
    )
    x = tensor(3, *shape, dtype=dtype)
    close = 1e-6 if dtype == torch.float32 else 1e-13
    for other in (built, operator.to("cuda")):
        for direction in ("apply", "adjoint"):
            there = getattr(other, direction)(x.cuda())
            assert there.is_cuda
            here = getattr(operator, direction)(x)
            torch.testing.assert_close(there.cpu(), here, rtol=0, atol=close)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_cuda_extra_memory(boundary):
    shape = (64, 256, 256)
    x = torch.rand(shape, device="cuda")
    operator = Convolution(asymmetric((31, 31, 31)), shape, boundary, device="cuda")
    operator.apply(x)  # warm-up: plans of the transforms
    held = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    result = operator.apply(x)
    extra = torch.cuda.max_memory_allocated() - held - result.nbytes
    assert extra / (4 * operator.tiling.voxels) < 3  # the spectrum, held before, is the fourth
