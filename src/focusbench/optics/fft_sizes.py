"""Transform lengths that a fast Fourier transform is fast at."""

from __future__ import annotations


def good_size(least: int) -> int:
    """Return the smallest even length of prime factors 2, 3, 5, 7 that is at least `least`.

    Even, so that a real transform of it packs into a complex one of half the length; 1 stays 1. On
    the libraries that were timed (MKL, pocketfft) lengths with a factor 11 or 13 took up to three
    times as long as the next one without.
    """
    if least <= 1:
        return 1
    size = least + least % 2
    while _rest(size) > 1:
        size += 2
    return size


def cost(length: int) -> int:
    """Sum of the prime factors: the operations of a transform per value, up to a constant."""
    total, factor = 1, 2  # 1: reading and writing, so that length 1 is not free
    while length > 1:
        if factor * factor > length:
            factor = length
        while length % factor == 0:
            total += factor
            length //= factor
        factor += 1
    return total


def _rest(size: int) -> int:
    for factor in (2, 3, 5, 7):
        while size % factor == 0:
            size //= factor
    return size
