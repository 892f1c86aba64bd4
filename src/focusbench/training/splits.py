"""Which images are learned from, watched and tested on: by image, as published, or by field.

He et al. 2020, section 2.1: the "4191 synthetic images [...] were randomly split into training,
validation, and test sets with a ratio of 0.75: 0.15: 0.1". An image is a field at a level, so that
a field that is tested at one level was learned from at others: cells, noise and flaws of the camera
are known (a leak). Split by field, all levels of a field stay together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from focusbench.errors import InputError
from focusbench.training import seeds

SHARES = (0.75, 0.15, 0.10)
KINDS = ("image", "field")


class Image(NamedTuple):
    """A field at a defocus level."""

    field: str
    level: int


class Split(NamedTuple):
    """Images of each part, in the order of fields and levels."""

    train: tuple[Image, ...]
    validation: tuple[Image, ...]
    test: tuple[Image, ...]


def split(
    fields: Sequence[str],
    levels: Sequence[int],
    seed: int,
    by: str = "field",
    shares: Sequence[float] = SHARES,
) -> Split:
    """Divide every field at every level.

    What goes where follows from the seed and from the names alone, whatever their order. Where
    there are three or more to divide, each part gets one at least.

    Parameters
    ----------
    fields, levels
        Distinct names, and distinct levels.
    seed
        Another one gives other parts.
    by
        `image` (the paper's, which leaks) or `field`.
    shares
        Of training, validation and test; above 0, sum 1.

    Raises
    ------
    InputError
        No field or level, one that is named twice, another word, shares that are none.
    """
    for name, given in (("fields", fields), ("levels", levels)):
        if not given or len(set(given)) != len(given):
            raise InputError(f"split: {name} {list(given)!r}; one or more distinct are accepted")
    check_kind(by)
    _check_shares(shares)
    images = [Image(field, level) for field in fields for level in levels]
    units = [image if by == "image" else image[:1] for image in images]
    ordered = sorted(set(units), key=lambda unit: (seeds.derive(seed, "split", *unit), unit))
    first, second = _bounds(len(ordered), shares)
    rank = {unit: number for number, unit in enumerate(ordered)}
    parts: tuple[list[Image], ...] = ([], [], [])
    for image, unit in zip(images, units, strict=True):
        parts[(rank[unit] >= first) + (rank[unit] >= second)].append(image)
    return Split(*(tuple(part) for part in parts))


def check_kind(by: str) -> None:
    """Raise InputError unless `by` is a word that `split` accepts."""
    if by not in KINDS:
        raise InputError(f"split by {by!r}; accepted: {', '.join(KINDS)}")


def leaks(parts: Split) -> int:
    """Count the test images whose field is learned from at another level."""
    known = {image.field for image in parts.train}
    return sum(image.field in known for image in parts.test)


def _bounds(count: int, shares: Sequence[float]) -> tuple[int, int]:
    """Where validation and test begin among `count` units."""
    first = round(count * shares[0])
    second = round(count * (shares[0] + shares[1]))
    if count >= 3:
        second = min(max(second, 2), count - 1)
        first = min(max(first, 1), second - 1)
    return first, second


def _check_shares(shares: Sequence[float]) -> None:
    fine = len(shares) == 3 and all(share > 0 for share in shares)
    if not fine or not math.isclose(sum(shares), 1):
        raise InputError(
            f"shares {tuple(shares)!r}; three numbers above 0 that sum to 1 are accepted"
        )
