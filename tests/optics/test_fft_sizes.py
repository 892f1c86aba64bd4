"""Transform lengths."""

import bisect
import itertools
import math

from focusbench.optics.fft_sizes import cost, good_size


def test_good_size_is_the_next_smooth_even_one():
    powers = [[p**i for i in range(13)] for p in (2, 3, 5, 7)]
    products = {math.prod(factors) for factors in itertools.product(*powers)}
    smooth = sorted(n for n in products if n % 2 == 0 and n < 4400)
    assert good_size(0) == good_size(1) == 1
    for least in range(2, 4000):
        assert good_size(least) == smooth[bisect.bisect_left(smooth, least)]


def test_cost():
    assert [cost(n) for n in (1, 2, 8, 280, 271, 49)] == [1, 3, 7, 19, 272, 15]
