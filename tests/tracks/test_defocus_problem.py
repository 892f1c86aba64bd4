"""What a method is told of an observation, and what not."""

import json
import subprocess
import sys

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.optics.defocus_psf import level_psfs
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid
from focusbench.tracks.defocus import true_levels
from focusbench.tracks.defocus.problem import problem
from focusbench.training.level_map import LevelMap, corners

SHAPE, PATCH = (60, 84), 20
OPTICS = {
    **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
    **{"pixel_size": 0.65, "step": 2.0, "levels": 5, "side": 21, "subsamples": 1},
    "convention": "standard",
}
SETTINGS = {"optics": OPTICS, "patch": PATCH}
GRID = PatchGrid(SHAPE, PATCH, "triangular")
OBSERVED = Volume(np.full(SHAPE, 130, np.float32), "YX", (0.65, 0.65))
SHOT = {"gaussian_sigma": 0.0, "quantisation_step": 0.0, "photons": 1.0, "power": 130.0}
LEVELS = {"kind": "tilted", "lowest": 0, "highest": 4, "angle": 0, "background": [1, 20]}
ABOUT = {"noise": SHOT, "levels": LEVELS, "lens": {}}


def told(shape=SHAPE, side=PATCH, stride=PATCH // 2):
    places = corners(shape, side, stride)
    levels = np.arange(len(places)) % 5 - 1
    return LevelMap(shape, side, places, levels, np.zeros((len(places), 6), np.float32))


def test_without_a_predictor_nothing_is_told_of_levels():
    stated = problem(OBSERVED, "tilted_poisson", SETTINGS, ABOUT)
    assert stated.extras == {"patch": PATCH}
    assert (stated.track, stated.axes, stated.voxel_size) == ("defocus", "YX", (0.65, 0.65))
    assert stated.observed is OBSERVED.array
    assert (stated.noise.photons, stated.noise.power) == (1.0, 130.0)


def test_a_predictor_tells_levels_of_patches_and_no_more():
    stated = problem(
        OBSERVED, "tilted_poisson", {**SETTINGS, "predictor": "delpnet"}, ABOUT, told()
    )
    assert list(stated.extras) == ["patch", "levels"]
    assert stated.extras["levels"].dtype == np.int64
    assert np.array_equal(stated.extras["levels"], told().levels.reshape(GRID.count))
    other = {**ABOUT, "levels": {**LEVELS, "highest": 1, "background": []}}
    again = problem(OBSERVED, "tilted_poisson", {**SETTINGS, "predictor": "delpnet"}, other, told())
    assert np.array_equal(again.extras["levels"], stated.extras["levels"])  # whatever is true


def test_a_method_may_ask_for_no_levels_of_its_predictor():
    settings = {**SETTINGS, "predictor": "delpnet"}
    assert problem(OBSERVED, "tilted", settings, ABOUT).extras == {"patch": PATCH}


def test_the_oracle_tells_what_is_true():
    stated = problem(OBSERVED, "tilted_poisson", {**SETTINGS, "predictor": "oracle"}, ABOUT)
    assert set(stated.extras) == {"patch", "levels", "level_map"}
    exact, levels = stated.extras["level_map"], stated.extras["levels"]
    assert exact.dtype == np.float64
    assert np.array_equal(exact, true_levels.level_map(LEVELS, SHAPE))
    assert np.flatnonzero(levels == BACKGROUND).tolist() == [1, 20]
    assert levels[2, 0] == np.floor(exact[20:40, :20].mean() + 0.5)
    assert levels.max() <= 4


def test_an_oracle_of_a_recording():
    settings = {**SETTINGS, "predictor": "oracle"}
    known = {"noise": None, "levels": {**true_levels.even(16), "background": []}}
    stated = problem(OBSERVED, "recorded", settings, known)
    assert (stated.extras["levels"] == 16).all()
    assert stated.noise is None
    with pytest.raises(InputError, match=r"no true level is known .* accepted: `level`") as error:
        problem(OBSERVED, "recorded", settings, {"noise": None, "levels": None})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("wrong", [told(side=10, stride=5), told((60, 85)), told(stride=20)])
def test_levels_of_other_patches_are_refused(wrong):
    with pytest.raises(InputError, match="predictor vgg16: levels of") as error:
        problem(OBSERVED, "level03", {**SETTINGS, "predictor": "vgg16"}, ABOUT, wrong)
    assert "\n" not in str(error.value)


def test_methods_are_told_the_nominal_lens():
    stated = problem(OBSERVED, "level03_na0.40_poisson", SETTINGS, ABOUT)
    expected = level_psfs(range(5), side=21, in_focus="untouched")
    assert np.array_equal(stated.forward.psfs, expected)
    assert np.array_equal(stated.forward.in_focus, level_psfs([0], side=21)[0])
    assert stated.forward.at(9).shape[0] > 21


def test_a_recording_has_its_own_lens_and_pixels():
    mine = Volume(OBSERVED.array, "YX", (0.5, 0.5))
    settings = {**SETTINGS, "numerical_aperture": 0.4, "wavelength": 0.6, "pixel_size": None}
    forward = problem(mine, "recorded", settings, {"noise": None, "levels": None}).forward
    side = forward.psfs.shape[1]
    lens = {"numerical_aperture": 0.4, "wavelength": 0.6, "pixel_size": 0.5}
    assert np.array_equal(forward.psfs[1:], level_psfs(range(1, 5), side=side, **lens))
    with pytest.raises(InputError, match=r"numerical_aperture is 1.1 and refractive_index 1;"):
        wrong = {**SETTINGS, "numerical_aperture": 1.1}
        _ = problem(mine, "recorded", wrong, {"noise": None, "levels": None}).forward.psfs


def test_stages_that_need_no_torch_do_not_load_it():
    stages = ("truth", "observe", "problem", "score", "iterates")
    code = "; ".join(f"import focusbench.tracks.defocus.{stage}" for stage in stages)
    code += "; import sys, json; print(json.dumps('torch' in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) is False
