"""Restoration of a whole field: its level map, its iteration, and what it gains over patches."""

import numpy as np
import pytest
import torch
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import convolve, gaussian_filter

from focusbench.errors import InputError
from focusbench.evaluation.seams import seam_excess
from focusbench.optics.defocus_psf import level_psfs
from focusbench.optics.field_blur import FieldBlur, blur, shot_noise, tilted_plane
from focusbench.solvers.field_deconvolution import FieldIteration, deconvolve_field, level_map
from focusbench.solvers.patch_deconvolution import depth_variant
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid, levels_of_patches
from focusbench.solvers.richardson_lucy import richardson_lucy

SHAPE = (45, 52)
pytestmark = pytest.mark.usefixtures("one_thread")


def kernels():
    """Asymmetric, of levels 0 to 2."""
    values = np.random.default_rng(0).random((3, 5, 7)) ** 3
    values[0] = 0
    values[0, 2, 3] = 1
    return values / values.sum(axis=(1, 2), keepdims=True)


def field(shape=SHAPE, seed=1):
    return 120 + 900.0 * (np.random.default_rng(seed).random(shape) > 0.95)


@pytest.mark.parametrize("window", ["rectangular", "triangular"])
def test_level_map_is_bilinear_between_the_middles_of_patches(window):
    grid = PatchGrid(SHAPE, 10, window)
    levels = np.random.default_rng(2).integers(0, 11, grid.count)
    made = level_map(levels, grid)
    reference = RegularGridInterpolator(grid.centres, levels)
    y, x = (
        np.clip(np.arange(n), centres[0], centres[-1])
        for n, centres in zip(SHAPE, grid.centres, strict=True)
    )
    expected = reference(np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1))
    np.testing.assert_allclose(made, expected, atol=1e-12)
    assert levels.min() <= made.min() <= made.max() <= levels.max()


def test_level_map_of_one_level_is_that_level_to_the_bit():
    grid = PatchGrid((520, 696))
    assert (level_map(np.full(grid.count, 10), grid) == 10).all()


def test_background_takes_the_levels_around_it():
    grid = PatchGrid((50, 50), 10)
    plane = np.add.outer(np.arange(5), np.arange(5))
    holes = plane.copy()
    holes[2, 2] = holes[2, 3] = holes[1, 2] = BACKGROUND
    np.testing.assert_allclose(level_map(holes, grid), level_map(plane, grid), atol=1e-9)
    lone = np.full((5, 5), BACKGROUND)
    lone[4, 0] = 7
    np.testing.assert_allclose(level_map(lone, grid), 7)
    assert not level_map(np.full((5, 5), BACKGROUND), grid).any()
    column = np.full((5, 5), BACKGROUND)
    column[:, 0], column[:, 4] = 0, 8
    centres = level_map(column, grid)[5, [5, 15, 25, 35, 45]]
    np.testing.assert_allclose(centres, [0.0, 1.8, 3.8, 5.8, 7.6], atol=0.6)


def test_a_median_of_levels_passes_over_a_wrong_one():
    grid = PatchGrid((60, 60), 10)
    levels = np.full(grid.count, 3)
    wrong = levels.copy()
    wrong[2, 3] = 9
    wrong[0, :] = wrong[4, 4] = BACKGROUND
    assert (level_map(wrong, grid, median=1) == 3).all()
    assert level_map(wrong, grid).max() > 8
    step = np.where(np.arange(6) < 3, 2, 8) * np.ones((6, 1), int)
    np.testing.assert_array_equal(level_map(step, grid, median=1), level_map(step, grid))


def test_levels_stay_in_their_range_between_background():
    """Solving for the levels of background may round to below 0, which no kernel has."""
    grid = PatchGrid((520, 696), 84, "triangular")
    levels = np.where(np.random.default_rng(0).random(grid.count) < 0.6, BACKGROUND, 0)
    levels[3, 4] = 10
    made = level_map(levels, grid)
    assert made.min() == 0
    assert made.max() < 10


def test_one_level_is_richardson_lucy_with_a_mirror():
    kernel, seen = kernels()[2], blur(field(), kernels(), 2)
    expected = seen.astype(np.float64)
    for _ in range(15):
        ratio = seen / convolve(expected, kernel, mode="reflect")
        expected = expected * convolve(ratio, kernel[::-1, ::-1], mode="reflect")
    grid = PatchGrid(SHAPE, 12)
    ours = deconvolve_field(seen, kernels(), np.full(grid.count, 2), grid)
    assert ours.dtype == np.float32
    inside = (slice(8, -8), slice(8, -8))  # there H^T 1 is 1 after a step, and stays near it
    np.testing.assert_allclose(ours[inside], expected[inside], rtol=0.02)
    solver = richardson_lucy(
        seen, FieldBlur(kernels(), 2, SHAPE), 15, start=seen.astype(np.float32)
    )
    np.testing.assert_allclose(ours, solver.estimate, rtol=1e-5)


def test_a_varying_field_is_restored_where_one_level_fails():
    levels = tilted_plane(SHAPE, 0, 2, 20)
    truth = field()
    seen = blur(truth, kernels(), levels)

    def error(used):
        estimate = deconvolve_field(seen, kernels(), used, iterations=60, offset=100)
        return np.sqrt(np.mean((estimate - truth) ** 2))

    unrestored = np.sqrt(np.mean((seen - truth) ** 2))
    right = error(levels)
    assert right < 0.6 * unrestored
    assert all(right < 0.7 * error(np.full(SHAPE, level)) for level in (0, 1, 2))


def blobs(shape=SHAPE, seed=5):
    rng = np.random.default_rng(seed)
    spots = np.zeros(shape)
    spots[rng.integers(0, shape[0], 9), rng.integers(0, shape[1], 9)] = 1
    wide = gaussian_filter(spots, 3)
    return 110 + 900 * np.clip(wide / wide.max() - 0.2, 0, 0.4)


def objective(observed, psfs, levels, u, offset, weight):
    """The sums of the module's head, in float64, its operators built anew."""
    observed = torch.from_numpy(np.asarray(observed, np.float64))
    forward = FieldBlur(psfs, levels, dtype=torch.float64)
    model = forward.apply(u) + offset
    total = (model - observed * model.log()).sum()
    if weight is None:
        return total.item()
    y, x = (torch.diff(u, dim=axis, append=u.narrow(axis, -1, 1)) for axis in (0, 1))
    return (total + (torch.from_numpy(weight) * (y**2 + x**2).sqrt()).sum()).item()


@pytest.mark.parametrize("weight", [0.0, 0.4])
def test_it_ends_at_the_least_of_the_objective(weight):
    levels = tilted_plane(SHAPE, 0, 2, 20)
    seen = shot_noise(blur(blobs(), kernels(), levels, offset=100), np.random.default_rng(6))
    t = None
    if weight:
        passed = np.sqrt(np.square(kernels()).sum(axis=(1, 2)))
        low, part = np.minimum(levels.astype(int), 1), levels - np.minimum(levels.astype(int), 1)
        root = (1 - part) * np.sqrt(passed[low]) + part * np.sqrt(passed[low + 1])
        t = weight * root / np.sqrt(gaussian_filter(seen.astype(np.float64), 2))

    def value(u):
        return objective(seen, kernels(), levels, u, 100, t)

    def ran(acceleration, *counts):
        iteration = FieldIteration(
            seen, kernels(), levels, acceleration=acceleration, offset=100, weight=weight
        )
        for count in counts:
            for _ in range(count):
                iteration.step()
            yield iteration.estimate().double() - 100

    start, early, late, end = ran(None, 0, 10, 40, 100)
    assert value(start) > value(early) > value(late) > value(end)
    assert end.min() == 0
    rng = np.random.default_rng(7)
    for size in (0.5, 3.0, 10.0):
        other = end + torch.from_numpy(size * gaussian_filter(rng.normal(size=SHAPE), size))
        assert value(other.clamp(min=0)) > value(end)
    (quick,) = ran("nesterov", 25)
    left = (value(quick) - value(end)) / (value(start) - value(end))
    assert -0.02 < left < 0.02  # without weight, faster than the plain steps that it is held to


def test_noise_is_smoothed_and_what_is_sharp_stays():
    truth, levels = gaussian_filter(blobs(), 1), tilted_plane(SHAPE, 0, 2, 20)
    seen = shot_noise(blur(truth, kernels(), levels, offset=100), np.random.default_rng(8))

    def error(**settings):
        estimate = deconvolve_field(
            seen, kernels(), levels, iterations=20, acceleration="nesterov", offset=100, **settings
        )
        assert estimate.min() >= 100
        return np.sqrt(np.mean((estimate - truth) ** 2))

    plain, smoothed, seen_sharp = error(), error(weight=0.5), error(weight=0.5, spot=0.8)
    unrestored = np.sqrt(np.mean((seen - truth) ** 2))
    assert smoothed < 0.6 * unrestored < 0.6 * plain
    assert seen_sharp < 0.95 * smoothed


def test_untouched_level_0_stays():
    seen = shot_noise(field(), np.random.default_rng(3))
    np.testing.assert_allclose(deconvolve_field(seen, kernels(), np.zeros(SHAPE)), seen, rtol=1e-4)


def test_no_seams_where_patches_have_them():
    shape = (230, 280)
    rng = np.random.default_rng(4)
    spots = np.zeros(shape)
    spots[rng.integers(0, 230, 60), rng.integers(0, 280, 60)] = 1
    truth = 120 + 2e5 * gaussian_filter(spots, 5)
    psfs = level_psfs(in_focus="untouched")
    levels = tilted_plane(shape, 4, 10)
    seen = shot_noise(blur(truth, psfs, levels), rng)
    grids = {window: PatchGrid(shape, 84, window) for window in ("rectangular", "triangular")}
    lines = grids["rectangular"]
    known = {window: levels_of_patches(levels, grid) for window, grid in grids.items()}
    excess = {
        window: seam_excess(depth_variant(seen, psfs, known[window], grid), truth, lines)
        for window, grid in grids.items()
    }
    excess["field"] = seam_excess(
        deconvolve_field(seen, psfs, known["rectangular"], lines), truth, lines
    )
    assert excess["rectangular"] > 0.5
    assert excess["triangular"] < 0.2
    assert abs(excess["field"]) < 0.1


def test_it_resumes_to_the_bit():
    seen, levels = blur(field(), kernels(), 2), tilted_plane(SHAPE, 0, 2)

    def fresh():
        return FieldIteration(
            seen, kernels(), levels, acceleration="nesterov", offset=100, weight=0.5, spot=0.8
        )

    whole, first, second = fresh(), fresh(), fresh()
    losses = [whole.step() for _ in range(5)]
    for _ in range(3):
        first.step()
    tensors, scalars = first.state()
    second.load({name: value.clone() for name, value in tensors.items()}, scalars)
    assert [second.step(), second.step()] == losses[3:]
    assert torch.equal(second.estimate(), whole.estimate())
    assert whole.estimate().min() >= 100


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: level_map([[1, 2]], PatchGrid((20, 20), 10)), "one for each patch"),
        (lambda: level_map([[1, 2], [0.5, 1]], PatchGrid((20, 20), 10)), "0.5 is none"),
        (lambda: deconvolve_field(field(), kernels(), np.zeros((4, 4))), r"\(45, 52\) is needed"),
        (lambda: deconvolve_field(field(), kernels(), np.full(SHAPE, 3)), "accepted are 0 to 2"),
        (
            lambda: deconvolve_field(field(), kernels(), [[1]], PatchGrid((20, 20), 20)),
            r"the patches are those of \(20, 20\)",
        ),
        (lambda: deconvolve_field(field() * np.inf, kernels(), np.zeros(SHAPE)), "NaN or inf"),
        (lambda: deconvolve_field(field(), kernels(), np.zeros(SHAPE), offset=2000), "no value"),
        (lambda: deconvolve_field(field(), kernels(), np.zeros(SHAPE), iterations=-1), "is -1"),
        (lambda: deconvolve_field(field(), kernels(), np.zeros(SHAPE), weight=-1), "weight is -1"),
        (lambda: deconvolve_field(field(), kernels(), np.zeros(SHAPE), spot=-1), "spot is -1"),
        (
            lambda: deconvolve_field(field(), kernels(), np.zeros(SHAPE), acceleration="fast"),
            "'fast'; accepted: None",
        ),
        (lambda: level_map([[1, 2], [0, 1]], PatchGrid((20, 20), 10), -1), "median is -1"),
    ],
)
def test_refused(call, words):
    with pytest.raises(InputError, match=words) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu():
    seen, levels = blur(field(), kernels(), 2), tilted_plane(SHAPE, 0, 2)
    one, other = (deconvolve_field(seen, kernels(), levels, device=d) for d in ("cpu", "cuda"))
    np.testing.assert_allclose(one, other, rtol=1e-3)
