"""Two halves of the aperture that share no ray."""

from dataclasses import replace

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.optics.ray_loops import render
from focusbench.optics.ray_paths import Geometry, path_lengths, ray_slopes


@pytest.mark.parametrize("grid", [2, 5, 6, 25])
def test_halves_part_the_rays(grid):
    whole = Geometry(aperture_grid=grid)
    even, odd = (ray_slopes(replace(whole, half=half)) for half in ("even", "odd"))
    together = {tuple(slope) for slope in np.concatenate([even, odd])}
    assert together == {tuple(slope) for slope in ray_slopes(whole)}
    assert len(even) + len(odd) == len(together)
    for half in even, odd:  # the linearised model relies on it
        assert {tuple(-slope) for slope in half} == {tuple(slope) for slope in half}


def test_mean_of_halves_is_the_whole():
    rng = np.random.default_rng(3)
    volume = rng.uniform(0.8, 1, (5, 12, 9)).astype(np.float32)
    whole = Geometry(n_slices=5, aperture_grid=7)
    halves = [replace(whole, half=half) for half in ("even", "odd")]
    rays = [path_lengths(half).ray[-1] + 1 for half in halves]
    images = [render(volume, half) for half in halves]
    assert abs(images[0] - images[1]).max() > 1e-3
    mean = np.average(images, axis=0, weights=rays)
    np.testing.assert_allclose(mean, render(volume, whole), atol=1e-6)


def test_bad_half():
    with pytest.raises(InputError, match="half is 'left'"):
        Geometry(half="left")
    with pytest.raises(InputError, match="no odd half"):
        Geometry(aperture_grid=1, half="odd")
