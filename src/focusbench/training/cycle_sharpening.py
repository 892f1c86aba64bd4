"""What the cycleGANs of Lim et al. 2020 share beyond all learners of a U-Net."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from focusbench.errors import InputError
from focusbench.parameters import check_parameters, check_switches
from focusbench.problem import Run
from focusbench.training.adversarial import ONE_ZERO, PLUS_MINUS, Targets
from focusbench.training.cyclegan import CycleLearner, kernel_tensor
from focusbench.training.learner import Learner
from focusbench.training.sharpening import Sharpening
from focusbench.training.volumes import UnpairedVolumes

BORDERS = ("dark", "mirror", "surroundings")


@dataclass(frozen=True)
class CycleSharpening(Sharpening):
    """Parameters of a cycleGAN; beta1 and initial weights are those of CycleGAN's own code.

    Parameters
    ----------
    steps, ..., overlap
        Those of `Sharpening`.
    gamma
        Of the cycle-consistency loss, equal in both directions (section IV-A: 10.0).
    history
        Made volumes kept to be shown again, of either kind (section III-B: 50).
    discriminator_width
        Of the three networks `patchgan_3d` of each discriminator.
    plus_minus
        Discriminators aim at +1 and -1 (Eq. 22); false: at 1 and 0.
    """

    beta1: float = 0.5
    initial_sigma: float = 0.02
    gamma: float = 10.0
    history: int = 50
    discriminator_width: int = 32
    plus_minus: bool = True

    blur: ClassVar[str]
    border: ClassVar[str] = "dark"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_parameters(
            self,
            counts=("discriminator_width",),
            counts_or_0=("history",),
            positive_or_0=("gamma",),
        )
        check_switches(self, "plus_minus")

    @property
    def targets(self) -> Targets:
        """Of the discriminators."""
        return PLUS_MINUS if self.plus_minus else ONE_ZERO

    def learner(self, data: UnpairedVolumes, run: Run) -> CycleLearner:
        """Return the networks and optimisers at the start of a training."""
        return CycleLearner(self, data, run, self.blur)

    def extras(self, learner: Learner) -> Mapping[str, Tensor]:
        """Return the `kernel`, where there is one."""
        return kernel_tensor(learner)


@dataclass(frozen=True)
class KernelSharpening(CycleSharpening):
    """Parameters of a cycleGAN whose blur is a convolution.

    A crop's blur wants light from half a kernel around it. The paper does not say what stands for
    that; a convolution layer's default is darkness, which its own discriminator can tell from a
    real crop, and in which a crop no longer than the kernel has no voxel that is right. In
    crops of 32^3 voxels of the microtubules, with a PSF of 31^3, a fifth of the light (median) is
    from outside.

    Parameters
    ----------
    steps, ..., plus_minus
        Those of `CycleSharpening`.
    border
        What surrounds crops when they are blurred: "dark"; "mirror", their mirror image; or
        "surroundings", what is there: around a real sharp crop its volume, so that it is blurred
        exactly, and around one that was made of an observation the observation, which has about as
        much light. Darkness is beyond the volumes' faces.
    """

    border: str = "dark"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.border not in BORDERS:
            raise InputError(f"border is {self.border!r}; accepted: {', '.join(BORDERS)}")
