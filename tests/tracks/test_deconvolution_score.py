"""Every metric of a deconvolved volume."""

import json
import math

import numpy as np
import pytest
from scipy.signal import fftconvolve

from focusbench.data import microtubules
from focusbench.errors import InputError
from focusbench.evaluation.filaments import filament_score
from focusbench.evaluation.fourier_shell import ShellCorrelation
from focusbench.evaluation.metrics import psnr, ssim
from focusbench.images import Volume
from focusbench.methods.richardson_lucy import RichardsonLucy
from focusbench.optics import psf
from focusbench.problem import Noise, Run
from focusbench.tracks.deconvolution.metrics import FSC_THRESHOLD, MARGIN, METRICS
from focusbench.tracks.deconvolution.observe import observe
from focusbench.tracks.deconvolution.problem import problem
from focusbench.tracks.deconvolution.score import measure, score
from focusbench.tracks.deconvolution.structure import centre_lines, period, shared_periods
from focusbench.tracks.deconvolution.truth import truth as true_volume
from focusbench.training.progress import Silent
from focusbench.training.state import NoState

SIGMA = 0.01
SHAPE = (37, 38, 39)  # an interior of 7, 8 and 9 voxels: room for one window and more
VOXEL = (0.15, 0.1, 0.1)
FILAMENTS = {"filament_f1", "filament_precision", "filament_recall"}
LENS = {"numerical_aperture": 1.4, "refractive_index": 1.5, "wavelength": 0.5}
GENERATOR = {  # as the preset quick
    "shape": [48, 96, 96],
    "voxel_size": [0.1, 0.1, 0.1],
    "microtubules": {
        **{"filaments": 5, "radius": 0.15, "persistence_length": 20.0, "planar_factor": 0.3}
    },
}


@pytest.fixture(scope="module")
def kernel():
    rng = np.random.default_rng(3)
    kernel = rng.uniform(size=(5, 6, 7))  # no symmetry
    return kernel / kernel.sum()


@pytest.fixture(scope="module")
def truth():
    rng = np.random.default_rng(0)
    volume = (rng.uniform(size=SHAPE) > 0.98).astype(np.float32)
    volume[3] = 0
    return volume


@pytest.fixture(scope="module")
def observed(truth, kernel):
    noise = np.random.default_rng(1).normal(0, SIGMA, SHAPE)
    return (fftconvolve(truth, kernel, "same") + noise).astype(np.float32)


def test_every_metric_is_there_and_is_json(truth, observed, kernel):
    estimate = np.clip(truth + 0.02, 0, 1).astype(np.float32)
    lines = [np.array([[0, 1, 1], [3, 2, 3]])]
    result = measure(
        *(truth, estimate, observed, kernel, "linear", Noise(SIGMA)), voxel_size=VOXEL, lines=lines
    )
    assert list(result) == list(METRICS)
    assert all(isinstance(value, float) for value in result.values())
    assert json.loads(json.dumps(result, allow_nan=False)) == result
    assert result["psnr_volume"] == psnr(truth, estimate, 1.0)
    assert result["ssim_uniform_3d"] == ssim(truth, estimate, 1.0, "uniform_3d")
    assert result["ssim_wang_3d"] == ssim(truth, estimate, 1.0, "wang_3d")
    inside = (slice(MARGIN, -MARGIN),) * 3
    assert result["psnr_volume_interior"] == psnr(truth[inside], estimate[inside], 1.0)
    inner = ssim(truth[inside], estimate[inside], 1.0, "uniform_3d")
    assert result["ssim_uniform_3d_interior"] == inner
    assert (result["gain"], result["offset"]) == (1, 0)
    found = filament_score(estimate, lines, VOXEL)
    assert [result[f"filament_{key}"] for key in ("precision", "recall", "f1")] == list(found)
    assert {key: result[key] for key in ("fsc_lateral", "fsc_axial")} == shared_periods(
        truth.astype(float), estimate.astype(float), VOXEL
    )


def test_without_lengths_or_lines_there_is_no_structure(truth, observed, kernel):
    def none(**given):
        result = measure(truth, truth, observed, kernel, "linear", None, **given)
        return {key for key, value in result.items() if value is None}

    chi_square = {"chi_square", "chi_square_truth"}  # no noise
    assert none() == chi_square | FILAMENTS | {"fsc_lateral", "fsc_axial"}
    assert none(voxel_size=VOXEL) == chi_square | FILAMENTS


def test_slices_that_show_nothing_do_not_count(truth, observed, kernel):
    result = measure(truth, np.zeros_like(truth), observed, kernel, "linear", None)
    shown = [i for i in range(len(truth)) if i != 3]
    expected = np.mean([-10 * math.log10(np.square(truth[i]).mean()) for i in shown])
    assert result["psnr_mean_xy_slices"] == pytest.approx(expected)
    empty = measure(0 * truth, truth, observed, kernel, "linear", None)
    assert empty["psnr_mean_xy_slices"] is None


@pytest.mark.parametrize("boundary", ["linear", "circular"])
def test_the_truth_explains_the_data_and_another_volume_does_not(truth, kernel, boundary):
    if boundary == "linear":
        image = fftconvolve(truth, kernel, "same")
    else:  # the same sum with indices that wrap round, written out
        image = np.zeros(SHAPE)
        for offset, weight in np.ndenumerate(kernel):
            shift = [i - (n - 1) // 2 for i, n in zip(offset, kernel.shape, strict=True)]
            image += weight * np.roll(truth, shift, axis=(0, 1, 2))
    noise = np.random.default_rng(1).normal(0, SIGMA, SHAPE)
    exact = measure(truth, truth, image + noise, kernel, boundary, Noise(SIGMA))
    # 54,834 values: the standard error of chi-square is sqrt(2 / 54834) = 0.006
    assert exact["chi_square"] == pytest.approx(1, abs=0.03)
    assert exact["rms_residual"] == pytest.approx(np.sqrt(np.mean(noise**2)), rel=1e-6)
    assert exact["chi_square"] == exact["chi_square_truth"]
    assert exact["psnr_volume"] == "inf"
    assert exact["psnr_mean_xy_slices"] == "inf"
    other = measure(truth, 0 * truth, image + noise, kernel, boundary, Noise(SIGMA))
    assert other["rms_residual"] == pytest.approx(np.sqrt(np.mean((image + noise) ** 2)))
    assert other["chi_square"] > 5
    assert other["chi_square_truth"] == exact["chi_square"]


def test_a_power_of_the_noise_counts_before_its_sigma(truth, observed, kernel):
    by_power = measure(truth, truth, observed, kernel, "linear", Noise(5.0, power=SIGMA**2))
    by_sigma = measure(truth, truth, observed, kernel, "linear", Noise(SIGMA))
    assert by_power["chi_square"] == pytest.approx(by_sigma["chi_square"])


@pytest.mark.parametrize("noise", [None, Noise()])
def test_without_noise_there_is_no_chi_square(truth, observed, kernel, noise):
    result = measure(truth, truth, observed, kernel, "linear", noise)
    assert result["chi_square"] is None
    assert result["chi_square_truth"] is None
    assert result["rms_residual"] > 0


def test_without_truth_only_consistency_is_scored(truth, observed, kernel):
    result = measure(None, truth, observed, kernel, "linear", Noise(SIGMA))
    assert {key for key, value in result.items() if value is not None} == {
        "rms_residual",
        "chi_square",
    }


def test_fits_undo_a_change_of_scale(truth, observed, kernel):
    rng = np.random.default_rng(5)
    estimate = (truth + 0.05 * rng.normal(size=SHAPE)).astype(np.float32)
    gain, offset = np.polyfit(estimate.ravel().astype(float), truth.ravel(), 1)
    affine = measure(truth, 7 * estimate + 3, observed, kernel, "linear", None, "affine")
    assert affine["gain"] == pytest.approx(gain / 7, rel=1e-4)
    assert affine["offset"] == pytest.approx(offset - 3 * gain / 7, rel=1e-3)
    best = psnr(truth, gain * estimate.astype(float) + offset, 1.0)
    assert affine["psnr_volume"] == pytest.approx(best, abs=1e-4)
    scaled = measure(truth, 7 * estimate, observed, kernel, "linear", None, "gain")
    factor = np.vdot(estimate, truth) / np.vdot(estimate, estimate)
    assert scaled["gain"] == pytest.approx(factor / 7, rel=1e-4)
    assert scaled["offset"] == 0
    assert scaled["psnr_volume"] <= affine["psnr_volume"]
    plain = measure(truth, 7 * estimate, observed, kernel, "linear", None)
    assert plain["psnr_volume"] < scaled["psnr_volume"] - 10
    assert plain["rms_residual"] == scaled["rms_residual"]  # data consistency sees no fit


@pytest.mark.parametrize("fit", ["gain", "affine"])
def test_an_estimate_that_shows_nothing_is_not_scaled(truth, observed, kernel, fit):
    result = measure(truth, 0 * truth, observed, kernel, "linear", None, fit)
    assert result["gain"] == 1
    assert result["offset"] == pytest.approx(0 if fit == "gain" else truth.mean())


def test_a_recording_in_grey_values_is_brought_to_its_truth(truth, observed, kernel):
    own = measure(truth, truth, observed, kernel, "linear", None)
    grey = measure(
        truth, 300 * truth, 300 * observed, kernel, "linear", None, "gain", same_unit=False
    )
    assert grey["psnr_volume"] == "inf" or grey["psnr_volume"] > 100
    assert grey["gain"] == pytest.approx(1 / 300)
    assert grey["rms_residual_truth"] == pytest.approx(300 * own["rms_residual_truth"], rel=1e-3)


def test_a_volume_too_small_for_an_interior_or_a_window(kernel):
    volume = np.random.default_rng(2).uniform(size=(8, 12, 31)).astype(np.float32)
    result = measure(volume, volume / 2, volume, kernel, "linear", None)
    assert result["ssim_uniform_3d"] is not None
    assert result["ssim_wang_3d"] is None
    assert result["psnr_volume_interior"] is None
    assert result["ssim_uniform_3d_interior"] is None
    volume = np.random.default_rng(2).uniform(size=(36, 37, 37)).astype(np.float32)
    result = measure(volume, volume / 2, volume, kernel, "linear", None)
    assert result["psnr_volume_interior"] is not None
    assert result["ssim_uniform_3d_interior"] is None  # 6 planes are left


def test_what_does_not_fit_together_is_refused(truth, observed, kernel):
    with pytest.raises(InputError, match="equal shapes"):
        measure(truth, truth[:, :15], observed, kernel, "linear", None)
    with pytest.raises(InputError, match="equal shapes"):
        measure(truth[:, :15], truth, observed, kernel, "linear", None)
    with pytest.raises(InputError, match="fit is 'scale'"):
        measure(truth, truth, observed, kernel, "linear", None, "scale")
    bad = truth.copy()
    bad[0, 0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        measure(truth, bad, observed, kernel, "linear", None)


def test_a_benchmark_item_is_scored_with_its_own_psf_and_noise(truth):
    lens = {"numerical_aperture": 1.2, "refractive_index": 1.33, "wavelength": 0.5}
    box = {"shape": [9, 9, 9], "convention": "standard", "subsamples": 1}
    settings = {"optics": {**lens, **box}, "boundary": "linear"}
    voxel_size = (0.15, 0.1, 0.1)
    kernel = psf.born_wolf((9, 9, 9), voxel_size, 0.5, 1.2, 1.33)
    image = fftconvolve(truth, kernel, "same").astype(np.float32)
    volumes = [Volume(array, "ZYX", voxel_size) for array in (truth, 2 * image, image)]
    about = {"noise": {"gaussian_sigma": SIGMA, "photons": None, "power": 2e-4}}
    result = score(*volumes, "snr20", settings, about)
    noise = Noise(SIGMA, power=2e-4)
    arrays = (truth, 2 * image, image, kernel, "linear", noise)
    assert result == measure(*arrays, voxel_size=voxel_size)
    fitted = score(*volumes, "snr20", {**settings, "fit": "affine"}, about)
    assert fitted == measure(*arrays, "affine", voxel_size=voxel_size)
    own = {**settings, **lens, "psf_shape": [9, 9, 9]}
    recorded = score(*volumes, "recorded", own, {"noise": None})
    assert recorded["gain"] != 1
    assert recorded["offset"] == 0
    assert recorded["chi_square"] is None
    # the scale of an estimate does not matter
    assert recorded["fsc_lateral"] == pytest.approx(result["fsc_lateral"])


def test_labels_say_range_and_variant():
    for key, metric in METRICS.items():
        if key.startswith(("psnr", "ssim")):
            assert "range 1" in metric.settings
    assert "7 voxels" in METRICS["ssim_uniform_3d"].settings
    assert str(MARGIN) in METRICS["psnr_volume_interior"].settings
    assert METRICS["chi_square"].higher_is_better is None
    assert "0.5" in METRICS["fsc_lateral"].settings
    assert METRICS["fsc_axial"].higher_is_better is False


def test_the_period_is_where_agreement_ends():
    rng = np.random.default_rng(0)
    shape, voxel_size = (40, 60, 64), (0.2, 0.1, 0.1)
    truth, other = rng.normal(size=(2, *shape))
    kz, ky, kx = (np.fft.fftfreq(n, d) for n, d in zip(shape, voxel_size, strict=True))
    kz, lateral = np.abs(kz)[:, None, None], np.hypot(ky[:, None], kx)[None]
    # at 1 cycle per um in the plane, and 0.5 along the axis, another volume begins
    shared = (lateral < 1) & (kz < 0.5)
    mixed = np.fft.ifftn(np.where(shared, np.fft.fftn(truth), np.fft.fftn(other))).real
    result = shared_periods(truth, 5 * mixed + 3, voxel_size)
    assert result["fsc_lateral"] == pytest.approx(1 / 1, rel=0.15)
    assert result["fsc_axial"] == pytest.approx(1 / 0.5, rel=0.2)


def test_a_period_that_has_no_number():
    volume = np.random.default_rng(0).normal(size=(16, 24, 24))
    voxel_size = (0.3, 0.1, 0.1)
    # the last shell is at half a cycle a voxel, or as near to it as a step of frequency comes
    exact = shared_periods(volume, volume, voxel_size)
    assert exact["fsc_lateral"] == pytest.approx(0.2)
    assert exact["fsc_axial"] == pytest.approx(0.6)
    nothing = {"fsc_lateral": "inf", "fsc_axial": "inf"}
    assert shared_periods(volume, 0 * volume, voxel_size) == nothing
    assert shared_periods(volume, -volume, voxel_size) == nothing
    empty = shared_periods(0 * volume, volume, voxel_size)
    assert empty == {"fsc_lateral": None, "fsc_axial": None}
    one_plane = shared_periods(volume[:1], volume[:1], voxel_size)
    assert one_plane["fsc_axial"] is None
    assert one_plane["fsc_lateral"] == pytest.approx(0.2)


def test_the_finest_shell_is_one_that_counts():
    frequency, coefficients = np.array([1.0, 2.0, 4.0]), np.array([9.0, 9.0, 2.0])
    assert period(ShellCorrelation(frequency, np.ones(3), coefficients)) == 1 / 2
    half = ShellCorrelation(frequency, np.array([1.0, 0.0, 1.0]), coefficients)
    assert period(half) == pytest.approx(1 / (1 + FSC_THRESHOLD))
    assert period(ShellCorrelation(frequency, np.zeros(3), coefficients)) == "inf"
    assert period(ShellCorrelation(frequency, np.ones(3), np.ones(3))) is None


def test_centre_lines_come_from_the_generator_alone():
    settings = {**GENERATOR, "sample": "microtubules_test1", "source": "microtubules"}
    shape = tuple(GENERATOR["shape"])
    lines = centre_lines(settings, shape)
    section = {key: GENERATOR[key] for key in ("shape", "voxel_size")} | GENERATOR["microtubules"]
    expected = microtubules.centre_lines("microtubules_test1", section)
    assert len(lines) == len(expected) == 5
    assert all(map(np.array_equal, lines, expected))
    assert centre_lines({**settings, "source": "fluorescence"}, shape) is None
    for key in settings:
        assert centre_lines({k: v for k, v in settings.items() if k != key}, shape) is None
    with pytest.raises(InputError, match="equal shapes"):
        centre_lines(settings, (48, 96, 95))


def test_structure_tells_the_truth_from_restorations_and_these_from_the_input():
    box = {"shape": [31, 31, 31], "convention": "standard", "subsamples": 1}
    settings = {
        **GENERATOR,
        **{"sample": "microtubules_train1", "source": "microtubules"},
        **{"optics": LENS | box, "boundary": "linear", "gaussian_fraction": 0.5},
    }
    truth = true_volume("microtubules_train1", "microtubules", settings)
    observed, about = observe(truth, "microtubules_train1", "microtubules", "snr20", 0, settings)
    run = Run(0, "cpu", 1, None, NoState(), Silent())
    asked = problem(observed, "snr20", settings, about)
    restored = Volume(
        np.asarray(RichardsonLucy().restore(asked, run).estimate), "ZYX", truth.voxel_size
    )
    nothing = Volume(0 * truth.array, "ZYX", truth.voxel_size)
    exact, good, poor, none = (
        score(truth, estimate, observed, "snr20", settings, about)
        for estimate in (truth, restored, observed, nothing)
    )
    assert exact["fsc_lateral"] == exact["fsc_axial"] == pytest.approx(0.2)
    assert exact["filament_f1"] > 0.99
    assert exact["fsc_lateral"] < good["fsc_lateral"] < poor["fsc_lateral"] < 0.35
    # a wide field resolves hardly any depth
    assert exact["fsc_axial"] < good["fsc_axial"] < 0.4 < 2 < poor["fsc_axial"]
    assert exact["filament_f1"] > good["filament_f1"] > 0.97 > 0.9 > poor["filament_f1"] > 0.5
    assert none["fsc_lateral"] == none["fsc_axial"] == "inf"
    assert (none["filament_f1"], none["filament_recall"], none["filament_precision"]) == (
        0,
        0,
        None,
    )
