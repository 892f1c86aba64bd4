"""CycleGAN with a learned blur kernel: blind (Lim et al. 2020, Fig. 2a, Eq. 13)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.errors import InputError
from focusbench.networks.blur_kernel import CONSTRAINTS
from focusbench.parameters import check_positive, check_whole
from focusbench.training.cycle_sharpening import KernelSharpening


@dataclass(frozen=True)
class CycleganBlurKernel(KernelSharpening):
    """A U-Net sharpens, one linear convolution blurs; either has a discriminator.

    The problem's PSF plays no part. The paper's penalty Q(h) of the kernel is never said to be
    anything, and is nothing here.

    Parameters
    ----------
    steps, ..., border
        Those of `training.cycle_sharpening.KernelSharpening`.
    kernel_size
        Side of the kernel, voxels (section III-A: 31 in the simulation, 20 in the experiment).
    kernel_constraint
        "none", or "positive": above 0 and of unit sum.
    kernel_learning_rate
        Of the kernel alone; None: as of the networks.
    """

    kernel_size: int = 31
    kernel_constraint: str = "none"
    kernel_learning_rate: float | None = None

    name: ClassVar[str] = "cyclegan_blur_kernel"
    blur: ClassVar[str] = "kernel"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("kernel_size", self.kernel_size, 1)
        if self.kernel_constraint not in CONSTRAINTS:
            raise InputError(
                f"kernel_constraint is {self.kernel_constraint!r}; "
                f"accepted: {', '.join(CONSTRAINTS)}"
            )
        if self.kernel_learning_rate is not None:
            check_positive("kernel_learning_rate", self.kernel_learning_rate)

    @property
    def kernel(self) -> tuple[int, int, int]:
        """Voxels of the kernel (z, y, x)."""
        return (self.kernel_size,) * 3
