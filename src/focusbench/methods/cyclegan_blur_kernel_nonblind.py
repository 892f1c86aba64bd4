"""CycleGAN with the known PSF for a blur kernel (Lim et al. 2020, Fig. 2b, Eq. 15)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from focusbench.errors import InputError
from focusbench.problem import Run
from focusbench.training.cycle_sharpening import KernelSharpening
from focusbench.training.cyclegan import CycleLearner
from focusbench.training.volumes import UnpairedVolumes


@dataclass(frozen=True)
class CycleganBlurKernelNonblind(KernelSharpening):
    """A U-Net sharpens, and has the only discriminator; the PSF that the training is told blurs.

    Parameters
    ----------
    steps, ..., border
        Those of `training.cycle_sharpening.KernelSharpening`.
    """

    name: ClassVar[str] = "cyclegan_blur_kernel_nonblind"
    blur: ClassVar[str] = "known"

    def learner(self, data: UnpairedVolumes, run: Run) -> CycleLearner:
        """Return the networks and optimisers at the start of a training.

        Raises
        ------
        InputError
            The training set has no PSF.
        """
        if data.kernel is None:
            raise InputError(f"{self.name}: the training set has no PSF; one is needed")
        return super().learner(data, run)
