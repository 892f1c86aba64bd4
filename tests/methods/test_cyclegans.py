import copy

import learned
import numpy as np
import pytest
import torch
from torch.nn import functional

from focusbench.errors import InputError
from focusbench.methods.cyclegan import Cyclegan
from focusbench.methods.cyclegan_blur_kernel import CycleganBlurKernel
from focusbench.methods.cyclegan_blur_kernel_nonblind import CycleganBlurKernelNonblind
from focusbench.optics.convolution import Convolution
from focusbench.training.adversarial import discriminator_loss, generator_loss
from focusbench.training.run import quick_run
from focusbench.training.volumes import UnpairedVolumes

pytestmark = pytest.mark.usefixtures("one_thread")

CYCLES = ("cyclegan", "cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind")
SIZE = (16, 16, 16)
SURROUNDED = {"border": "surroundings"}
KINDS = [(name, {}) for name in CYCLES] + [(name, SURROUNDED) for name in CYCLES[1:]]


def large():
    """Two volumes of either kind with room for the paper's crops."""
    rng = np.random.default_rng(0)
    one, two = ({name: rng.random((66, 70, 72), np.float32) for name in "ab"} for _ in range(2))
    return UnpairedVolumes(one, two, seed=0, kernel=learned.kernel)


def parameters(module):
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize("method", [Cyclegan(), CycleganBlurKernel(), CycleganBlurKernelNonblind()])
def test_constants_of_the_paper(method):
    """Lim et al. 2020, on what is built."""
    learner = method.learner(large(), quick_run())
    # V-C: "7 million parameters for its generator"
    assert parameters(learner.networks["generator"]) == 7_005_097
    # III-B: "three independent discriminators" for either kind; Fig. 2b: one kind if not blind
    kinds = ("sharp",) if method.blur == "known" else ("sharp", "blurred")
    judges = {name for name in learner.networks if name.endswith("discriminator")}
    assert judges == {f"{kind}_discriminator" for kind in kinds}
    for name in judges:
        assert [parameters(s) for s in learner.networks[name].scales] == [665_825] * 3
    # III-B: "a frame buffer containing 50 previously generated volumes"
    assert {kind: history.size for kind, history in learner.histories.items()} == dict.fromkeys(
        kinds, 50
    )
    # Eq. 22
    assert learner.targets == (1, -1)
    # IV-A: "gamma (9) to be 10.0 and equal in both domain-transfer directions"
    assert learner.how.gamma == 10
    # IV-A: "Adam optimizer with the learning rate of 0.0001"; beta1 is CycleGAN's
    for optimizer in learner.optimizers.values():
        assert type(optimizer) is torch.optim.Adam
        assert {group["lr"] for group in optimizer.param_groups} == {1e-4}
        assert {group["betas"] for group in optimizer.param_groups} == {(0.5, 0.999)}
    # IV-A: "random cropping by 64 x 64 x 64 pixels"
    for give in (learner.data.sharp, learner.data.blurred):
        assert learner.load_crops(give).shape == (1, 1, 64, 64, 64)
    assert learner.margins == (0, 0, 0)
    assert (method.tile, method.overlap) == (64, 16)


def test_kernel_and_memory_of_the_paper():
    """III-A: "31 x 31 x 31 pixels"; V-C: "0.03 million parameters", "61.3 %"."""
    counts = {}
    for method in (Cyclegan(), CycleganBlurKernel()):
        learner = method.learner(large(), quick_run())
        counts[method.name] = {n: parameters(v) for n, v in learner.networks.items()}
        trained = sum(
            p.numel()
            for optimizer in learner.optimizers.values()
            for group in optimizer.param_groups
            for p in group["params"]
        )
        assert trained == sum(counts[method.name].values())  # every network has its optimiser
    assert counts["cyclegan"]["blur"] == 7_005_097
    assert counts["cyclegan_blur_kernel"]["blur"] == 31**3 == 29_791
    one, two = (sum(counts[name].values()) for name in ("cyclegan_blur_kernel", "cyclegan"))
    assert round(100 * one / two, 1) == 61.3
    experiment = CycleganBlurKernel(kernel_size=20, learning_rate=1e-3)  # III-A, IV-B
    assert parameters(experiment.learner(large(), quick_run()).networks["blur"]) == 8000


class Recording(UnpairedVolumes):
    """Notes what it is asked for, and what it gave."""

    def __init__(self, *given, **more):
        super().__init__(*given, **more)
        self.log = []

    def blurred(self, step, count, size, margins):
        return self._noted("blurred", step, super().blurred(step, count, size, margins))

    def sharp(self, step, count, size, margins):
        return self._noted("sharp", step, super().sharp(step, count, size, margins))

    def _noted(self, kind, step, crops):
        # 0 is beyond the volumes
        self.log.append((kind, step, {int(v) for v in crops.unique()} - {0}))
        return crops


@pytest.mark.parametrize(("name", "more"), KINDS)
def test_never_sees_a_pair(name, more):
    """Volumes that bear their number tell which ones each step of a training was given."""
    volumes = {f"v{i}": np.full((16, 20, 24), i, np.float32) for i in range(1, 5)}
    data = Recording(volumes, volumes, seed=0, kernel=learned.kernel)
    learned.build(name, steps=8, width=1, batch_size=2, **more).fit(data, quick_run())
    assert sorted((kind, step) for kind, step, _ in data.log) == sorted(
        (kind, step) for kind in ("blurred", "sharp") for step in range(8)
    )
    seen = {(kind, step): numbers for kind, step, numbers in data.log}
    for step in range(8):
        assert not seen["blurred", step] & seen["sharp", step]
        assert seen["blurred", step] | seen["sharp", step] <= {1, 2, 3, 4}


def expected_losses(learner, data, gamma, targets):
    """Of the first step, written out, with copies of the networks at the start."""
    nets = copy.deepcopy(learner.networks)
    gain = 1 if learner.how.name == "cyclegan" else data.sharp_unit / data.blurred_unit
    x = data.sharp(0, 1, SIZE) / data.sharp_unit
    y = data.blurred(0, 1, SIZE) / data.blurred_unit

    def sharpen(v):
        return nets["generator"](v)

    def blur(v):
        return gain * nets["blur"](v)

    with torch.no_grad():
        parts = {
            "cycle_sharp": functional.l1_loss(sharpen(blur(x)), x),
            "cycle_blurred": functional.l1_loss(blur(sharpen(y)), y),
        }
        total = gamma * sum(parts.values())
        for kind, real, made in (("sharp", x, sharpen(y)), ("blurred", y, blur(x))):
            judge = nets.get(f"{kind}_discriminator")
            if judge is None:
                continue
            scores = judge(made, torch.Generator())
            parts[f"fooled_{kind}"] = generator_loss(scores, targets)
            total = total + parts[f"fooled_{kind}"]
            parts[f"told_{kind}"] = discriminator_loss(
                judge(real, torch.Generator()), scores, targets
            )
    return total.item(), {key: value.item() for key, value in parts.items()}


@pytest.mark.parametrize("name", CYCLES)
@pytest.mark.parametrize("plus_minus", [True, False])
def test_losses(name, plus_minus):
    """Eq. 13, 14 and 22 (blind), 15 and 16 (not); crops of 16 voxels have no smaller parts."""
    data = learned.training_set(name)
    method = learned.build(name, gamma=3.0, plus_minus=plus_minus)
    learner = method.learner(data, quick_run())
    targets = (1.0, -1.0) if plus_minus else (1.0, 0.0)
    total, parts = expected_losses(learner, data, 3.0, targets)
    assert learner.step() == pytest.approx(total, rel=1e-5)
    assert learner.losses == pytest.approx(parts, rel=1e-5)
    assert ("told_blurred" in parts) == (name != "cyclegan_blur_kernel_nonblind")


@pytest.mark.parametrize("name", CYCLES)
def test_every_network_learns_but_the_known_kernel(name):
    learner = learned.build(name).learner(learned.training_set(name), quick_run())
    before = copy.deepcopy(learner.networks)
    learner.step()
    for key, network in learner.networks.items():
        still = all(
            torch.equal(a, b)
            for a, b in zip(before[key].parameters(), network.parameters(), strict=True)
        )
        assert still == (key == "blur" and name == "cyclegan_blur_kernel_nonblind")


@pytest.mark.parametrize("name", CYCLES)
def test_discriminators_are_shown_older_volumes(name):
    learner = learned.build(name, history=3).learner(learned.training_set(name), quick_run())
    for _ in range(4):
        learner.step()
    assert {len(history) for history in learner.histories.values()} == {3}
    kinds = {"sharp"} if name.endswith("nonblind") else {"sharp", "blurred"}
    assert set(learner.histories) == kinds
    assert all(
        len(history.state()["volumes"].unique(dim=0)) == 3 for history in learner.histories.values()
    )


def test_known_blur_is_that_of_the_problem():
    """In the networks' units, which are not one unit for sharp and blurred."""
    name = "cyclegan_blur_kernel_nonblind"
    data = learned.training_set(name)
    assert data.blurred_unit < 0.7 * data.sharp_unit
    learner = learned.build(name).learner(data, quick_run())
    volume = torch.from_numpy(learned.truth("one"))
    expected = Convolution(learned.kernel(), learned.SHAPE).apply(volume)
    made = learner.blur(volume[None, None] / data.sharp_unit) * data.blurred_unit
    torch.testing.assert_close(made[0, 0], expected, rtol=1e-4, atol=1e-6)
    weights = learned.build(name).fit(data, quick_run())
    np.testing.assert_allclose(weights.tensors["kernel"].numpy(), learned.kernel(), rtol=1e-6)
    assert weights.description["parameters"]["blur"] == 0


@pytest.mark.parametrize("name", ["cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind"])
def test_what_surrounds_a_crop(name):
    """An even light stays even among mirrors, and fades towards darkness."""
    data = learned.training_set(name)
    even = torch.ones(1, 1, 16, 16, 16)
    blurred = {
        border: learned.build(name, border=border).learner(data, quick_run()).blur(even)
        for border in ("dark", "mirror")
    }
    gain = data.sharp_unit / data.blurred_unit
    torch.testing.assert_close(blurred["mirror"], gain * even, rtol=1e-5, atol=0)
    assert blurred["dark"][0, 0, 0, 0, 0] < 0.5 * gain
    torch.testing.assert_close(blurred["dark"][..., 8, 8, 8], torch.full((1, 1), gain))


@pytest.mark.parametrize("name", ["cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind"])
def test_sharp_crops_among_their_surroundings_are_blurred_exactly(name):
    """As the whole volume is blurred, at its faces too; then cut, turned and mirrored."""
    data = learned.training_set(name)
    method = learned.build(name, batch_size=2, **SURROUNDED)
    learner = method.learner(data, quick_run())
    taps = learner.kernel()
    whole = {
        n: Convolution(taps, learned.SHAPE).apply(torch.from_numpy(learned.truth(n))).numpy()
        for n in ("one", "three")
    }
    # what is asked of the observations' crops, asked of these: the sharp crops of the same step
    blurred = UnpairedVolumes(whole, whole, data.seed)
    assert learner.margins == (4, 4, 4)
    for step in range(6):
        learner.done = step
        wide = learner._crops()
        sharp = learner._inner(wide["sharp"])
        expected = blurred.sharp(step, 2, SIZE) / data.blurred_unit
        made = learner.blur(sharp, wide["sharp"])
        assert made.shape == sharp.shape == (2, 1, *SIZE)
        torch.testing.assert_close(made, expected, rtol=1e-3, atol=1e-5)
        dark = learned.build(name, batch_size=2).learner(data, quick_run()).blur(sharp)
        assert float((dark - expected).detach().abs().max()) > 0.02


@pytest.mark.parametrize("name", ["cyclegan_blur_kernel", "cyclegan_blur_kernel_nonblind"])
def test_first_losses_among_surroundings(name):
    """What is made of an observation is blurred with the observation around it, in one unit."""
    data = learned.training_set(name)
    learner = learned.build(name, gamma=3.0, **SURROUNDED).learner(data, quick_run())
    nets = copy.deepcopy(learner.networks)
    wide = [give(0, 1, SIZE, (4, 4, 4)) for give in (data.sharp, data.blurred)]  # in one unit
    inner = (..., *[slice(4, -4)] * 3)
    with torch.no_grad():

        def blur(v):
            return nets["blur"](v)[inner]

        def sharpen(v):
            return data.sharp_unit * nets["generator"](v / data.blurred_unit)

        x, y = (v[inner] for v in wide)
        sharp_again = sharpen(blur(wide[0]))
        made = wide[1].clone()
        made[inner] = sharpen(y)
        expected = {
            "cycle_sharp": functional.l1_loss(sharp_again, x) / data.sharp_unit,
            "cycle_blurred": functional.l1_loss(blur(made), y) / data.blurred_unit,
        }
    learner.step()
    for key, value in expected.items():
        assert learner.losses[key] == pytest.approx(value.item(), rel=1e-5)


def test_kernel_of_one_unit_is_kept():
    name = "cyclegan_blur_kernel"
    method = learned.build(name, kernel_constraint="positive", kernel_learning_rate=0.05)
    data = learned.training_set(name)
    learner = method.learner(data, quick_run())
    groups = learner.optimizers["generators"].param_groups
    assert [g["lr"] for g in groups] == [1e-3, 0.05]
    assert [g["eps"] for g in groups] == [1e-8, 1e-15]  # as `BlurKernel` says of Adam
    others = learned.build(name).learner(data, quick_run()).optimizers["generators"].param_groups
    assert [g["eps"] for g in others] == [1e-8, 1e-8]
    start = learner.kernel()
    kernel = method.fit(data, quick_run()).tensors["kernel"]
    assert (kernel.dtype, kernel.shape) == (torch.float64, (9, 9, 9))
    assert float(kernel.sum()) == pytest.approx(1, abs=1e-12)
    assert float(kernel.min()) > 0
    assert np.abs(kernel.numpy() / start - 1).max() > 0.05
    free = learned.build(name).fit(data, quick_run()).tensors["kernel"]
    assert float(free.sum()) != pytest.approx(1, abs=1e-3)
    assert "kernel" not in learned.build("cyclegan").fit(data, quick_run()).tensors


def test_no_psf():
    data = UnpairedVolumes(
        {n: learned.observed(n) for n in ("one", "three")},
        {n: learned.truth(n) for n in ("one", "three")},
        seed=0,
    )
    with pytest.raises(InputError, match="nonblind: the training set has no PSF; one is needed"):
        learned.build("cyclegan_blur_kernel_nonblind").fit(data, quick_run())
    learned.build("cyclegan_blur_kernel", steps=0).fit(data, quick_run())  # blind: needs none


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"kernel_size": 0}, "kernel_size is 0; a whole number from 1"),
        ({"kernel_constraint": "x"}, "kernel_constraint is 'x'; accepted: none, positive"),
        ({"kernel_learning_rate": 0}, "kernel_learning_rate is 0; a number above 0"),
        ({"border": "open"}, "border is 'open'; accepted: dark, mirror, surroundings"),
        ({"gamma": -1.0}, "gamma is -1.0; 0 or a number above"),
        ({"history": -1}, "history is -1; a whole number from 0"),
        ({"plus_minus": 1}, "plus_minus is 1; true or false"),
    ],
)
def test_bad_parameters(parameters, message):
    with pytest.raises(InputError, match=f"method cyclegan_blur_kernel: {message}"):
        learned.build("cyclegan_blur_kernel", **parameters)
