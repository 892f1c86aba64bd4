"""Which frequencies rays see, and that no energy is lost in the split."""

import math

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.evaluation.missing_cone import error_map, split_error
from focusbench.optics.ray_paths import Geometry, ray_slopes

SHAPE = (32, 48, 44)
VOXEL = (0.5, 0.4, 0.6)
NA = 0.75


def wave(kz, ky, kx, shape=SHAPE, voxel_size=VOXEL):
    """Plane wave of a physical frequency (cycles per um), faded out towards the faces."""
    places = np.meshgrid(
        *((np.arange(n) + 0.5) * d for n, d in zip(shape, voxel_size, strict=True)), indexing="ij"
    )
    faded = math.prod(
        np.sin(np.pi * place / (n * d)) ** 2
        for place, n, d in zip(places, shape, voxel_size, strict=True)
    )
    phase = sum(k * place for k, place in zip((kz, ky, kx), places, strict=True))
    return 0.01 * faded * np.cos(2 * np.pi * phase)


def split_of(error, numerical_aperture=NA):
    return split_error(np.ones(SHAPE), 1 + error, VOXEL, numerical_aperture)


def test_the_parts_sum_to_the_whole():
    rng = np.random.default_rng(0)
    for shape in (SHAPE, (7, 9, 11), (1, 5, 4)):
        truth, estimate = 1 - 0.3 * rng.random(shape), 1 - 0.3 * rng.random(shape)
        split = split_error(truth, estimate, VOXEL, NA)
        error = split.error_seen + split.error_missing
        assert error == pytest.approx(((estimate - truth) ** 2).sum(), rel=1e-12)
        whole = split.truth_seen + split.truth_missing
        assert whole == pytest.approx(((truth - 1) ** 2).sum(), rel=1e-12)
        assert split.missing_share == pytest.approx(split.truth_missing / whole)
        found = error_map(truth, estimate, VOXEL)
        assert found.error.sum() <= error
        assert found.truth.shape == (len(found.axial_edges) - 1, len(found.lateral_edges) - 1)


def test_a_sine_along_z_lies_in_the_missing_cone_and_one_across_is_seen():
    along, across = split_of(wave(0.25, 0, 0)), split_of(wave(0, 0.3, 0.2))
    assert along.error_missing > 0.999 * (along.error_seen + along.error_missing)
    assert across.error_seen > 0.999 * (across.error_seen + across.error_missing)


def test_a_sine_along_z_across_the_whole_volume_too():
    z = (np.arange(SHAPE[0]) + 0.5) / SHAPE[0]
    split = split_of(np.broadcast_to(0.01 * np.sin(8 * np.pi * z)[:, None, None], SHAPE))
    assert split.error_missing > 0.95 * (split.error_seen + split.error_missing)


@pytest.mark.parametrize("numerical_aperture", [0.4, 0.6, 0.75])
def test_the_border_is_where_the_steepest_ray_runs_along_the_wave(numerical_aperture):
    slope = math.tan(math.asin(numerical_aperture))
    ky, kx = 0.4, 0.3  # 0.5 together
    for factor, seen in ((0.6, True), (1.5, False)):
        split = split_of(wave(factor * slope * 0.5, ky, kx), numerical_aperture)
        assert (split.error_seen > split.error_missing) == seen
        # the rays themselves: what one of them sums of a wave oscillates with k . (1, t), and only
        # where that is 0 for some slope t does the sum grow with the path
        slopes = ray_slopes(Geometry(numerical_aperture=numerical_aperture, aperture_grid=101))
        closest = np.abs(factor * slope * 0.5 + slopes @ (ky, kx)).min()
        assert (closest < 0.02) == seen


def test_decibels_are_relative_to_the_truth_of_the_same_region():
    truth = 1 + wave(0.25, 0, 0) + wave(0, 0.3, 0.2)
    estimate = truth + 0.1 * wave(0.25, 0, 0) + 0.01 * wave(0, 0.3, 0.2)
    split = split_error(truth, estimate, VOXEL, NA)
    assert split.missing_db == pytest.approx(-20, abs=0.1)
    assert split.seen_db == pytest.approx(-40, abs=0.1)
    exact = split_error(truth, truth, VOXEL, NA)
    assert exact.seen_db == exact.missing_db == -math.inf
    nothing = split_of(wave(0, 0.3, 0.2))
    assert math.isnan(nothing.seen_db)
    assert math.isnan(nothing.missing_share)


def test_nothing_wraps():
    """A slab at the last plane is no neighbour of the first: its place does not matter."""
    values = []
    for z in (0, SHAPE[0] // 2, SHAPE[0] - 1):
        error = np.zeros(SHAPE)
        error[z] = wave(0, 0.3, 0.2)[SHAPE[0] // 2]
        split = split_of(error)
        values.append(split.error_seen)
    assert values == pytest.approx([values[0]] * 3)


def test_the_map_puts_a_wave_at_its_frequency():
    kz, ky, kx = 0.25, 0.4, 0.3
    found = error_map(np.ones(SHAPE), 1 + wave(kz, ky, kx), VOXEL)
    i, j = np.unravel_index(found.error.argmax(), found.error.shape)
    assert found.axial_edges[i] <= kz <= found.axial_edges[i + 1]
    assert found.lateral_edges[j] <= 0.5 <= found.lateral_edges[j + 1]
    assert found.truth.sum() == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"estimate": np.ones((2, 3, 4))}, "equal shapes"),
        ({"estimate": np.full(SHAPE, np.inf)}, "NaN or infinity"),
        ({"voxel_size": (1.0, -1.0, 1.0)}, "voxel size"),
        ({"numerical_aperture": 1.0}, "numerical aperture"),
    ],
)
def test_bad_input_is_refused(change, words):
    arguments = {
        "truth": np.ones(SHAPE),
        "estimate": np.ones(SHAPE),
        "voxel_size": VOXEL,
        "numerical_aperture": NA,
    }
    with pytest.raises(InputError, match=words):
        split_error(**(arguments | change))
