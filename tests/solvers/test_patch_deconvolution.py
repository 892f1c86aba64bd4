"""Deconvolution of patches against scikit-image, scipy, and the blind solver on one patch."""

import numpy as np
import pytest
import torch
from scipy.signal import fftconvolve

from focusbench.errors import InputError
from focusbench.optics.field_blur import blur, shot_noise, steps
from focusbench.solvers import patch_deconvolution as patchwise
from focusbench.solvers.blind import blind
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid, cut, join

SHAPE, SIZE, PADDING = (40, 52), 16, 6
GRID = PatchGrid(SHAPE, SIZE)
pytestmark = pytest.mark.usefixtures("one_thread")
INNER = slice(PADDING, PADDING + SIZE)


def kernels():
    """Asymmetric, of levels 0 to 2."""
    values = np.random.default_rng(0).random((3, 5, 7)) ** 3
    values[0] = 0
    values[0, 2, 3] = 1
    return values / values.sum(axis=(1, 2), keepdims=True)


@pytest.fixture(scope="module")
def observed():
    rng = np.random.default_rng(1)
    field = 120 + 900.0 * (rng.random(SHAPE) > 0.95)
    return shot_noise(blur(field, kernels(), 1), rng)


def restored(observed, levels, **settings):
    return patchwise.depth_variant(observed, kernels(), levels, GRID, padding=PADDING, **settings)


def by_hand(patch, kernel, iterations):
    """Eq. 3 of the paper, from the observed image."""
    patch = patch.astype(np.float64)
    x = patch.copy()
    for _ in range(iterations):
        ratio = patch / np.maximum(fftconvolve(x, kernel, "same"), 1e-4)  # zeros beyond the field
        x = x * fftconvolve(ratio, kernel[::-1, ::-1], "same")
    return x


def levels_drawn(seed=3):
    return np.random.default_rng(seed).choice([BACKGROUND, 0, 1, 2], GRID.count)


def test_constants_of_the_paper():
    assert (patchwise.ITERATIONS, 84 + 2 * patchwise.PADDING) == (15, 110)
    assert set(patchwise.UNTOUCHED) == {BACKGROUND, 0}


def test_each_patch_is_the_paper_s_equation_with_its_own_kernel(observed):
    levels = levels_drawn()
    assert len(np.unique(levels)) == 4
    estimate = restored(observed, levels)
    patches = cut(observed, GRID, PADDING)
    expected = [
        by_hand(patch, kernels()[level], 15) if level > 0 else patch
        for patch, level in zip(patches, levels.ravel(), strict=True)
    ]
    assert estimate.dtype == np.float32
    np.testing.assert_allclose(estimate, join(expected, GRID), rtol=2e-4, atol=0.05)
    pairs = zip(_parts(estimate), _parts(observed), strict=True)
    changed = np.array([not np.array_equal(one, other) for one, other in pairs])
    np.testing.assert_array_equal(changed.reshape(GRID.count), levels > 0)


def _parts(field):
    """Those parts of a field that a single patch gives."""
    for rows in np.split(field, GRID.borders[0]):
        yield from np.split(rows, GRID.borders[1], axis=1)


def test_a_patch_is_what_scikit_image_gives(observed, monkeypatch):
    restoration = pytest.importorskip("skimage.restoration")
    from skimage.restoration import deconvolution

    patch = cut(observed, GRID, PADDING)[5].astype(np.float64)
    # its start is a constant; the paper's is the observed image
    monkeypatch.setattr(deconvolution.np, "full", lambda *_, **__: patch.copy())
    theirs = restoration.richardson_lucy(patch, kernels()[1], num_iter=15, clip=False)
    monkeypatch.undo()
    levels = np.zeros(GRID.count)
    levels.flat[5] = 1
    row, column = divmod(5, GRID.count[1])
    y, x = GRID.starts[0][row], GRID.starts[1][column]
    ours = restored(observed, levels)[y : y + SIZE, x : x + SIZE]
    np.testing.assert_allclose(ours, theirs[INNER, INNER], rtol=2e-4, atol=0.05)


def test_equal_levels_are_the_whole_field_s_where_patches_know_their_neighbours(observed):
    """One step looks no further than a kernel and its mirror image: within the padding."""
    estimate = restored(observed, np.ones(GRID.count), iterations=1)
    inside = (slice(8, -8), slice(8, -8))
    np.testing.assert_allclose(
        estimate[inside], by_hand(observed, kernels()[1], 1)[inside], rtol=1e-4
    )


def test_overlapping_patches(observed):
    grid = PatchGrid(SHAPE, SIZE, "triangular")
    levels = np.full(grid.count, 2)
    estimate = patchwise.depth_variant(observed, kernels(), levels, grid, padding=PADDING)
    expected = [by_hand(patch, kernels()[2], 15) for patch in cut(observed, grid, PADDING)]
    np.testing.assert_allclose(estimate, join(expected, grid), rtol=2e-4, atol=0.05)
    untouched = patchwise.depth_variant(observed, kernels(), levels * 0, grid)
    np.testing.assert_allclose(untouched, observed, rtol=1e-6)


def test_normalised_patches_end_brighter_at_the_faces(observed):
    levels = np.full(GRID.count, 2)
    one, two = (
        patchwise.richardson_lucy_patches(
            observed, kernels(), levels, GRID, padding=PADDING, normalise=normalise
        )
        for normalise in (False, True)
    )
    for iteration in (one, two):
        iteration.step()
    low, high = one.patches()[5], two.patches()[5]
    assert high[0].mean() > 1.2 * low[0].mean()
    np.testing.assert_allclose(low[INNER, INNER], high[INNER, INNER], rtol=1e-4)


def test_depth_invariant_is_one_kernel_for_all(observed):
    levels = levels_drawn()
    one = patchwise.depth_invariant(observed, kernels()[2], GRID, padding=PADDING)
    np.testing.assert_array_equal(one, restored(observed, np.full(GRID.count, 2)))
    one = patchwise.depth_invariant(observed, kernels()[2], GRID, padding=PADDING, levels=levels)
    known = np.where(levels == BACKGROUND, BACKGROUND, 2)
    np.testing.assert_array_equal(one, restored(observed, known))


def test_blind_is_the_blind_solver_on_each_patch(observed):
    levels = np.full(GRID.count, 2)
    levels[1, 2] = BACKGROUND
    estimate = patchwise.blind(observed, GRID, 4, psf=5, levels=levels, padding=PADDING)
    patches = cut(observed, GRID, PADDING).copy()
    for number, patch in enumerate(patches):
        if levels.flat[number] != BACKGROUND:
            patches[number] = blind(patch, (5, 5), 4).estimate
    np.testing.assert_allclose(estimate, join(patches, GRID), rtol=1e-5)
    given = patchwise.blind(observed, GRID, 1, psf=kernels()[1], padding=PADDING)
    assert not np.array_equal(given, patchwise.blind(observed, GRID, 1, psf=5, padding=PADDING))


def test_offset_is_taken_off_and_put_back(observed):
    levels = np.ones(GRID.count)
    light = np.maximum(observed - 100, 0)
    above = restored(observed, levels, offset=100)
    np.testing.assert_allclose(above, restored(light, levels) + 100, rtol=1e-5)
    assert above.min() >= 100
    blind_above = patchwise.blind(observed, GRID, 2, offset=100)
    np.testing.assert_allclose(blind_above, patchwise.blind(light, GRID, 2) + 100, rtol=1e-5)


def test_patches_without_light_stay(observed):
    half = observed.copy()
    half[:, 26:] = 0
    estimate = restored(half, np.ones(GRID.count))
    assert np.isfinite(estimate).all()
    assert not estimate[:, 40:].any()
    assert np.isfinite(patchwise.blind(half, GRID, 2, psf=5)).all()


@pytest.mark.parametrize("kind", ["richardson_lucy", "blind"])
def test_it_resumes_to_the_bit(observed, kind):
    def fresh():
        if kind == "blind":
            return patchwise.blind_patches(observed, GRID, padding=PADDING)
        return patchwise.richardson_lucy_patches(
            observed, kernels(), levels_drawn(), GRID, padding=PADDING
        )

    whole = fresh()
    losses = [whole.step() for _ in range(4)]
    assert losses[-1] < losses[0]
    first, second = fresh(), fresh()
    first.step()
    first.step()
    tensors, scalars = first.state()
    second.load({name: value.clone() for name, value in tensors.items()}, scalars)
    assert [second.step(), second.step()] == losses[2:]
    assert torch.equal(second.estimate(), whole.estimate())


def test_nothing_to_do_is_finished(observed):
    idle = patchwise.richardson_lucy_patches(observed, kernels(), np.zeros(GRID.count), GRID)
    assert idle.finished
    assert idle.step() == 0
    np.testing.assert_array_equal(idle.estimate().numpy(), observed)


def test_restoring_pays_and_a_wrong_level_costs():
    field = 100 + 900.0 * (np.random.default_rng(5).random(SHAPE) > 0.97)
    true = np.array([[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 2, 2]])
    seen = blur(field, kernels(), steps(SHAPE, [1, 2])) + 1e-3

    def error(image):
        return np.sqrt(np.mean((image - field) ** 2))

    right, wrong = (
        error(restored(seen, levels, iterations=60, beyond="mirror", offset=99))
        for levels in (true, 3 - true)
    )
    assert right < 0.6 * error(seen)
    assert right < 0.6 * wrong


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda o: restored(o[:-1], np.ones(GRID.count)), r"\(39, 52\); \(40, 52\) is needed"),
        (lambda o: restored(o, np.full(GRID.count, 3)), "levels: 3 is none"),
        (lambda o: restored(o * np.nan, np.ones(GRID.count)), "observation: NaN"),
        (lambda o: restored(o, np.ones(GRID.count), offset=1e5), "no value above 0"),
        (lambda o: restored(o, np.ones(GRID.count), offset=-1), "offset is -1"),
        (lambda o: restored(o, np.ones(GRID.count), iterations=1.5), "iterations is 1.5"),
        (lambda o: restored(o, np.ones(GRID.count), beyond="wrap"), "beyond is 'wrap'"),
        (lambda o: restored(o[None], np.ones(GRID.count)), r"real numbers \(y, x\) needed"),
        (lambda o: patchwise.blind(o, GRID, psf=0), "psf is 0"),
        (lambda o: patchwise.blind(o, GRID, psf=99), "larger than the image"),
    ],
)
def test_refused(observed, call, words):
    with pytest.raises(InputError, match=words) as error:
        call(observed)
    assert "\n" not in str(error.value)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_equals_cpu(observed):
    levels = levels_drawn()
    one, other = (restored(observed, levels, device=device) for device in ("cpu", "cuda"))
    np.testing.assert_allclose(one, other, rtol=1e-3, atol=0.1)
