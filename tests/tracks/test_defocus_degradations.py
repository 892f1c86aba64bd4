"""Ids of degradations, and where the true levels lie."""

import re

import numpy as np
import pytest

from focusbench import tracks
from focusbench.errors import InputError
from focusbench.solvers.patch_grid import BACKGROUND, PatchGrid
from focusbench.tracks.defocus import true_levels
from focusbench.tracks.defocus.degradations import ACCEPTED, Degradation, parse

SETTINGS = {
    "tilted": {"lowest": 0, "highest": 10, "angle": 30},
    "stepped": {"levels": [0, 4, 8]},
    "offmodel": {"level": 5.5, "subsamples": 9},
}


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("level00", Degradation("even", 0)),
        ("level10_poisson", Degradation("even", 10, poisson=True)),
        ("tilted", Degradation("tilted")),
        ("stepped_poisson", Degradation("stepped", poisson=True)),
        ("offmodel", Degradation("offmodel")),
        ("level05_na0.45", Degradation("even", 5, numerical_aperture=0.45)),
        ("level05_na1.2", Degradation("even", 5, numerical_aperture=1.2)),
        ("tilted_pixel0.60_poisson", Degradation("tilted", pixel_size=0.6, poisson=True)),
        ("offmodel_subsamples1", Degradation("offmodel", subsamples=1)),
        ("recorded", Degradation("recorded")),
    ],
)
def test_ids(name, meaning):
    assert parse(name) == meaning


@pytest.mark.parametrize(
    "name",
    [
        *("level4", "level11", "tilted_poisson_na0.45", "level05_na0", "level05_na0.45_pixel0.6"),
        *("poisson", "level05_pixel", "recorded_poisson", "level05_subsamples0", "Level05", ""),
    ],
)
def test_others_are_refused(name):
    with pytest.raises(InputError, match="unknown degradation") as error:
        parse(name)
    assert str(error.value).endswith(ACCEPTED)


def test_all_that_the_workflow_accepts_is_understood():
    pattern = re.compile(tracks.TABLE["defocus"].degradation)
    bases = ["level00", "level07", "level10", "level11", "tilted", "stepped", "offmodel"]
    models = ["", "_na0.4", "_na0.4444", "_na0.0", "_pixel0.60", "_pixel1", "_pixel2.5", "_pixel0"]
    models += ["_subsamples1", "_subsamples25", "_subsamples0"]
    accepted = 0
    for name in (f"{b}{m}{end}" for b in bases for m in models for end in ("", "_poisson")):
        if pattern.fullmatch(name):
            accepted += 1
            parse(name)
    assert accepted == 6 * 8 * 2


def test_what_of_the_lens_differs():
    assert parse("level05").lens == {}
    assert parse("level05_na0.45").lens == {"numerical_aperture": 0.45}
    assert parse("tilted_pixel0.60").lens == {"pixel_size": 0.6}


def test_maps():
    shape = (30, 40)
    plane = true_levels.level_map(true_levels.levels_of(parse("tilted"), SETTINGS), shape)
    assert plane.shape == shape
    assert (plane.min(), plane.max()) == (0, 10)
    assert plane[0, 0] == 0
    assert plane[-1, -1] == 10
    bands = true_levels.level_map(true_levels.levels_of(parse("stepped"), SETTINGS), shape)
    assert [len(set(column)) for column in bands.T] == [1] * 40
    assert np.unique(bands).tolist() == [0, 4, 8]
    even = true_levels.level_map(true_levels.levels_of(parse("level07_poisson"), SETTINGS), shape)
    assert (even == 7).all()
    assert even.shape == shape
    between = true_levels.level_map(true_levels.levels_of(parse("offmodel"), SETTINGS), shape)
    assert (between == 5.5).all()


def test_background_by_the_paper_s_rule():
    seen = np.full((40, 60), 120.0)
    seen[5, 5] = 149  # a range of 29: nothing is seen
    seen[30, 50] = 150  # a range of 30
    grid = PatchGrid(seen.shape, 20, "triangular")
    found = true_levels.background(seen, 20)
    lit = [
        row * grid.count[1] + column
        for row, y in enumerate(grid.starts[0])
        for column, x in enumerate(grid.starts[1])
        if y <= 30 < y + 20 and x <= 50 < x + 20
    ]
    assert lit
    assert sorted({*range(grid.count[0] * grid.count[1])} - {*found}) == lit
    assert true_levels.background(seen + 110, 20) == []  # a maximum of 230 and more


@pytest.mark.parametrize("shape", [(60, 84), (50, 71)])
def test_levels_of_patches_and_those_without(shape):
    wide = PatchGrid(shape, 20, "triangular")
    side = PatchGrid(shape, 20)
    levels = {**true_levels.levels_of(parse("stepped"), SETTINGS), "background": [0, 4]}
    told = true_levels.patch_levels(levels, wide)
    assert told.dtype == np.int64
    assert told.shape == wide.count
    assert np.flatnonzero(told == BACKGROUND).tolist() == [0, 4]
    mean = true_levels.level_map(levels, shape)[:20, 20:40].mean()
    assert told[0, 2] == round(mean)
    # side by side: the same patches, the fourth half step being the second whole one
    beside = true_levels.patch_levels(levels, side)
    assert np.argwhere(beside == BACKGROUND).tolist() == [[0, 0], [0, 2]]
    kept = np.isin(wide.starts[0], side.starts[0]), np.isin(wide.starts[1], side.starts[1])
    assert np.array_equal(beside, told[np.ix_(*kept)])


def test_background_beyond_the_patches_is_refused():
    levels = {**true_levels.even(3), "background": [400]}
    with pytest.raises(InputError, match="background patch 400"):
        true_levels.patch_levels(levels, PatchGrid((60, 60), 20))
