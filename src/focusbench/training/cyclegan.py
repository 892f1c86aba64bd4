"""Learning from blurred and sharp crops that are no pairs: cycle-consistent adversarial training.

Lim et al. 2020, sections II and III: a U-Net G makes sharp volumes of blurred ones, and another
network, a learned convolution or a known one, B, makes blurred volumes of sharp ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from focusbench.networks.blur_kernel import BlurKernel
from focusbench.networks.patchgan_3d import MultiScalePatchgan
from focusbench.problem import Run
from focusbench.training.adversarial import discriminator_loss, generator_loss, held
from focusbench.training.history import HistoryBuffer
from focusbench.training.learner import Learner
from focusbench.training.volumes import UnpairedVolumes

if TYPE_CHECKING:
    from focusbench.training.cycle_sharpening import CycleSharpening


EPSILON = 1e-15
"""Adam's, of a positive kernel: its gradients are as small as its values."""


class CycleLearner(Learner):
    """Steps of both generators, in turn with their discriminators.

    The generators' loss is `gamma` (|x - G(B(x))| + |y - B(G(y))|), in means over voxels, and the
    adversarial loss of each; sharp x and blurred y show different things. The paper leaves open
    which norm it means; CycleGAN's is this one.

    Parameters
    ----------
    blur
        What B is: "network" (a second U-Net), "kernel" (a learned one), or "known" (the data's PSF,
        which does not learn and has no discriminator).
    """

    data: UnpairedVolumes

    def __init__(self, how: CycleSharpening, data: UnpairedVolumes, run: Run, blur: str) -> None:
        super().__init__(how, data, run)
        self.targets = how.targets
        self.kinds = ("sharp",) if blur == "known" else ("sharp", "blurred")
        groups: list[dict[str, Any]] = [{"params": list(self.networks["generator"].parameters())}]
        # A kernel relates intensities in one unit, the networks' units may differ.
        self.gain = 1.0 if blur == "network" else data.sharp_unit / data.blurred_unit
        if blur == "network":
            second = self.add_unet("blur", data.blurred_mean / data.blurred_unit)
            groups[0]["params"] += list(second.parameters())
        elif blur == "kernel":
            kernel = self.add("blur", lambda: BlurKernel(how.kernel, how.kernel_constraint))
            rate = how.kernel_learning_rate
            rate = how.learning_rate if rate is None else rate
            groups.append({"params": list(kernel.parameters()), "lr": rate})
            if how.kernel_constraint == "positive":
                groups[-1]["eps"] = EPSILON
        else:
            self.add("blur", lambda: BlurKernel(initial=data.kernel()).requires_grad_(False))
        self.optimise("generators", groups)
        self.surrounded = how.border == "surroundings"
        self.margins = self._margins()
        judges = [
            self.add(f"{kind}_discriminator", lambda: MultiScalePatchgan(how.discriminator_width))
            for kind in self.kinds
        ]
        parameters = [parameter for judge in judges for parameter in judge.parameters()]
        self.optimise("discriminators", [{"params": parameters}])
        for kind in self.kinds:
            self.histories[kind] = HistoryBuffer(how.history, run.seed, f"history-{kind}")

    def blur(self, sharp: Tensor, around: Tensor | None = None) -> Tensor:
        """Apply B to crops, in the units of the training.

        Parameters
        ----------
        sharp
            (N, 1, Z, Y, X).
        around
            The same, `margins` longer on both sides: its outer part surrounds the crops; None:
            their mirror image does, or darkness if there are no margins.
        """
        if not any(self.margins):
            return self.gain * self.predict("blur", sharp)
        if around is None:
            wide = _mirrored(sharp, self.margins)
        else:
            wide = around.clone()
            wide[self._place(wide)] = sharp
        return self.gain * self.predict("blur", wide, self.margins)

    def learn(self) -> Tensor:
        """Move the generators, then the discriminators."""
        wide = self._crops()
        real = {kind: self._inner(volume) for kind, volume in wide.items()}
        blurred = self.blur(real["sharp"], self._surroundings(wide["sharp"]))
        # in one batch: the same results, sooner
        both = self.predict("generator", torch.cat([real["blurred"], blurred]))
        sharp, sharp_again = both.chunk(2)
        made = {"sharp": sharp, "blurred": blurred}
        seen = self._surroundings(wide["blurred"] / self.gain)  # in the sharp volumes' unit
        again = {"sharp": sharp_again, "blurred": self.blur(sharp, seen)}
        parts = {f"cycle_{kind}": functional.l1_loss(again[kind], real[kind]) for kind in real}
        loss = self.how.gamma * sum(parts.values())
        judges = [self.networks[f"{kind}_discriminator"] for kind in self.kinds]
        with held(*judges):
            for kind in self.kinds:
                scores = self.judge(f"{kind}_discriminator", made[kind], "generator")
                parts[f"fooled_{kind}"] = generator_loss(scores, self.targets)
                loss = loss + parts[f"fooled_{kind}"]
            self.optimizers["generators"].zero_grad()
            loss.backward()
        self.optimizers["generators"].step()
        for kind in self.kinds:
            name = f"{kind}_discriminator"
            older = self.histories[kind].exchange(made[kind])
            parts[f"told_{kind}"] = discriminator_loss(
                self.judge(name, real[kind], "real"),
                self.judge(name, older, "made"),
                self.targets,
            )
        self.optimizers["discriminators"].zero_grad()
        sum(parts[f"told_{kind}"] for kind in self.kinds).backward()
        self.optimizers["discriminators"].step()
        self.note(**parts)
        return loss.detach()

    def _margins(self) -> tuple[int, int, int]:
        """Voxels around a crop from which B carries light into it, if any is there."""
        blur = self.networks["blur"]
        if not isinstance(blur, BlurKernel) or self.how.border == "dark":
            return (0, 0, 0)
        return tuple(taps // 2 for taps in blur.weight.shape)

    def _crops(self) -> dict[str, Tensor]:
        """Crops of this step and what surrounds them, if that is asked for, in their units."""
        margins = self.margins if self.surrounded else (0, 0, 0)
        return {
            "sharp": self.load_crops(self.data.sharp, margins) / self.data.sharp_unit,
            "blurred": self.load_crops(self.data.blurred, margins) / self.data.blurred_unit,
        }

    def _inner(self, wide: Tensor) -> Tensor:
        return wide[self._place(wide)] if self.surrounded else wide

    def _surroundings(self, wide: Tensor) -> Tensor | None:
        return wide if self.surrounded else None

    def _place(self, wide: Tensor) -> tuple[Any, ...]:
        """Of the crops in what surrounds them."""
        sides = zip(self.margins, wide.shape[2:], strict=True)
        return (..., *(slice(margin, side - margin) for margin, side in sides))

    def kernel(self) -> np.ndarray | None:
        """Kernel (z, y, x), float64, where B is a convolution: it acts in one unit of intensity."""
        blur = self.networks["blur"]
        return blur.kernel() if isinstance(blur, BlurKernel) else None


def _mirrored(volume: Tensor, margins: Sequence[int]) -> Tensor:
    """Continue (N, 1, Z, Y, X) by its mirror image, `margins` voxels on both sides of each axis."""
    for axis, margin in enumerate(margins, start=2):
        length = volume.shape[axis]
        place = torch.arange(-margin, length + margin, device=volume.device) % (2 * length)
        volume = volume.index_select(axis, torch.minimum(place, 2 * length - 1 - place))
    return volume


def kernel_tensor(learner: CycleLearner) -> dict[str, Tensor]:
    """What to keep of B beside the generator: `kernel`, float64, or nothing."""
    kernel = learner.kernel()
    return {} if kernel is None else {"kernel": torch.from_numpy(kernel)}
