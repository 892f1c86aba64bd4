"""Restorers of defocused fields as methods: what they read of a problem, that they resume."""

from dataclasses import replace

import numpy as np
import pytest

from focusbench import methods
from focusbench.errors import InputError
from focusbench.images import Volume
from focusbench.methods.blind import Blind
from focusbench.methods.depth_invariant import DepthInvariant
from focusbench.methods.depth_variant_field import DepthVariantField
from focusbench.methods.depth_variant_rectangular import DepthVariantRectangular
from focusbench.methods.depth_variant_triangular import DepthVariantTriangular
from focusbench.optics.field_blur import blur, shot_noise
from focusbench.optics.level_maps import tilted_plane
from focusbench.problem import Noise
from focusbench.solvers import patch_deconvolution as patchwise
from focusbench.solvers.field_deconvolution import deconvolve_field, level_map
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid, levels_of_patches
from focusbench.tracks.defocus.problem import problem as stated
from focusbench.training.run import quick_run

SHAPE, PATCH, PADDING = (44, 60), 16, 4
PATCHES = (DepthVariantRectangular, DepthVariantTriangular)
DEPTH_VARIANT = (*PATCHES, DepthVariantField)
ALL = (*DEPTH_VARIANT, DepthInvariant, Blind)
OPTICS = {
    **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
    **{"pixel_size": 0.65, "step": 1.0, "levels": 4, "side": 21, "subsamples": 1},
    "convention": "standard",
}
pytestmark = pytest.mark.usefixtures("one_thread")


def grid(window):
    return PatchGrid(SHAPE, PATCH, window)


@pytest.fixture(scope="module")
def problem():
    """Dots on a tilted plane; the levels of its patches, of which one is background."""
    truth = 120 + 900.0 * (np.random.default_rng(1).random(SHAPE) > 0.95)
    plane = {"kind": "tilted", "lowest": 0, "highest": 3, "angle": 0, "background": [5]}
    noise = {"gaussian_sigma": 0.0, "quantisation_step": 0.0, "photons": 1.0, "power": 150.0}
    about = {"noise": noise, "levels": plane, "lens": {}}
    settings = {"optics": OPTICS, "patch": PATCH, "predictor": "oracle"}
    blank = Volume(np.full(SHAPE, 130, np.float32), "YX", (0.65, 0.65))
    psfs = stated(blank, "tilted_poisson", settings, about).forward.psfs
    seen = shot_noise(
        blur(truth, psfs, tilted_plane(SHAPE, 0, 3), offset=100), np.random.default_rng(2)
    )
    full = stated(Volume(seen, "YX", (0.65, 0.65)), "tilted_poisson", settings, about)
    told = {key: value for key, value in full.extras.items() if key != "level_map"}
    assert told["levels"].ravel()[5] == BACKGROUND
    return replace(full, extras=told)


def small(method, **settings):
    """A method of few steps, its padding for small patches."""
    if method is not DepthVariantField:
        settings = {"padding": PADDING, **settings}
    if method is Blind:
        settings = {"side": 3, **settings}
    return method(**{"iterations": 3, **settings})


def restore(method, problem):
    return method.restore(problem, quick_run())


def levels_in(problem, window):
    """Patches side by side are every other one of those at half steps, and the last."""
    told, fine, coarse = problem.extras["levels"], grid("triangular"), grid(window)
    rows, columns = (
        [list(there).index(one) for one in here]
        for there, here in zip(fine.starts, coarse.starts, strict=True)
    )
    return told[np.ix_(rows, columns)]


@pytest.mark.parametrize("method", PATCHES)
def test_patches_are_the_solver_s(problem, method):
    found = restore(small(method), problem)
    window = method.window
    expected = patchwise.depth_variant(
        *(problem.observed, problem.forward.psfs, levels_in(problem, window), grid(window), 3),
        padding=PADDING,
    )
    assert found.estimate.tobytes() == expected.tobytes()
    assert (found.iterations, found.evaluations) == (3, 3)
    better = small(method, offset=100.0, beyond="mirror", normalise=True)
    expected = patchwise.depth_variant(
        *(problem.observed, problem.forward.psfs, levels_in(problem, window), grid(window), 3),
        **{"padding": PADDING, "offset": 100.0, "beyond": "mirror", "normalise": True},
    )
    assert restore(better, problem).estimate.tobytes() == expected.tobytes()


def test_the_paper_s_settings_are_the_defaults():
    for method in (*PATCHES, DepthInvariant):
        made = method()
        assert (made.iterations, made.padding, made.offset) == (15, 13, 0)
        assert (made.beyond, made.normalise, made.predictor) == ("zeros", False, "delpnet")
    assert (Blind().iterations, Blind().offset, Blind().beyond) == (10, 0, "zeros")


def test_depth_invariant_uses_the_spot_in_focus_but_for_background(problem):
    levels = levels_in(problem, "rectangular")
    for predictor, known in (("oracle", levels), (None, None)):
        expected = patchwise.depth_invariant(
            *(problem.observed, problem.forward.in_focus, grid("rectangular"), 3),
            levels=known,
            padding=PADDING,
        )
        found = restore(small(DepthInvariant, predictor=predictor), problem)
        assert found.estimate.tobytes() == expected.tobytes()


def test_blind_is_told_the_background_alone(problem):
    dark = replace(problem, extras={**problem.extras, "levels": problem.extras["levels"] * 0 + 1})
    first = dark.extras["levels"]
    first[0, 0] = BACKGROUND
    found = restore(small(Blind), replace(dark, forward=None)).estimate  # no lens either
    expected = patchwise.blind(
        dark.observed,
        grid("rectangular"),
        3,
        psf=3,
        levels=levels_in(dark, "rectangular"),
        padding=PADDING,
    )
    assert found.tobytes() == expected.tobytes()
    np.testing.assert_array_equal(found[:PATCH, :PATCH], dark.observed[:PATCH, :PATCH])
    free = restore(small(Blind, predictor=None), replace(dark, extras={"patch": np.array(PATCH)}))
    assert not np.array_equal(free.estimate[:PATCH, :PATCH], dark.observed[:PATCH, :PATCH])


def test_the_field_is_its_solver_with_a_map_of_the_told_levels(problem):
    settings = {"acceleration": "nesterov", "offset": 100.0, "weight": 0.5, "spot": 0.7}
    told = level_map(problem.extras["levels"], grid("triangular"), 1)
    expected = deconvolve_field(problem.observed, problem.forward.psfs, told, None, 3, **settings)
    found = restore(small(DepthVariantField, **settings), problem)
    assert found.estimate.tobytes() == expected.tobytes()
    exact = tilted_plane(SHAPE, 0, 3)
    oracle = replace(problem, extras={**problem.extras, "level_map": exact})
    expected = deconvolve_field(problem.observed, problem.forward.psfs, exact, None, 3, **settings)
    assert restore(small(DepthVariantField, **settings), oracle).estimate.tobytes() == (
        expected.tobytes()
    )


def test_weight_follows_the_photons_of_a_count(problem):
    def of(noise, weight=0.5):
        method = small(DepthVariantField, weight=weight)
        return restore(method, replace(problem, noise=noise)).estimate

    same = of(Noise(photons=1.0))
    assert np.array_equal(same, of(None))
    assert np.array_equal(of(Noise(photons=4.0)), of(None, 0.25))
    assert np.array_equal(of(Noise(quantisation_step=1.0)), of(None, 0.0))
    assert not np.array_equal(same, of(None, 0.0))


@pytest.mark.parametrize("method", DEPTH_VARIANT)
def test_one_level_for_all_beyond_the_series_too(problem, method):
    alone = replace(problem, extras={"patch": np.array(PATCH)})
    beyond = restore(small(method, level=7), alone).estimate
    psf = problem.forward.at(7)
    if method is DepthVariantField:
        expected = deconvolve_field(
            *(problem.observed, psf[None], np.zeros(SHAPE), None, 3),
            **{"acceleration": "nesterov", "offset": 100.0, "weight": 0.65, "spot": 0.8},
        )
    else:
        of = grid(method.window)
        expected = patchwise.depth_variant(
            *(problem.observed, psf[None], np.zeros(of.count), of, 3),
            **{"padding": PADDING, "untouched": ()},
        )
    np.testing.assert_array_equal(beyond, expected)
    # whatever is told, background too
    assert np.array_equal(restore(small(method, level=7), problem).estimate, beyond)
    between = restore(small(method, level=1.5), alone).estimate
    assert not np.array_equal(between, restore(small(method, level=1), alone).estimate)
    untouched = restore(small(method, level=0), alone).estimate
    if method is not DepthVariantField:  # which takes its noise off
        np.testing.assert_allclose(untouched, problem.observed, rtol=1e-6)


@pytest.mark.parametrize("method", DEPTH_VARIANT)
def test_wrong_levels_are_restored_beside(problem, method):
    made = small(method, level_errors=[-1, 2], **({} if method in PATCHES else {"median": 0}))
    found = restore(made, problem)
    plain = restore(replace(made, level_errors=[]), problem)
    assert found.estimate.tobytes() == plain.estimate.tobytes()
    assert (found.iterations, found.evaluations) == (3, 9)
    assert list(found.others) == ["level-1", "level+2"]
    levels = problem.extras["levels"]
    for error, name in ((-1, "level-1"), (2, "level+2")):
        if method is DepthVariantField:
            wrong = np.clip(level_map(levels, grid("triangular")) + error, 0, 3)
            other = replace(problem, extras={**problem.extras, "level_map": wrong})
        else:
            wrong = np.where(levels < 0, BACKGROUND, np.clip(levels + error, 0, 3))
            other = replace(problem, extras={**problem.extras, "levels": wrong})
        expected = restore(replace(made, level_errors=[]), other).estimate
        assert found.others[name].tobytes() == expected.tobytes()
        assert found.others[name].tobytes() != found.estimate.tobytes()


@pytest.mark.parametrize("method", ALL)
def test_cut_off_at_any_step_gives_the_same_bytes(problem, restore_with_cuts, method):
    errors = {"level_errors": [1]} if method in DEPTH_VARIANT else {}
    made = small(method, iterations=4, **errors)
    whole, rows, _ = restore_with_cuts(made, problem)
    cut, rows_of_cut, attempts = restore_with_cuts(made, problem, cuts=(1, 3, 4))
    assert attempts == 4
    assert cut.estimate.tobytes() == whole.estimate.tobytes()
    assert {name: other.tobytes() for name, other in cut.others.items()} == {
        name: other.tobytes() for name, other in whole.others.items()
    }
    assert rows_of_cut == rows
    assert cut.iterations == whole.iterations == 4


def test_errors_are_restored_where_the_levels_told_ask_for_nothing(problem):
    """In focus no patch is worked on: the iteration is finished before its first step."""
    focus = replace(problem, extras={**problem.extras, "levels": problem.extras["levels"] * 0})
    found = restore(small(DepthVariantTriangular, level_errors=[1, -1]), focus)
    np.testing.assert_allclose(found.estimate, problem.observed, rtol=1e-6)
    np.testing.assert_allclose(found.others["level-1"], problem.observed, rtol=1e-6)
    ones = replace(focus, extras={**focus.extras, "levels": focus.extras["levels"] + 1})
    expected = restore(small(DepthVariantTriangular), ones).estimate
    assert found.others["level+1"].tobytes() == expected.tobytes()


def test_a_varying_field_is_restored_best_at_once():
    shape = (120, 150)
    rng = np.random.default_rng(3)
    y, x = np.ogrid[: shape[0], : shape[1]]
    truth = np.full(shape, 110.0)
    for at in rng.random((14, 2)) * shape:
        truth += 150 * (np.hypot(y - at[0], x - at[1]) < 6)
    levels = tilted_plane(shape, 0, 10)
    settings = {"optics": {**OPTICS, "step": 2.0, "levels": 11, "side": 41}, "patch": 40}
    about = {"noise": None, "levels": None, "lens": {}}
    volume = Volume(np.full(shape, 130, np.float32), "YX", (0.65, 0.65))
    lens = stated(volume, "tilted_poisson", settings, about)
    seen = shot_noise(blur(truth, lens.forward.psfs, levels, offset=100), rng)
    told = levels_of_patches(levels, PatchGrid(shape, 40, "triangular"))
    one = replace(
        lens, observed=seen, noise=Noise(photons=1.0), extras={"patch": 40, "levels": told}
    )

    def error(method):
        return np.sqrt(np.mean((restore(method, one).estimate - truth) ** 2))

    field = error(DepthVariantField())
    same = {"offset": 100.0, "beyond": "mirror", "normalise": True}
    for method in PATCHES:
        assert field < 0.8 * error(method(**same))
    assert field < 0.7 * np.sqrt(np.mean((seen - truth) ** 2))


@pytest.mark.parametrize("method", ALL)
def test_levels_that_nobody_told(problem, method):
    bare = replace(problem, extras={"patch": np.array(PATCH)})
    with pytest.raises(InputError, match="levels of the patches are not known; accepted") as error:
        restore(small(method), bare)
    assert method.name in str(error.value)
    assert "\n" not in str(error.value)
    other = replace(problem, extras={**problem.extras, "levels": np.zeros((2, 2), int)})
    with pytest.raises(InputError, match=r"levels: shape \(2, 2\)"):
        restore(small(method), other)


@pytest.mark.parametrize("method", [*DEPTH_VARIANT, DepthInvariant])
def test_a_lens_that_is_not_known(problem, method):
    with pytest.raises(InputError, match="the lens is not known"):
        restore(small(method), replace(problem, forward=None))


@pytest.mark.parametrize(
    ("method", "settings", "words"),
    [
        ("depth_variant_rectangular", {"level": -1}, "level is -1"),
        ("depth_variant_field", {"level": "deep"}, "level is 'deep'"),
        ("depth_variant_field", {"predictor": 3}, "predictor is 3"),
        ("depth_variant_triangular", {"level_errors": [0]}, r"level_errors is \[0\]"),
        ("depth_variant_triangular", {"level_errors": [0.5]}, r"whole numbers other than 0"),
        ("depth_variant_triangular", {"level_errors": [1, 1]}, "different whole numbers"),
        ("depth_variant_field", {"level_errors": [1], "level": 2}, "level null is accepted"),
        ("depth_variant_triangular", {"iterations": -1}, "iterations is -1"),
        ("depth_variant_triangular", {"beyond": "void"}, "beyond is 'void'"),
        ("depth_variant_triangular", {"normalise": 1}, "normalise is 1"),
        ("depth_invariant", {"padding": 1.5}, "padding is 1.5"),
        ("depth_invariant", {"level": 1}, "level"),
        ("blind", {"side": 0}, "side is 0"),
        ("blind", {"offset": -1}, "offset is -1"),
        ("depth_variant_field", {"boundary": "void"}, "boundary is 'void'"),
        ("depth_variant_field", {"acceleration": "biggs_andrews"}, "accepted: nesterov, null"),
        ("depth_variant_field", {"weight": -1}, "weight is -1"),
        ("depth_variant_field", {"median": -1}, "median is -1"),
    ],
)
def test_refused(method, settings, words):
    with pytest.raises(InputError, match=words) as error:
        methods.build(method, settings)
    assert "\n" not in str(error.value)


def test_by_their_ids():
    for method in ALL:
        assert isinstance(methods.build(method.name), method)
