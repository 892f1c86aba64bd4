"""Rows that cost nothing."""

import numpy as np
import pytest

from focusbench.methods.start import Start
from focusbench.methods.transparent import Transparent
from focusbench.optics.even_absorption import even_absorption
from focusbench.problem import Problem
from focusbench.training.run import quick_run


@pytest.fixture
def problem():
    observed = np.array([1.0, 0.5, 0.25, 0.001, 0.0, 0.9]).reshape(3, 1, 2).astype(np.float32)
    return Problem("multifocus", observed, "ZYX", (1.0, 0.92, 0.92))


def test_transparent_is_one_everywhere(problem):
    found = Transparent().restore(problem, quick_run())
    assert found.estimate.dtype == np.float32
    assert np.array_equal(found.estimate, np.ones((3, 1, 2)))
    assert (found.iterations, found.evaluations, found.repeatable) == (0, 0, True)


def test_start_is_the_root_of_each_image_pixel_by_pixel(problem):
    found = Start().restore(problem, quick_run())
    light = [1.0, 0.5, 0.25, 1 / 255, 1 / 255, 0.9]  # no light counts as one grey level
    assert found.estimate.dtype == np.float32
    np.testing.assert_allclose(found.estimate.ravel(), np.power(light, 1 / 3), rtol=1e-6)
    assert (found.iterations, found.evaluations, found.repeatable) == (0, 0, True)


def test_absorption_is_per_micrometre():
    light = np.full((5, 2, 2), 0.6)
    thin = even_absorption(light, z_step=0.25)
    np.testing.assert_allclose(thin ** (5 * 0.25), light, rtol=1e-6)


def test_light_above_the_empty_field_counts_as_empty_field():
    assert (even_absorption(np.full((2, 2, 2), 1.3), 1.0) == 1).all()
