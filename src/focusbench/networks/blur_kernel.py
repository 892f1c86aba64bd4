"""The blur of Lim et al. 2020: one linear convolution whose kernel is learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from focusbench.errors import InputError
from focusbench.optics.fft_sizes import good_size
from focusbench.optics.kernels import centre, check_kernel
from focusbench.parameters import check_whole

CONSTRAINTS = ("none", "positive")
SPREAD = 8.0
"""The kernel starts as a Gaussian whose sigma, along each axis, is that part of its side."""


def blurred(volume: Tensor, kernel: Tensor, margins: Sequence[int] = (0, 0, 0)) -> Tensor:
    """Convolve (..., Z, Y, X) with `kernel` (z, y, x); differentiable in both, to any order.

    What lies outside the volume counts as zero, and the volume's own extent is kept; the kernel's
    origin is at index (k - 1) // 2 of each axis, as in `focusbench.optics.convolution`, and the
    kernel may be longer than the volume. By real Fourier transforms in float32 at least: at 64^3
    voxels and a kernel of 31^3, on one thread of a CPU, they took 0.04 s forward and backward, a
    direct convolution 68 s.

    Parameters
    ----------
    volume, kernel
        What is convolved.
    margins
        Voxels (z, y, x) that are cut off the result on both sides of each axis: with half a kernel,
        what lies outside the volume does not count, and the transforms are shorter.
    """
    wide = torch.promote_types(torch.promote_types(volume.dtype, kernel.dtype), torch.float32)
    with torch.autocast(volume.device.type, enabled=False):
        volume, kernel = volume.to(wide), kernel.to(wide)
        shape, axes = volume.shape[-3:], (-3, -2, -1)
        # Results that wrap around within these lengths are not among those that are kept.
        sizes = [
            good_size(max(side + max(taps // 2 - margin, 0), taps))
            for side, taps, margin in zip(shape, kernel.shape, margins, strict=True)
        ]
        spectrum = torch.fft.rfftn(volume, s=sizes, dim=axes)
        spectrum = spectrum * torch.fft.rfftn(kernel, s=sizes, dim=axes)
        whole = torch.fft.irfftn(spectrum, s=sizes, dim=axes)
    for axis, start, side, margin in zip(axes, centre(kernel.shape), shape, margins, strict=True):
        whole = whole.narrow(axis, start + margin, side - 2 * margin)
    return whole


class BlurKernel(nn.Module):
    """One linear 3-D convolution without bias (Lim et al. 2020, section III-A).

    31x31x31 voxels, 29,791 parameters ("0.03 million"), in the paper's simulation; 20x20x20 in its
    experiment. The paper does not say how the kernel starts: here as a Gaussian of unit sum, sigma
    an eighth of each side, or as a given PSF. It is blur of a volume surrounded by darkness: near
    the faces of a crop, within half the kernel, light from outside the crop is missing.

    Parameters
    ----------
    shape
        (z, y, x) voxels, odd or even.
    constraint
        "none": the parameters are the kernel's values, as in the paper. Adam moves each of them by
        about the learning rate in every step: at 1e-4, the sum of 29,791 by up to 3, where the
        kernel's own is near 1. "positive": the values are the softmax of the parameters, hence
        above 0 and of unit sum. The learning rate is then the relative change of a value a step,
        and gradients are as small as the values: of Adam, it wants a rate of some 0.05 and an `eps`
        of 1e-15. Told the sharp and the noisy volume of 64 x 96 x 96 voxels, 300 such steps came
        within 18 % of the PSF (root mean square); 300 without constraint, at rates of 1e-4 and
        1e-5, within 49 and 63 %, at the same misfit.
    initial
        PSF to start from (z, y, x), of any sum, not negative; sets the shape.

    Attributes
    ----------
    weight : Parameter
        (z, y, x).
    """

    def __init__(
        self,
        shape: Sequence[int] = (31, 31, 31),
        constraint: str = "none",
        initial: Any | None = None,
    ) -> None:
        super().__init__()
        if constraint not in CONSTRAINTS:
            accepted = ", ".join(CONSTRAINTS)
            raise InputError(f"constraint is {constraint!r}; accepted: {accepted}")
        self.constraint = constraint
        start = _gaussian(shape) if initial is None else _checked(initial)
        if constraint == "positive":
            least = start.max() * np.finfo(np.float32).eps  # a zero has no finite logarithm
            start = np.log(np.maximum(start, least))
        self.weight = nn.Parameter(torch.from_numpy(start).to(torch.get_default_dtype()))

    def forward(self, volume: Tensor, margins: Sequence[int] = (0, 0, 0)) -> Tensor:
        """Blur (..., Z, Y, X), of any size, and cut `margins` off; float32 at least."""
        return blurred(volume, self.values(), margins)

    def values(self) -> Tensor:
        """Kernel (z, y, x), differentiable."""
        if self.constraint == "none":
            return self.weight
        return self.weight.flatten().softmax(0).view_as(self.weight)

    def kernel(self) -> np.ndarray:
        """Kernel (z, y, x) as it stands: float64; constrained, of unit sum to 1e-15."""
        with torch.no_grad():
            weight = self.weight.double()
            if self.constraint == "positive":
                weight = weight.flatten().softmax(0).view_as(weight)
            return weight.cpu().numpy().copy()


def _gaussian(shape: Sequence[int]) -> np.ndarray:
    if not isinstance(shape, Sequence) or len(shape) != 3:
        raise InputError(f"shape is {shape!r}; three whole numbers from 1, (z, y, x), are accepted")
    for axis, taps in zip("zyx", shape, strict=True):
        check_whole(f"shape ({axis})", taps, 1)
    kernel = np.ones((1, 1, 1))
    for axis, (taps, origin) in enumerate(zip(shape, centre(shape), strict=True)):
        profile = np.exp(-0.5 * ((np.arange(taps) - origin) * SPREAD / taps) ** 2)
        kernel = kernel * profile.reshape([-1 if i == axis else 1 for i in range(3)])
    return kernel / kernel.sum()


def _checked(initial: Any) -> np.ndarray:
    kernel = check_kernel(initial, name="initial")
    if kernel.ndim != 3:
        raise InputError(f"initial: {kernel.ndim} axes {kernel.shape}; 3 (z, y, x) are needed")
    return kernel
