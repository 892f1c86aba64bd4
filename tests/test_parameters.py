"""What arguments are accepted, and the line that says so."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from focusbench.errors import InputError
from focusbench.parameters import (
    check_choice,
    check_parameters,
    check_positive,
    check_positive_or_0,
    check_switches,
    check_whole,
)


@dataclass
class Method:
    count: object = 1
    count_or_0: object = 0
    positive: object = 0.5
    positive_or_0: object = 0.0
    switch: object = True
    boundary: object = None

    def __post_init__(self):
        check_parameters(
            self,
            counts=("count",),
            counts_or_0=("count_or_0",),
            positive=("positive",),
            positive_or_0=("positive_or_0",),
        )
        check_switches(self, "switch")
        check_choice(self, "boundary", ("linear", "circular"), null="the problem's")


@pytest.mark.parametrize(
    ("field", "values", "accepted"),
    [
        ("count", (0, -1, 1.0, True, "1", None), "a whole number from 1 up is accepted"),
        ("count_or_0", (-1, 0.0, False, "0", None), "a whole number from 0 up is accepted"),
        ("positive", (0, -1.0, math.inf, math.nan, True, "1"), "a number above 0 is accepted"),
        (
            "positive_or_0",
            (-1e-9, math.inf, math.nan, False, "a", None, 1j, [1.0]),
            "0 or a number above is accepted",
        ),
        ("switch", (0, 1, "no", None), "true or false is accepted"),
        ("boundary", ("mirror", "", 0), "accepted: linear, circular, null (the problem's)"),
    ],
)
def test_what_is_refused_in_one_line(field, values, accepted):
    for value in values:
        with pytest.raises(InputError) as caught:
            Method(**{field: value})
        assert str(caught.value) == f"{field} is {value!r}; {accepted}"


def test_what_is_accepted():
    Method(count=2, count_or_0=3, positive=1, positive_or_0=2, switch=False, boundary="linear")
    for number in (1e-300, np.float32(0.5), np.float64(2), np.int64(3), Fraction(1, 3)):
        check_positive("x", number)
        check_positive_or_0("x", number)
    check_positive_or_0("x", 0)
    check_whole("n", 5, 5)
    with pytest.raises(InputError, match="n is 4; a whole number from 5 up is accepted"):
        check_whole("n", 4, 5)
