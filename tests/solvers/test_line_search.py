import math

import pytest

from focusbench.solvers.line_search import SHORTENING, shorter


def test_goes_to_the_minimum_of_the_parabola():
    # value -t + 2 t^2: slope -1 at 0, 1 at the end of the step; least at a quarter of it
    assert shorter(-1.0, 1.0) == pytest.approx(0.25)
    assert shorter(-3.0, 3.0) == pytest.approx(0.25)


def test_never_leaves_its_bounds():
    low, high = SHORTENING
    assert shorter(-1.0, 1e9) == low
    assert shorter(-1.0, -0.9) == high
    assert shorter(-1.0, math.inf) == shorter(-1.0, math.nan) == low
