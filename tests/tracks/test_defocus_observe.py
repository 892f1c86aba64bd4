"""What a camera records of a field out of focus, and the fields themselves."""

import json

import numpy as np
import pytest
import tifffile
from scipy.signal import fftconvolve

from focusbench.data import nuclei
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics import field_blur, psf
from focusbench.optics.defocus_psf import half_width, kept, level_psfs
from focusbench.tracks.defocus import blurring, true_levels
from focusbench.tracks.defocus.level_optics import LIGHT, LevelOptics
from focusbench.tracks.defocus.nominal import noise_of
from focusbench.tracks.defocus.observe import observe
from focusbench.tracks.defocus.truth import truth

SHAPE = (90, 110)
OPTICS = {
    **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
    **{"pixel_size": 0.65, "step": 2.0, "levels": 11, "side": 31, "subsamples": 1},
    "convention": "standard",
}
LENS = {key: value for key, value in OPTICS.items() if key not in ("levels", "side", "step")}
SETTINGS = {
    "optics": OPTICS,
    "patch": 30,
    "tilted": {"lowest": 0, "highest": 10, "angle": 30},
    "stepped": {"levels": [0, 4, 8]},
    "offmodel": {"level": 5.5, "subsamples": 3},
    "nuclei": {"shape": list(SHAPE)},
    "pixel_size": 0.65,  # what `truth` is given of the optics
    "data": {},
}


@pytest.fixture(scope="module")
def field():
    return truth("nuclei_test1", "nuclei", SETTINGS)


def seen(field, degradation, **settings):
    observed, about = observe(
        field, "nuclei_test1", "nuclei", degradation, 0, {**SETTINGS, **settings}
    )
    assert json.loads(json.dumps(about, allow_nan=False)) == about
    return observed, about


def away(image, margin=16):
    return image[margin:-margin, margin:-margin]


def test_truths(field):
    assert field.array.dtype == np.float32
    assert field.axes == "YX"
    assert field.array.shape == SHAPE
    assert field.voxel_size == (0.65, 0.65)
    assert np.array_equal(field.array, nuclei.field("nuclei_test1", {"shape": SHAPE}))
    ring = truth("ring", "defocus_phantoms", SETTINGS)
    assert ring.array.shape == (84, 84)
    assert ring.array.min() == 100


def test_a_user_s_own_truth_and_recording(tmp_path):
    image = np.arange(2000, dtype=np.uint16).reshape(40, 50) + 100
    for name in ("seen", "sharp"):
        tifffile.imwrite(tmp_path / f"{name}.tif", image + (name == "sharp"))
    entry = {
        **{"path": str(tmp_path / "seen.tif"), "truth": str(tmp_path / "sharp.tif")},
        "pixel_size": 0.5,
    }
    true = truth("mine", "defocused", {**SETTINGS, "data": entry})
    assert np.array_equal(true.array, image + 1)
    assert true.voxel_size == (0.5, 0.5)
    observed, about = observe(true, "mine", "defocused", "recorded", 0, {"data": entry})
    assert np.array_equal(observed.array, image)
    assert observed.voxel_size == (0.5, 0.5)
    assert about["levels"] is None
    assert about["noise"] is None
    assert noise_of(about) is None
    told = {"data": {**entry, "level": 16}}
    _, about = observe(None, "mine", "defocused", "recorded", 0, told)
    assert (true_levels.level_map(about["levels"], (4, 5)) == 16).all()
    assert about["levels"]["background"] == []


def test_level_0_is_untouched(field):
    observed, about = seen(field, "level00")
    assert np.array_equal(observed.array, field.array)
    assert observed.array.dtype == np.float32
    assert observed.voxel_size == field.voxel_size
    noise = noise_of(about)
    assert noise.quantisation_step == 1
    assert np.isinf(noise.photons)


@pytest.mark.parametrize("level", [1, 4, 10])
def test_a_level_is_one_convolution(field, level):
    observed, about = seen(field, f"level{level:02d}")
    kernel = psf.born_wolf((31, 31, 31), (level * 2.0, 0.65, 0.65), **without_pixel())[16]
    expected = fftconvolve(field.array.astype(float), kernel / kernel.sum(), "same")
    assert np.abs(away(observed.array) - away(expected)).max() <= 0.5 + 1e-6
    assert np.array_equal(observed.array, np.rint(observed.array))
    assert (true_levels.level_map(about["levels"], SHAPE) == level).all()


def test_beyond_the_edges_is_a_mirror(field):
    observed, _ = seen(field, "level06")
    wide = np.pad(field.array.astype(float), 40, mode="symmetric")
    kernel = level_psfs([6], side=31)[0]
    expected = fftconvolve(wide, kernel, "same")[40:-40, 40:-40]
    assert np.abs(observed.array - expected).max() <= 0.5 + 1e-6


@pytest.mark.parametrize("kind", ["tilted", "stepped"])
def test_levels_that_vary(field, kind):
    """Each pixel's light is spread by its own kernel; the camera's offset is no light."""
    observed, about = seen(field, kind)
    levels = true_levels.level_map(about["levels"], SHAPE)
    assert levels.min() == 0
    assert levels.max() == (10 if kind == "tilted" else 8)
    kernels = level_psfs(range(11), side=31, in_focus="untouched")
    wide = np.pad(field.array.astype(float) - 100, 40, mode="symmetric")
    places = np.pad(levels, 40, mode="symmetric")
    expected = sum(
        fftconvolve(wide * np.maximum(0, 1 - np.abs(places - level)), kernel, "same")
        for level, kernel in enumerate(kernels)
    )
    assert np.abs(observed.array - 100 - expected[40:-40, 40:-40]).max() <= 0.5 + 1e-6


@pytest.mark.parametrize(("shape", "side"), [((40, 53), 9), ((40, 53), (8, 5)), ((12, 15), 31)])
def test_the_blur_is_that_of_the_restorers(shape, side):
    """Also with kernels of even sides, and with kernels wider than the field."""
    rng = np.random.default_rng(0)
    image = rng.uniform(100, 900, shape)
    kernels = rng.uniform(size=(3, *np.broadcast_to(side, 2)))
    kernels /= kernels.sum(axis=(1, 2), keepdims=True)
    levels = rng.uniform(0, 2, shape)
    expected = field_blur.blur(image, kernels, levels, offset=100.0)
    assert np.abs(blurring.blur(image, kernels, levels) - expected).max() < 1e-3
    expected = field_blur.blur(image, kernels, 1.0, offset=100.0)
    assert np.abs(blurring.blur(image, kernels[1:2], None) - expected).max() < 1e-3


def test_another_model(field):
    observed, about = seen(field, "offmodel")
    assert about["levels"]["level"] == 5.5
    fine = {**without_pixel(), "subsamples": 3}
    stack = psf.richards_wolf((3, 31, 31), (11.0, 0.65, 0.65), **fine)
    expected = fftconvolve(field.array.astype(float), stack[2] / stack[2].sum(), "same")
    assert np.abs(away(observed.array) - away(expected)).max() <= 0.5 + 1e-6
    nominal, _ = seen(field, "level05")
    assert np.abs(nominal.array - observed.array).max() > 5
    coarse, _ = seen(field, "offmodel_subsamples1")
    assert not np.array_equal(coarse.array, observed.array)


def test_in_focus_the_other_model_is_a_spot():
    optics = LevelOptics(OPTICS)
    spot = optics.vectorial(0)
    assert spot.sum() == pytest.approx(1)
    assert 0.5 < spot[15, 15] < 1


@pytest.mark.parametrize(
    ("end", "lens"),
    [
        ("na0.45", {"numerical_aperture": 0.45}),
        ("pixel0.60", {"pixel_size": 0.6}),
        ("subsamples5", {"subsamples": 5}),
    ],
)
def test_light_of_another_lens(field, end, lens):
    """Only the kernel differs: the pixel size that goes with the image is the nominal one."""
    observed, about = seen(field, f"level04_{end}")
    kernel = level_psfs([4], side=51, **{**LENS, **lens})[0]
    expected = fftconvolve(field.array.astype(float), kernel, "same")
    assert np.abs(away(observed.array, 30) - away(expected, 30)).max() < 1.5  # light off 31 px
    assert observed.voxel_size == (0.65, 0.65)
    assert about["lens"] == lens
    nominal, _ = seen(field, "level04")
    assert np.abs(away(nominal.array, 30) - away(expected, 30)).max() > 3


def test_photons(field):
    clean, _ = seen(field, "level04")
    noisy, about = seen(field, "level04_poisson")
    assert np.array_equal(noisy.array, np.rint(noisy.array))
    score = (noisy.array - clean.array) / np.sqrt(clean.array)
    assert abs(score.mean()) < 4 / np.sqrt(score.size)
    # the variance of a squared standard score is 2, but for 1 / mean more of a Poisson variable
    assert np.square(score).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / score.size))
    dark = clean.array < np.percentile(clean.array, 25)
    assert np.square(score[dark]).mean() == pytest.approx(1, abs=4 * np.sqrt(2 / dark.sum()))
    noise = noise_of(about)
    assert noise.photons == 1
    assert noise.quantisation_step == 0
    assert noise.power == pytest.approx(clean.array.mean(), rel=1e-3)


def test_the_same_seed_gives_the_same_counts(field):
    def draw(sample="a", degradation="level02_poisson", seed=0):
        return observe(field, sample, "nuclei", degradation, seed, SETTINGS)[0].array

    assert np.array_equal(draw(), draw())
    for other in (draw(sample="b"), draw(degradation="tilted_poisson"), draw(seed=1)):
        assert not np.array_equal(draw(), other)


def test_a_camera_ends_at_16_bits():
    bright = np.full((40, 40), 65500.0, np.float32)
    noisy, _ = seen(Volume(bright, "YX", (0.65, 0.65)), "level01_poisson")
    assert noisy.array.max() == 65535
    assert noisy.array.min() < 65400


def test_background_is_told_before_noise(field):
    empty = np.full(SHAPE, 120, np.float32)
    empty[:, 60:] = field.array[:, 60:]
    empty[45, 100] = 4000
    volume = Volume(empty, "YX", field.voxel_size)
    clean, about = seen(volume, "level02_poisson")
    assert about["levels"]["background"] == seen(volume, "level02")[1]["levels"]["background"]
    assert 0 in about["levels"]["background"]
    assert np.ptp(clean.array[:30, :30]) > 30  # with noise the rule would no longer say so


def test_kernels_of_a_lens():
    optics = LevelOptics(OPTICS)
    assert optics.psfs.shape == (11, 31, 31)
    assert optics.psfs[0].max() == 1
    assert optics.at(0).max() == 1
    assert optics.in_focus.max() < 1
    assert optics.in_focus.sum() == pytest.approx(1)
    assert optics.at(7) == pytest.approx(optics.psfs[7], abs=1e-12)
    between = optics.at(2.5)
    assert between.shape == (31, 31)
    assert between.sum() == pytest.approx(1)
    assert half_width(optics.psfs[2]) <= half_width(between) <= half_width(optics.psfs[3])
    far = optics.at(16)
    assert far.shape[0] == far.shape[1] > 31
    assert far.shape[0] % 2 == 1
    assert kept([16], side=far.shape[0])[0] >= LIGHT > kept([16], side=far.shape[0] - 10)[0]


def test_a_finer_pixel_takes_more_of_them():
    fine = LevelOptics({**OPTICS, "pixel_size": 0.325}, grows=True)
    side = fine.psfs.shape[1]
    assert side > 51
    assert kept([10], side=side, pixel_size=0.325)[0] >= LIGHT
    assert fine.in_focus.shape == (side, side)


@pytest.mark.parametrize(
    ("degradation", "settings", "words"),
    [
        ("level05_na1.2", {}, r"at level05_na1.2: PSF: numerical_aperture is 1.2 .* refractive"),
        ("tilted", {"tilted": {"lowest": 0, "highest": 12, "angle": 0}}, "0 to 12; accepted"),
        ("tilted", {"tilted": {"lowest": 0, "highest": 1e999, "angle": 0}}, "finite number"),
        ("stepped", {"stepped": {"levels": []}}, "0 levels"),
        ("offmodel", {"offmodel": {"level": -1, "subsamples": 1}}, "level"),
        ("level03", {"patch": 100}, "at least one patch"),
        ("level03", {"optics": {**OPTICS, "side": 30}}, "odd number"),
        ("level03", {"optics": {**OPTICS, "wavelength": 0}}, "wavelength"),
        ("blurred", {}, "unknown degradation 'blurred'"),
    ],
)
def test_refused(field, degradation, settings, words):
    with pytest.raises(InputError, match=words) as error:
        seen(field, degradation, **settings)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [np.full((40, 40), -1.0), np.full((40, 40), 7e4), np.ones(40)])
def test_counts_that_no_camera_has(wrong):
    with pytest.raises(InputError, match="counts from 0 to 65535"):
        seen(Volume(wrong, "YX", (0.65, 0.65)), "level03")


def test_a_level_that_spreads_too_far():
    with pytest.raises(InputError, match="a lower level is accepted"):
        LevelOptics({**OPTICS, "side": 291}).at(1000)


def without_pixel():
    keys = ("wavelength", "numerical_aperture", "refractive_index", "subsamples")
    return {key: OPTICS[key] for key in keys}
