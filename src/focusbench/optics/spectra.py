"""Products with a kernel's spectrum: real Fourier transforms that skip what is zero or cut off.

The planes of a volume (rows of an image) that hold values are transformed first; the transform
along the first axis, the product and the way back along that axis then go through them in slabs.
So neither the padded volume nor its whole spectrum is ever there, only the spectra of its planes.
Slabs are small enough for a processor's cache, and at most a sixth of the whole (if that is not
tiny), so that what a step needs stays small beside the volume.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from focusbench.optics.kernels import centre

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}
# Complex values that one step works on: a share of the whole, within bounds. On the CPU the upper
# bound is for each thread, since a step ends with all threads waiting for the last.
_SHARE = 1 / 6
_LEAST = {"cpu": 1 << 14, "cuda": 1 << 20}
_MOST = {"cpu": 1 << 18, "cuda": 1 << 24}


def kernel_spectrum(
    kernel: np.ndarray[Any, Any], sizes: Sequence[int], device: torch.device, dtype: torch.dtype
) -> Tensor:
    """Half spectrum of a kernel whose origin is moved to index 0.

    Parameters
    ----------
    kernel
        (Y, X) or (Z, Y, X), float64.
    sizes
        Lengths of the transform, none shorter than the kernel's.
    device, dtype
        Where it is needed, and the real type that it goes with.

    Returns
    -------
    Tensor
        (*sizes[:-1], sizes[-1] // 2 + 1), computed in float64, rounded to the complex type of
        `dtype`; the first axis is the one that is contiguous in memory, as `convolve` reads it.
    """
    values = torch.from_numpy(kernel).to(device)
    first, *inner = (
        (torch.arange(length, device=device) - origin) % size
        for length, origin, size in zip(kernel.shape, centre(kernel.shape), sizes, strict=True)
    )
    axes = tuple(range(1, kernel.ndim))  # slabs below are smaller: float64, and built only once
    half = (*sizes[1:-1], sizes[-1] // 2 + 1)
    count = math.prod(half)
    planes = torch.empty(len(values), *half, dtype=torch.complex128, device=device)
    for part in _slabs(len(values), count, device, len(values) * count, _SHARE / 4):
        padded = values.new_zeros((part.stop - part.start, *sizes[1:]))
        padded[(slice(None), *_mesh(inner))] = values[part]
        planes[part] = torch.fft.rfftn(padded, dim=axes)
    spectrum = torch.empty(*half, sizes[0], dtype=_COMPLEX[dtype], device=device)
    for part in _slabs(half[0], sizes[0] * count // half[0], device, sizes[0] * count, _SHARE / 4):
        padded = planes.new_zeros((part.stop - part.start, *half[1:], sizes[0]))
        padded[..., first] = planes[:, part].movedim(0, -1)
        spectrum[part] = torch.fft.fft(padded)
    return spectrum.movedim(-1, 0)


def convolve(
    read: Callable[[slice], Tensor],
    length: int,
    spectrum: Tensor,
    sizes: Sequence[int],
    start: Sequence[int],
    out: Tensor,
    adjoint: bool,
) -> None:
    """Convolve a batch of images or volumes with a kernel's spectrum.

    Parameters
    ----------
    read
        Gives a slice of the first spatial axis of x, (B, my, mx) or (B, mz, my, mx); no axis is
        longer than that of `sizes`, and what it lacks to `sizes` counts as zeros.
    length
        Of that first axis.
    spectrum
        Of `kernel_spectrum`.
    sizes
        Lengths of the transform.
    start
        Where, in the periodic result, that begins which is kept.
    out
        (B, ty, tx) or (B, tz, ty, tx), takes the result; its first spatial axis is at most
        `length` long.
    adjoint
        Correlate instead: multiply with the conjugate spectrum.
    """
    axes, inner, half = tuple(range(2, out.ndim)), tuple(sizes[1:]), spectrum.shape[1:]
    batch, kept = out.shape[:2]
    plane = batch * math.prod(half)
    whole = sizes[0] * plane
    work = torch.empty(batch, length, *half, dtype=spectrum.dtype, device=out.device)
    for part in _slabs(length, plane, out.device, whole):
        work[:, part] = torch.fft.rfftn(read(part), s=inner, dim=axes)
    for part in _slabs(half[0], whole // half[0], out.device, whole):
        factor = spectrum[:, part]
        values = torch.fft.fft(work[:, :, part], n=sizes[0], dim=1)
        values *= factor.conj() if adjoint else factor
        values = torch.fft.ifft(values, dim=1)
        work[:, :kept, part] = values[:, start[0] : start[0] + kept]
    for part in _slabs(kept, plane, out.device, whole):
        values = torch.fft.irfftn(work[:, part], s=inner, dim=axes)
        out[:, part] = crop(values, start[1:], out.shape[2:])


def crop(values: Tensor, start: Sequence[int], shape: Sequence[int]) -> Tensor:
    """Last axes of `values` from `start` on, as long as `shape`."""
    return values[(..., *(slice(first, first + n) for first, n in zip(start, shape, strict=True)))]


def _mesh(indices: list[Tensor]) -> list[Tensor]:
    """Shape indices along each axis so that together they address a block."""
    last = len(indices) - 1
    return [index.view(-1, *[1] * (last - axis)) for axis, index in enumerate(indices)]


def _slabs(
    length: int, each: int, device: torch.device, whole: int, share: float = _SHARE
) -> Iterator[slice]:
    """Cut an axis of `length` indices with `each` values an index into slabs."""
    kind = device.type if device.type in _MOST else "cuda"
    most = _MOST[kind] * (torch.get_num_threads() if kind == "cpu" else 1)
    step = max(1, min(max(_LEAST[kind], int(whole * share)), most) // max(each, 1))
    return (slice(i, min(i + step, length)) for i in range(0, length, step))
