"""Learned and estimated PSFs beside the true one: measured, scaled, centred, drawn."""

import json
import re

import numpy as np
import pytest
import torch

from focusbench import methods, paths
from focusbench.files import write_json
from focusbench.optics.pupil_psf import of_lens, record
from focusbench.problem import Weights
from focusbench.report.results import Results
from focusbench.tracks.deconvolution import kernels
from focusbench.tracks.deconvolution.figures import fig5_caption, fig11, fig11_caption
from focusbench.tracks.deconvolution.optics import kernel
from focusbench.training.cyclegan import kernel_tensor
from focusbench.training.run import quick_run
from focusbench.training.volumes import UnpairedVolumes
from focusbench.training.weights import save_weights

TRACK = "deconvolution"
VOXEL = (0.1, 0.1, 0.1)
LEARNED = "cyclegan_blur_kernel"
TOLD = "cyclegan_blur_kernel_nonblind"
SIGMA = 2.0


@pytest.fixture
def settings(deconvolution_settings):
    return deconvolution_settings


def gaussian(shape=(31, 31, 31), shift=(0, 0, 0), sigma=SIGMA):
    grids = np.meshgrid(*map(np.arange, shape), indexing="ij")
    squares = sum(
        (grid - (n - 1) // 2 - s) ** 2 for grid, n, s in zip(grids, shape, shift, strict=True)
    )
    volume = np.exp(-squares / (2 * sigma**2))
    return volume / volume.sum()


def test_a_kernel_is_scaled_and_its_shift_found():
    found = kernels.measured(0.8 * gaussian(shift=(3, -2, 1)), (0.3, 0.1, 0.2))
    assert found.scaled
    assert found.values.sum() == pytest.approx(1)
    assert found.total == pytest.approx(0.8)
    assert found.negative == 0
    assert found.middle == (18, 13, 16)
    assert found.shift == pytest.approx((0.9, -0.2, 0.2), abs=1e-6)


def test_noise_hardly_moves_the_middle_and_its_negative_share_is_told():
    noise = np.random.default_rng(0).normal(size=(31, 31, 31)) * 3e-4
    noise -= noise.mean()
    noisy = gaussian(shift=(2, 0, -1), sigma=1.5) + noise
    found = kernels.measured(noisy, VOXEL)
    assert found.middle == (17, 15, 14)
    negative = -noisy[noisy < 0].sum() / np.abs(noisy).sum()
    assert found.negative == pytest.approx(negative)
    assert negative > 0.3
    # a mean over the whole box would have been somewhere else
    assert found.shift == pytest.approx((0.2, 0.0, -0.1), abs=0.03)


def test_a_kernel_without_a_sum_is_shown_as_it_is():
    values = gaussian() - 1 / 31**3  # sums to 0
    found = kernels.measured(values, VOXEL)
    assert not found.scaled
    assert np.array_equal(found.values, values)
    nothing = kernels.measured(np.zeros((5, 5, 5)), VOXEL)
    assert nothing.middle == (2, 2, 2)
    assert nothing.shift == (0, 0, 0)
    assert kernels.measured(-gaussian(), VOXEL).negative == 1


def test_even_boxes_have_their_origin_below_the_middle():
    found = kernels.measured(gaussian((20, 20, 20)), VOXEL)
    assert found.middle == (9, 9, 9)
    assert found.shift == pytest.approx((0, 0, 0), abs=1e-9)


def test_windows_are_nan_outside_and_widths_are_those_of_a_gaussian():
    assert kernels.window(np.arange(5.0), (1,), (2,)).tolist()[1:] == [0, 1, 2, 3]
    assert np.isnan(kernels.window(np.arange(5.0), (1,), (2,))[0])
    values = gaussian(shift=(0, 4, -5), sigma=3.0)
    lines = kernels.lines(values, (15, 19, 10), (15, 15, 15))
    width = 2 * np.sqrt(2 * np.log(2)) * 3 * 0.1
    for profile in lines.values():
        assert kernels.width(profile, 0.1) == pytest.approx(width, rel=1e-3)
    assert np.isnan(lines["lateral"]).sum() > 0
    flat = kernels.lines(np.ones((5, 5, 5)), (2, 2, 2), (2, 2, 2))
    assert np.isnan(kernels.width(flat["axial"], 0.1))
    soft = kernels.lines(kernels.smoothed(gaussian()), (15, 15, 15), (15, 15, 15))
    wider = 2 * np.sqrt(2 * np.log(2)) * np.hypot(SIGMA, 1) * 0.1
    assert kernels.width(soft["lateral"], 0.1) == pytest.approx(wider, rel=1e-3)


def test_pixels_that_are_no_squares_have_a_profile_along_x_alone():
    values = gaussian() * np.linspace(0.5, 1.5, 31)[:, None]
    line = kernels.lines(values, (15, 15, 15), (15, 15, 15), square=False)["lateral"]
    assert np.array_equal(line, values[15, 15])


def weights(values, method, **units):
    return Weights({"kernel": torch.from_numpy(values)}, {"method": method, **units})


def test_a_kernel_that_was_told_is_not_a_learned_one():
    assert kernels.learned(weights(gaussian(), TOLD), VOXEL) is None
    assert kernels.learned(Weights({}, {"method": LEARNED}), VOXEL) is None
    assert kernels.learned(None, VOXEL) is None
    assert kernels.learned(weights(gaussian(), LEARNED), VOXEL) is not None


def test_the_sum_of_a_learned_kernel_is_the_light_that_it_keeps():
    """Whatever the units that the networks' volumes are over."""
    rng = np.random.default_rng(0)
    sharp, blurred = (
        {name: top * rng.random((16, 16, 16), np.float32) for name in ("one", "two")}
        for top in (40, 5)
    )
    data = UnpairedVolumes(blurred, sharp, 0)
    assert data.sharp_unit > 2 * data.blurred_unit
    how = {"steps": 1, "width": 4, "crop": 16, "tile": 16, "overlap": 8, "precision": "float32"}
    how |= {"discriminator_width": 4, "history": 2, "kernel_size": 5}
    learner = methods.build(LEARNED, how).learner(data, quick_run())
    with torch.no_grad():
        learner.networks["blur"].weight.mul_(0.7)
        level = torch.full((1, 1, 16, 16, 16), 3.0)  # of sharp intensity
        made = data.blurred_unit * learner.blur(level / data.sharp_unit)
    kept = float(made[0, 0, 8, 8, 8]) / 3.0
    saved = weights(
        *(kernel_tensor(learner)["kernel"].numpy(), LEARNED),
        **{"sharp_unit": data.sharp_unit, "blurred_unit": data.blurred_unit},
    )
    assert kernels.learned(saved, VOXEL).total == pytest.approx(kept, rel=1e-5)
    assert kept == pytest.approx(0.7, rel=1e-5)


@pytest.fixture
def run(make_deconvolution, tmp_path):
    def make(tensors=None, methods=("zeros", "wiener", TOLD, LEARNED), **given):
        made = make_deconvolution(tmp_path, ("microtubules_test1",), ("snr20",), methods, **given)
        trainings = []
        for method, values in (tensors or {}).items():
            base = TOLD if method == TOLD else LEARNED
            saved = tmp_path / paths.model(TRACK, method, "snr20-seed0")
            save_weights(saved, weights(values, base, blurred_unit=1.0, sharp_unit=1.0))
            trainings.append((method, "snr20-seed0"))
        return Results(TRACK, made.items, tmp_path, trainings=trainings)

    return make


def headings(figure):
    return [axes.get_title().replace("\n", " ").replace("_ ", "_") for axes in pictures(figure)[0]]


def pictures(figure):
    """Axes with sections: XY, then XZ."""
    shown = [axes for axes in figure.axes if axes.images]
    return shown[: len(shown) // 2], shown[len(shown) // 2 :]


def test_fig11_shows_the_learned_kernel_raw_and_smoothed(run, settings):
    true = kernel(settings["track"]["optics"], VOXEL)
    shifted = 1.1 * np.roll(true, (2, -1, 0), (0, 1, 2))
    results = run({TOLD: true, LEARNED: shifted})
    figure = fig11(results, settings)
    assert headings(figure) == ["true PSF", f"{LEARNED} raw", f"{LEARNED} smoothed"]
    above, beneath = pictures(figure)
    drawn = [axes.images[0].get_array() for axes in above]
    assert drawn[0].max() == pytest.approx(1)
    assert len({axes.images[0].get_clim() for axes in (*above, *beneath)}) == 1
    # moved back to the middle and of the same sum, it is the truth where both are known
    known = ~np.ma.getmaskarray(drawn[1])
    assert known.sum() == 30 * 31
    assert np.allclose(drawn[1][known], drawn[0][known])
    soft = kernels.smoothed(shifted / 1.1)[17, 14, 15] / true.max()
    assert drawn[2][15, 15] == pytest.approx(soft)
    words = [text.get_text() for axes in figure.axes for text in _texts(axes.get_legend())]
    assert words[0] == "true PSF: 182 nm"
    assert words[2] == f"{LEARNED} raw: 182 nm"
    assert words[3].split(": ")[1] == words[1].split(": ")[1]  # both smoothed alike
    assert len(words) == 8
    caption = fig11_caption(results, settings)
    assert "sum 1.1 before scaling" in caption
    fine = re.search(r"Born-Wolf (\d+) nm laterally", fig5_caption(results, settings))[1]
    assert f"from voxels here (182 nm), from a fine line in figure 5 ({fine} nm)" in caption
    axes = next(axes for axes in figure.axes if axes.get_legend())
    raw, soft = (line for line in axes.lines if line.get_label().startswith(LEARNED))
    assert raw.get_linestyle() == "--" != soft.get_linestyle()
    assert raw.get_linewidth() < soft.get_linewidth()
    assert raw.get_alpha() < 1
    assert raw.get_color() == soft.get_color()
    assert "negative share 0.0 %" in caption
    assert "centroid (+0.20, −0.10, +0.00) µm" in caption
    assert "nothing was resampled" in caption


def _texts(legend):
    return [] if legend is None else legend.get_texts()


def test_fig11_shows_psfs_that_restorations_estimated(run, settings):
    results = run(methods=("wiener", "blind_pupil"))
    assert "No kernel was learned" in fig11(results, settings).texts[0].get_text()
    assert "No kernel was learned" in fig11_caption(results, settings)
    item = results.find("microtubules_test1", "snr20", "blind_pupil")
    path = results.root / paths.record(TRACK, item)
    about = json.loads(path.read_text()) | {"details": {"psf": gaussian((9, 9, 9)).tolist()}}
    write_json(path, about)
    figure, caption = fig11(results, settings), fig11_caption(results, settings)
    assert headings(figure) == ["true PSF", "blind_pupil"]
    assert "estimated from that observation alone" in caption
    assert "No kernel was learned" in caption
    assert "blind_pupil 472 nm laterally" in caption


def test_a_pupil_that_a_restoration_found_is_shown_as_its_psf(run, settings):
    results = run(methods=("blind_pupil",))
    (item,) = results.items
    path = results.root / paths.record(TRACK, item)
    found = record(of_lens(0.5, 1.4, 1.5, paraxial=True), (31, 31, 31), VOXEL)
    write_json(path, json.loads(path.read_text()) | {"details": {"psf": found}})
    true, mine = (axes.images[0].get_array() for axes in pictures(fig11(results, settings))[1])
    assert np.allclose(mine, true, atol=1e-9)
    assert "blind_pupil 182 nm laterally, 678 nm axially" in fig11_caption(results, settings)


def test_fig11_tells_of_a_width_that_the_box_cuts(run, settings):
    results = run({LEARNED: np.ones((5, 5, 5)) / 125})
    assert f"{LEARNED} raw not within the box laterally" in fig11_caption(results, settings)
    fig11(results, settings)


def test_fig11_shows_variants_and_at_most_two(run, settings):
    names = [LEARNED, "one", "two"]
    results = run(dict.fromkeys(names, gaussian()), methods=tuple(names))
    settings["variants"] = names[1:]
    assert headings(fig11(results, settings)) == [
        *("true PSF", f"{LEARNED} raw", f"{LEARNED} smoothed", "one raw", "one smoothed")
    ]


def test_the_true_psf_is_that_of_the_degradation(settings):
    track = settings["track"]
    track["aberration"]["subsamples"] = 1
    found = [kernels.true_kernel(one, track) for one in ("snr20", "richards_wolf_snr5", "offmodel")]
    assert np.array_equal(found[0], kernel(track["optics"], VOXEL))
    assert np.array_equal(found[1], kernel(track["optics"], VOXEL, "richards_wolf"))
    assert not np.allclose(found[2], found[0], rtol=0.1)


def test_fig11_of_recordings_is_beside_the_told_psf(make_deconvolution, settings, tmp_path):
    made = make_deconvolution(tmp_path, ("mine",), ("recorded",), (LEARNED,))
    trainings = [(LEARNED, name) for name in ("snr20-seed0", "recorded-seed0")]
    results = Results(
        TRACK, made.items, tmp_path, {"sources": {"mine": "fluorescence"}}, trainings=trainings
    )
    for (_, name), sigma in zip(trainings, (1.0, 3.0), strict=True):
        saved = weights(gaussian((20, 20, 20), sigma=sigma), LEARNED)
        save_weights(tmp_path / paths.model(TRACK, LEARNED, name), saved)
    assert "whose PSF is known here" in fig11(results, settings).texts[0].get_text()
    settings["differs"] = {
        "data.fluorescence.mine.numerical_aperture": 1.2,
        "data.fluorescence.mine.refractive_index": 1.33,
        "data.fluorescence.mine.wavelength": 0.52,
    }
    assert headings(fig11(results, settings))[0] == "told PSF"
    caption = fig11_caption(results, settings)
    assert "the told PSF of recorded (mine)" in caption
    assert "figure 5" not in caption
    assert "20 x 20 x 20 voxels" in caption
    assert f"{LEARNED} raw 707 nm" in caption  # of the training on recordings
