"""Names of synthetic cytology fields, and which slides are for what."""

from __future__ import annotations

import re

from focusbench.errors import InputError

SPLIT = {"train": (1, 2, 3), "test": (4, 5), "validation": (6,)}
"""Slides: three to learn from and two to test on, as Ma et al. 2021; one more to choose with."""
SAMPLE = re.compile(r"cytology_s([1-9]\d{0,3})_f([1-9]\d{0,5})")


def name(slide: int, field: int) -> str:
    """Id of a field of a slide, both from 1."""
    return f"cytology_s{slide}_f{field}"


def parse(sample: str) -> tuple[int, int]:
    """Slide and field of an id.

    Raises
    ------
    InputError
        Not an id of such a field.
    """
    found = SAMPLE.fullmatch(sample)
    if found is None:
        raise InputError(
            f"cytology: unknown sample {sample!r}; accepted are cytology_s1_f1 and so on: slide s1 "
            "to s9999, field f1 to f999999"
        )
    return int(found[1]), int(found[2])
