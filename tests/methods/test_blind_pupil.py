"""Blind deconvolution: better than with a wrong PSF, and blind indeed."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from focusbench.errors import InputError
from focusbench.evaluation.psnr import psnr
from focusbench.methods.blind_pupil import BlindPupil, read_setting
from focusbench.methods.richardson_lucy_tv import RichardsonLucyTv
from focusbench.optics import psf
from focusbench.optics.convolution import Convolution
from focusbench.optics.pupil_psf import from_record, pupil_psf
from focusbench.problem import Noise
from focusbench.training.run import quick_run
from focusbench.training.state import FileState

SHORT = BlindPupil(
    max_iterations=12, first_iterations=4, probe_iterations=2, move_iterations=2, cycles=1, moves=2
)
WRONG = psf.born_wolf((15, 15, 15), (0.1, 0.1, 0.1), 0.5, 0.9, 1.5)


def told(problem, kernel):
    """The same problem with another PSF told."""
    return replace(problem, forward=Convolution(kernel, problem.observed.shape))


@pytest.fixture(scope="module")
def found(blurred_problem):
    return BlindPupil().restore(blurred_problem, quick_run())


def test_near_the_result_with_the_true_psf(blurred_problem, lines, found):
    true = psnr(lines, RichardsonLucyTv().restore(blurred_problem, quick_run()).estimate, 1.0)
    wrong = RichardsonLucyTv().restore(told(blurred_problem, WRONG), quick_run())
    reached = psnr(lines, found.estimate, 1.0)
    assert found.estimate.dtype == np.float32
    assert found.repeatable
    assert reached > true - 1
    assert reached > psnr(lines, wrong.estimate, 1.0) + 1


def test_the_psf_is_in_the_record(blurred_problem, found):
    true = blurred_problem.forward.kernel
    start = pupil_psf((15, 15, 15), (0.1, 0.1, 0.1), BlindPupil().start())
    about = found.details["psf"]
    kernel = from_record(about)
    assert kernel.shape == true.shape
    assert np.linalg.norm(kernel - true) < 0.9 * np.linalg.norm(start - true)
    width = psf.fwhm(true[7, 7], 0.1)
    assert found.details["psf_fwhm_lateral_um"] == pytest.approx(width, rel=0.15)
    assert found.details["psf_fwhm_axial_um"] == pytest.approx(
        psf.fwhm(true[:, 7, 7], 0.1), rel=0.15
    )
    assert 0 < about["held_out_mean_square"] < 1.3 * blurred_problem.noise.mean_square
    assert found.evaluations == about["iterations"] + found.iterations


def test_only_the_shape_of_the_told_psf_is_used(blurred_problem):
    one = SHORT.restore(blurred_problem, quick_run())
    for noise in (blurred_problem.noise, None):
        same = replace(blurred_problem, noise=noise)
        one = SHORT.restore(same, quick_run())
        two = SHORT.restore(told(same, WRONG), quick_run())
        assert one.estimate.tobytes() == two.estimate.tobytes()
        assert one.details == two.details
    smaller = SHORT.restore(told(blurred_problem, WRONG[2:-2]), quick_run())
    assert from_record(smaller.details["psf"]).shape == (11, 15, 15)


def test_without_any_psf(blurred_problem):
    unknown = replace(blurred_problem, forward=None, noise=None)
    assert read_setting(unknown, None) == ((24, 31, 31), "linear", None)
    assert read_setting(blurred_problem, "circular").boundary == "circular"
    result = SHORT.restore(unknown, quick_run())
    assert result.estimate.shape == blurred_problem.observed.shape
    assert np.isfinite(result.estimate).all()


def test_the_unit_of_intensity_does_not_matter(blurred_problem):
    unit = 2.0**11
    noise = blurred_problem.noise
    other = replace(
        blurred_problem,
        observed=blurred_problem.observed * np.float32(unit),
        noise=Noise(noise.gaussian_sigma * unit, 0.0, noise.photons / unit, noise.power * unit**2),
    )
    first = SHORT.restore(blurred_problem, quick_run())
    second = SHORT.restore(other, quick_run())
    np.testing.assert_allclose(second.estimate / unit, first.estimate, rtol=1e-2, atol=1e-4)
    for name, value in first.details["psf"]["pupil"].items():
        assert second.details["psf"]["pupil"][name] == pytest.approx(value, abs=1e-3)


class _CutError(Exception):
    pass


class _Cutting:
    """Cuts a run off at a step of either phase, once the state before it was saved."""

    def __init__(self, at):
        self.at, self.steps, self.phases = at, 0, []

    def begin(self, phase, steps, monitored):
        self.phases.append(phase)

    def tell(self, step, loss):
        self.steps += 1
        if self.steps == self.at:
            raise _CutError

    def __call__(self, step, loss, estimate):
        assert math.isfinite(loss)
        self.tell(step, loss)

    def state(self):
        return {}

    def restore(self, state):
        pass


@pytest.mark.parametrize("cut", [2, 5, 9, 10, 13, 17])
def test_cut_off_in_either_phase_gives_the_same_bytes(blurred_problem, tmp_path, monkeypatch, cut):
    monkeypatch.setenv("FOCUSBENCH_SAVE_SECONDS", "0")
    whole = SHORT.restore(blurred_problem, quick_run(monitor=_Cutting(None)))
    state = FileState(tmp_path, "same")
    with pytest.raises(_CutError):
        SHORT.restore(blurred_problem, quick_run(state=state, monitor=_Cutting(cut)))
    rest = _Cutting(None)
    result = SHORT.restore(blurred_problem, quick_run(state=state, monitor=rest))
    assert rest.steps == 22 - cut + 1  # 10 of the search, 12 of the restoration
    assert result.estimate.tobytes() == whole.estimate.tobytes()
    assert result.details == whole.details
    assert (result.iterations, result.evaluations) == (whole.iterations, whole.evaluations)


def test_a_time_budget_leaves_time_for_the_restoration(blurred_problem):
    method = BlindPupil(max_iterations=10**6, cycles=10**5, moves=10**5, least_gain=0.0)
    result = method.restore(blurred_problem, quick_run(budget_seconds=1.0))
    assert not result.repeatable
    assert result.iterations > 0
    assert result.details["psf"]["iterations"] > 0


def test_a_window_is_enough_for_the_search(blurred_problem, lines):
    smaller = told(blurred_problem, WRONG[4:-4, 4:-4, 4:-4])
    observed = torch.from_numpy(smaller.observed)
    whole = BlindPupil(cycles=1).restore(smaller, quick_run())
    for boundary in (None, "circular"):
        method = BlindPupil(search_voxels=24 * 40 * 20, cycles=1, boundary=boundary)
        search = method._search(smaller, read_setting(smaller, boundary), observed)
        assert sorted(search.estimate().shape) == [20, 24, 40]
        result = method.restore(smaller, quick_run())
        assert psnr(lines, result.estimate, 1.0) > psnr(lines, whole.estimate, 1.0) - 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_iterations": 0},
        {"moves": 0},
        {"cycles": -1},
        {"held_out": 1.0},
        {"held_out": 0.0},
        {"numerical_aperture": 1.6},
        {"wavelength": 0.0},
        {"widening": 0.0},
        {"boundary": "mirror"},
        {"search_voxels": 1.5},
        {"weight_factor": -1.0},
    ],
)
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BlindPupil(**wrong)


def test_what_cannot_be_restored_is_one_line(blurred_problem):
    dark = np.zeros_like(blurred_problem.observed)
    for observed, said in ((dark, "no photons"), (blurred_problem.observed[0], "volume")):
        with pytest.raises(InputError, match=said) as caught:
            SHORT.restore(replace(blurred_problem, observed=observed, forward=None), quick_run())
        assert "\n" not in str(caught.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_cuda_as_on_the_cpu(blurred_problem, lines, found):
    there = BlindPupil().restore(blurred_problem, quick_run(device="cuda"))
    assert psnr(lines, there.estimate, 1.0) == pytest.approx(
        psnr(lines, found.estimate, 1.0), abs=0.2
    )
