"""Skeletons against centre lines, on filaments whose answers are known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from focusbench.data import microtubules, worm_like_chain
from focusbench.errors import InputError
from focusbench.evaluation.filaments import filament_score, half_level, resampled

SHAPE = (24, 40, 60)
VOXEL = (0.1, 0.1, 0.1)
RADIUS = 0.15


def line(start, end):
    """Straight line between two points in um, a point every 0.05 um."""
    start, end = np.array(start, dtype=float), np.array(end, dtype=float)
    count = round(np.linalg.norm(end - start) / 0.05) + 1
    return start + np.linspace(0, 1, count)[:, None] * (end - start)


def along_x(z, y, first=-0.5, last=6.5):
    return line((z, y, first), (z, y, last))


def tubes(*lines, shape=SHAPE, voxel_size=VOXEL, radius=RADIUS):
    return worm_like_chain.draw_tubes(lines, shape, voxel_size, radius)


def test_what_is_there_is_found_and_nothing_else():
    lines = [along_x(1.2, 1.0), line((0.6, -0.5, 1.0), (1.9, 4.5, 5.0))]
    score = filament_score(tubes(*lines), lines, VOXEL)
    assert score.precision == 1
    assert score.recall > 0.98
    assert score.f1 == pytest.approx(2 * score.recall / (1 + score.recall))


def test_half_of_a_filament_is_half_the_recall():
    whole, half = along_x(1.2, 2.0), along_x(1.2, 2.0, last=2.95)
    score = filament_score(tubes(half), [whole], VOXEL)
    assert score.precision == 1
    assert score.recall == pytest.approx(0.5, abs=0.05)  # the rounded end and the tolerance
    assert score.f1 == pytest.approx(2 / 3, abs=0.05)


def test_a_filament_that_is_not_there_costs_precision():
    true, false = along_x(1.2, 1.0), along_x(1.2, 3.0)
    score = filament_score(tubes(true, false), [true], VOXEL)
    assert score.precision == pytest.approx(0.5, abs=0.02)
    assert score.recall > 0.98


def test_a_short_filament_costs_less_than_a_long_one():
    lines = [along_x(1.2, 1.0), line((0.6, 3.0, 2.0), (0.6, 3.0, 3.5))]  # 5.9 and 1.5 um inside
    score = filament_score(tubes(lines[0]), lines, VOXEL)
    assert score.recall == pytest.approx(6 / 7.5, abs=0.02)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize(("voxels", "found"), [(1, 1), (3, 0)])
def test_one_voxel_off_is_right_and_three_are_not(axis, voxels, found):
    shifted = np.roll(tubes(along_x(1.2, 2.0)), voxels, axis)
    score = filament_score(shifted, [along_x(1.2, 2.0)], VOXEL)
    assert score.precision == found
    assert score.recall == pytest.approx(found, abs=0.02)
    assert score.f1 == pytest.approx(found, abs=0.02)
    assert filament_score(shifted, [along_x(1.2, 2.0)], VOXEL, 0.35).f1 > 0.98


def test_distances_are_in_um():
    voxel_size = (0.4, 0.2, 0.1)
    lines = [along_x(4.8, 4.0)]
    volume = tubes(*lines, voxel_size=voxel_size, radius=0.4)
    assert filament_score(volume, lines, voxel_size).f1 > 0.98
    for axis, voxels, found in [(0, 1, 1), (0, 2, 0), (1, 2, 1), (1, 3, 0)]:
        moved = filament_score(np.roll(volume, voxels, axis), lines, voxel_size, 0.45)
        assert moved.f1 == pytest.approx(found, abs=0.02)


@pytest.mark.parametrize(
    ("voxel_size", "least"),
    # the last has voxels as wide as two thirds of a filament
    [(VOXEL, 0.97), ((0.2, 0.1, 0.1), 0.98), ((0.3, 0.1, 0.1), 0.98), ((0.1, 0.2, 0.1), 0.9)],
)
def test_the_generators_volumes_score_nearly_one(voxel_size, least):
    settings = {"shape": (32, 64, 96), "voxel_size": voxel_size, "filaments": 6, "radius": 0.15}
    settings |= {"persistence_length": 20.0, "planar_factor": 0.3}
    for sample in ("one", "two", "three"):
        volume = microtubules.volume(sample, settings)
        lines = microtubules.centre_lines(sample, settings)
        score = filament_score(volume, lines, voxel_size)
        assert score.precision > 0.99
        assert score.recall > least
        other = filament_score(volume, microtubules.centre_lines("four", settings), voxel_size)
        assert other.f1 < 0.4


def test_the_direction_of_a_filament_matters_little():
    rng = np.random.default_rng(0)
    shape, recalls = (40, 40, 40), []
    for heading in rng.normal(size=(30, 3)):
        middle, along = rng.uniform(1.8, 2.1, 3), 4 * heading / np.linalg.norm(heading)
        lines = [line(middle - along, middle + along)]
        score = filament_score(tubes(*lines, shape=shape), lines, VOXEL)
        assert score.precision == 1
        recalls.append(score.recall)
    assert min(recalls) > 0.85
    assert np.mean(recalls) > 0.98


def test_gain_and_offset_change_nothing():
    lines = [along_x(1.2, 1.0), along_x(0.7, 2.6)]
    rng = np.random.default_rng(0)
    volume = gaussian_filter(tubes(*lines), (3, 1.5, 1.5)) + rng.normal(0, 0.03, SHAPE)
    score = filament_score(volume, lines, VOXEL)
    assert 0 < score.f1 < 1
    assert filament_score(7 * volume, lines, VOXEL) == score
    assert filament_score(0.01 * volume + 300, lines, VOXEL) == score


def test_one_thin_filament_in_a_large_dark_volume():
    shape = (60, 120, 120)
    lines = [line((3.0, 6.0, 4.0), (3.0, 6.0, 7.0))]
    rng = np.random.default_rng(0)
    dim = 0.2 * tubes(*lines, shape=shape) + rng.normal(0, 0.01, shape)
    score = filament_score(dim, lines, VOXEL)  # 31 of 864,000 voxels are on the line
    assert score.precision > 0.9
    assert score.recall > 0.9


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_an_estimate_that_shows_nothing(value):
    score = filament_score(np.full(SHAPE, value), [along_x(1.2, 1.0)], VOXEL)
    assert score == (None, 0, 0)


def test_one_bright_voxel_is_no_filament():
    volume = np.zeros(SHAPE)
    volume[5, 5, 5] = 1
    assert filament_score(volume, [along_x(1.2, 3.0)], VOXEL) == (0, 0, 0)
    volume[12, 30, 20] = 1  # on the line
    score = filament_score(volume, [along_x(1.2, 3.0)], VOXEL)
    assert score.precision == 0.5
    assert 0 < score.recall < 0.1


@pytest.mark.parametrize("radius", [0.15, 0.35])
def test_a_thick_filament_is_found_up_to_the_faces(radius):
    lines = [along_x(1.2, 2.0)]
    assert filament_score(tubes(*lines, radius=radius), lines, VOXEL) == (1, 1, 1)


def test_what_lies_outside_need_not_be_found():
    lines = [along_x(1.2, 1.0), along_x(1.2, 9.0)]
    assert filament_score(tubes(lines[0]), lines, VOXEL).recall > 0.98
    assert filament_score(tubes(lines[0]), lines[1:], VOXEL) == (None, None, None)
    assert filament_score(tubes(lines[0]), [], VOXEL) == (None, None, None)


def test_filaments_that_touch_have_one_curve():
    def merged(apart):
        lines = [along_x(1.2, 2.0 - apart / 2), along_x(1.2, 2.0 + apart / 2)]
        return filament_score(tubes(*lines, radius=apart), lines, VOXEL)

    near, far = merged(0.3), merged(0.6)
    assert near.precision == 1  # 0.15 um from both: both are found
    assert near.recall > 0.98
    assert far.f1 == pytest.approx(0, abs=0.05)  # 0.3 um from both


def test_a_crossing_is_right():
    lines = [along_x(1.2, 2.0), line((1.2, -0.5, 3.0), (1.2, 4.5, 3.0))]
    score = filament_score(tubes(*lines), lines, VOXEL)
    assert score.precision == 1
    assert score.recall > 0.98


def test_a_small_gap_is_not_seen_and_a_large_one_is():
    whole = along_x(1.2, 2.0)
    volume = tubes(whole)
    volume[:, :, 30:32] = 0
    assert filament_score(volume, [whole], VOXEL).recall > 0.98
    volume[:, :, 25:37] = 0
    assert 48 / 60 <= filament_score(volume, [whole], VOXEL).recall <= 52 / 60


def test_the_half_level_is_between_ground_and_filaments():
    values = np.r_[np.full(900, 0.2), np.full(100, 0.8)]
    assert half_level(values, 50) == pytest.approx(0.5)
    hot = np.r_[values, 50.0, 60.0]
    assert half_level(hot, 50) == pytest.approx(0.5)
    assert half_level(np.arange(10.0), 10) == pytest.approx(4.5 / 2)
    assert half_level(np.arange(10.0), 1) == pytest.approx((4.5 + 9) / 2)


def test_resampling_gives_equal_steps_and_keeps_the_ends():
    bent = np.array([[0, 0, 0], [0, 0, 1], [0, 0, 1.01], [0, 2, 1.01]])
    points = resampled(bent, 0.1)
    assert len(points) == 32  # 3.01 in 31 steps
    assert points[[0, -1]] == pytest.approx(bent[[0, -1]])
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    assert steps.max() <= 0.1
    assert np.delete(steps, 10) == pytest.approx(3.01 / 31)  # one cuts the corner
    assert resampled(bent[:1], 0.1) == pytest.approx(bent[:1])


def test_an_uneven_line_counts_by_its_length():
    first, second = along_x(1.2, 2.0, 0, 2.95), along_x(1.2, 2.0, 3.0, 5.9)
    uneven = np.concatenate([first, second[::10]])
    score = filament_score(tubes(first), [uneven], VOXEL)
    assert score.recall == pytest.approx(0.5, abs=0.05)


def test_what_cannot_be_scored_is_refused():
    volume, lines = tubes(along_x(1.2, 1.0)), [along_x(1.2, 1.0)]
    with pytest.raises(InputError, match=r"estimate of shape \(24, 40\)"):
        filament_score(volume[:, :, 0], lines, VOXEL)
    with pytest.raises(InputError, match="NaN"):
        filament_score(np.full(SHAPE, np.nan), lines, VOXEL)
    with pytest.raises(InputError, match="voxel size"):
        filament_score(volume, lines, (0.1, 0.0, 0.1))
    with pytest.raises(InputError, match="tolerance"):
        filament_score(volume, lines, VOXEL, 0)
    for bad in (np.zeros((4, 2)), np.zeros((0, 3)), np.zeros(3), np.full((4, 3), np.inf)):
        with pytest.raises(InputError, match="centre line"):
            filament_score(volume, [bad], VOXEL)
