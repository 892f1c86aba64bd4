import copy

import learned
import numpy as np
import pytest
import torch
from torch.nn import functional

from focusbench.evaluation.metrics import psnr
from focusbench.methods.supervised_gan import SupervisedGan
from focusbench.methods.supervised_mse import SupervisedMse
from focusbench.training.adversarial import discriminator_loss, generator_loss
from focusbench.training.run import quick_run
from focusbench.training.volumes import PairedVolumes

pytestmark = pytest.mark.usefixtures("one_thread")


def large():
    """A pair with room for the paper's crops."""
    rng = np.random.default_rng(0)
    one, two = ({"a": rng.random((66, 70, 72), np.float32)} for _ in range(2))
    return PairedVolumes(one, two, seed=0)


def parameters(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize("method", [SupervisedMse(), SupervisedGan()])
def test_constants_of_the_paper(method):
    """Lim et al. 2020, on what is built."""
    learner = method.learner(large(), quick_run())
    # IV-C: "implemented as a U-Net generator (Fig. 3)"; V-C: "7 million parameters"
    assert parameters(learner.networks["generator"]) == 7_005_097
    # IV-A: "random cropping by 64 x 64 x 64 pixels"
    assert [crop.shape for crop in learner.crops()] == [(1, 1, 64, 64, 64)] * 2
    # IV-A: "Adam optimizer with the learning rate of 0.0001"
    for optimizer in learner.optimizers.values():
        (group,) = optimizer.param_groups
        assert type(optimizer) is torch.optim.Adam
        assert group["lr"] == 1e-4
    (group,) = learner.optimizers["generator"].param_groups
    assert sum(p.numel() for p in group["params"]) == 7_005_097
    # IV-A: "cropped to 64 x 64 x 64 pixel sub-volumes", "overlapping regions of 16 x 16 x 16"
    assert (method.tile, method.overlap) == (64, 16)
    assert method.rate(method.steps - 1) == 1  # one learning rate is printed


def test_discriminator_of_the_gan():
    """III-B: "three independent discriminators"; LS-GAN with the targets of Eq. 22."""
    learner = SupervisedGan().learner(large(), quick_run())
    judge = learner.networks["discriminator"]
    # 665,825 each for one volume; the first convolution sees the blurred one too
    assert [parameters(scale) for scale in judge.scales] == [665_825 + 32 * 4**3] * 3
    assert learner.targets == (1, -1)
    assert learner.histories["sharp"].size == 0
    # Isola et al. 2017, which the paper cites for this method: L1 with weight 100, beta1 0.5
    assert learner.weight == 100
    assert {o.param_groups[0]["betas"] for o in learner.optimizers.values()} == {(0.5, 0.999)}
    weights = learner.networks["generator"].bottom.convolution.weight
    assert float(weights.detach().std()) == pytest.approx(0.02, rel=0.01)
    unconditional = SupervisedGan(conditional=False).learner(large(), quick_run())
    assert parameters(unconditional.networks["discriminator"]) == 3 * 665_825


def test_loss_is_the_mean_square():
    data = learned.training_set("supervised_mse")
    learner = learned.build("supervised_mse").learner(data, quick_run())
    network = copy.deepcopy(learner.networks["generator"])
    blurred, sharp = data.pairs(0, 1, (16, 16, 16))
    with torch.no_grad():
        expected = (network(blurred / data.blurred_unit) - sharp).square().mean().item()
    assert learner.step() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("conditional", [True, False])
@pytest.mark.parametrize("plus_minus", [True, False])
def test_losses_of_the_gan(conditional, plus_minus):
    """Crops of 16 voxels have no smaller parts, so that nothing is left to chance."""
    data = learned.training_set("supervised_gan")
    method = learned.build(
        "supervised_gan", conditional=conditional, plus_minus=plus_minus, fidelity_weight=7.0
    )
    learner = method.learner(data, quick_run())
    network, judge = (copy.deepcopy(learner.networks[n]) for n in ("generator", "discriminator"))
    targets = (1.0, -1.0) if plus_minus else (1.0, 0.0)
    blurred, sharp = data.pairs(0, 1, (16, 16, 16))
    blurred = blurred / data.blurred_unit
    with torch.no_grad():
        made = network(blurred)
        shown = [torch.cat([blurred, v], 1) if conditional else v for v in (sharp, made)]
        real, fake = (judge(v, torch.Generator()) for v in shown)
        expected = 7 * functional.l1_loss(made, sharp) + generator_loss(fake, targets)
        told = discriminator_loss(real, fake, targets)
    assert learner.step() == pytest.approx(expected.item(), rel=1e-5)
    assert learner.losses["told"] == pytest.approx(told.item(), rel=1e-5)


def test_both_networks_of_the_gan_learn():
    learner = learned.build("supervised_gan").learner(
        learned.training_set("supervised_gan"), quick_run()
    )
    before = {
        name: [p.detach().clone() for p in network.parameters()]
        for name, network in learner.networks.items()
    }
    learner.step()
    for name, network in learner.networks.items():
        assert any(
            not torch.equal(a, b) for a, b in zip(before[name], network.parameters(), strict=True)
        )


def test_learns_to_deconvolve():
    """Better than the best affine map of the input, on a volume that it has not seen."""
    names = ("one", "three", "four", "five")
    method = learned.build("supervised_mse", steps=170, learning_rate=1e-2, width=4, decay=0.5)
    weights = method.fit(learned.training_set("supervised_mse", names), quick_run())
    estimate = method.restore(learned.problem(), quick_run(), weights).estimate
    truth, observed = learned.truth("other"), learned.observed("other")
    gain, offset = np.polyfit(observed.ravel(), truth.ravel(), 1)
    affine = psnr(truth, gain * observed + offset, 1.0)
    assert psnr(truth, estimate, 1.0) > affine + 1
