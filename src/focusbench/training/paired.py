"""Learning from pairs of blurred and sharp crops (Lim et al. 2020, section IV-C)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

from focusbench.networks.patchgan_3d import MultiScalePatchgan
from focusbench.problem import Run
from focusbench.training.adversarial import discriminator_loss, generator_loss, held
from focusbench.training.history import HistoryBuffer
from focusbench.training.learner import Learner
from focusbench.training.volumes import PairedVolumes

if TYPE_CHECKING:
    from focusbench.training.adversarial import Targets
    from focusbench.training.sharpening import Sharpening


class PairLearner(Learner):
    """The generator's steps on the mean squared error."""

    data: PairedVolumes

    def __init__(self, how: Sharpening, data: PairedVolumes, run: Run) -> None:
        super().__init__(how, data, run)
        self.optimise("generator", [{"params": list(self.networks["generator"].parameters())}])

    def crops(self) -> tuple[Tensor, Tensor]:
        """Blurred and sharp crops of this step, in the units of the training."""
        blurred, sharp = self.load_crops(self.data.pairs)
        return blurred / self.data.blurred_unit, sharp / self.data.sharp_unit

    def learn(self) -> Tensor:
        """Move the generator towards the sharp crops."""
        blurred, sharp = self.crops()
        loss = functional.mse_loss(self.predict("generator", blurred), sharp)
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.optimizers["generator"].step()
        self.note(mean_square=loss)
        return loss.detach()


class PairGanLearner(PairLearner):
    """The generator's steps on absolute error and adversarial loss, in turn with a discriminator's.

    Parameters
    ----------
    weight
        Of the mean absolute error beside the adversarial loss.
    conditional
        Whether the discriminator sees the blurred crop beside the sharp or made one.
    targets, history, discriminator_width
        As in `training.adversarial`, `training.history` and `networks.patchgan_3d`.
    """

    def __init__(
        self,
        how: Sharpening,
        data: PairedVolumes,
        run: Run,
        *,
        weight: float,
        conditional: bool,
        targets: Targets,
        history: int,
        discriminator_width: int,
    ) -> None:
        super().__init__(how, data, run)
        self.weight, self.conditional, self.targets = weight, conditional, targets
        channels = 2 if conditional else 1
        judge = self.add("discriminator", lambda: MultiScalePatchgan(discriminator_width, channels))
        self.optimise("discriminator", [{"params": list(judge.parameters())}])
        self.histories["sharp"] = HistoryBuffer(history, run.seed, "history-sharp")

    def learn(self) -> Tensor:
        """Move the generator, then the discriminator."""
        blurred, sharp = self.crops()
        made = self.predict("generator", blurred)
        shown_made, shown_real = (self._shown(blurred, volume) for volume in (made, sharp))
        with held(self.networks["discriminator"]):
            scores = self.judge("discriminator", shown_made, "generator")
            fooled = generator_loss(scores, self.targets)
            distance = functional.l1_loss(made, sharp)
            loss = self.weight * distance + fooled
            self.optimizers["generator"].zero_grad()
            loss.backward()
        self.optimizers["generator"].step()
        older = self.histories["sharp"].exchange(shown_made)
        told = discriminator_loss(
            self.judge("discriminator", shown_real, "real"),
            self.judge("discriminator", older, "made"),
            self.targets,
        )
        self.optimizers["discriminator"].zero_grad()
        told.backward()
        self.optimizers["discriminator"].step()
        self.note(distance=distance, fooled=fooled, told=told)
        return loss.detach()

    def _shown(self, blurred: Tensor, volume: Tensor) -> Tensor:
        return torch.cat([blurred, volume], dim=1) if self.conditional else volume
