"""All samples that the package knows, by id: a literal table, read without importing any source.

Recordings of a user's own are not here: the configuration adds them.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from focusbench.errors import InputError

PHANTOMS = ("ellipsoids", "vessels", "cell", "gyroid", "text")  # from easy to hard
# 18 volumes to learn from and one to choose with, as Lim et al. 2020; they test on one, we on five
MICROTUBULES = (
    *(f"microtubules_test{i}" for i in range(1, 6)),
    "microtubules_validation1",
    *(f"microtubules_train{i}" for i in range(1, 19)),
)
SCIVIS = Path(__file__).with_name("scivis.csv")


@dataclass(frozen=True)
class Sample:
    """A sample's id, the id of its source (`focusbench.data.TABLE`) and the tracks that use it."""

    id: str
    source: str
    tracks: tuple[str, ...]


@cache
def _table() -> dict[str, Sample]:
    with open(SCIVIS, newline="", encoding="utf-8") as file:
        volumes = [row["id"] for row in csv.DictReader(file)]
    sources = {
        ("phantoms", "multifocus"): PHANTOMS,
        ("scivis", "multifocus"): volumes,
        ("microtubules", "deconvolution"): MICROTUBULES,
    }
    return {
        name: Sample(name, source, (track,))
        for (source, track), ids in sources.items()
        for name in ids
    }


def names(track: str | None = None) -> list[str]:
    """Ids of the samples, of one track or of all."""
    return [name for name, sample in _table().items() if track is None or track in sample.tracks]


def get(name: str) -> Sample:
    """Look a sample up by its id.

    Raises
    ------
    InputError
        Unknown id.
    """
    if name not in _table():
        raise InputError(f"unknown sample {name!r}; known: {', '.join(_table())}")
    return _table()[name]
