"""All samples that the package knows, by id: a literal table, read without importing any source.

Recordings of a user's own are not here: the configuration adds them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from itertools import groupby
from pathlib import Path

from focusbench.data import bbbc006_names, cytology_names
from focusbench.errors import InputError

PHANTOMS = ("ellipsoids", "vessels", "cell", "gyroid", "text")  # from easy to hard
# 18 volumes to learn from and one to choose with, as Lim et al. 2020; they test on one, we on five
MICROTUBULES = (
    *(f"microtubules_test{i}" for i in range(1, 6)),
    "microtubules_validation1",
    *(f"microtubules_train{i}" for i in range(1, 19)),
)
# fields of procedural nuclei: as many to test and to choose with as there are real ones at hand
NUCLEI = (
    *(f"nuclei_test{i}" for i in range(1, 10)),
    *(f"nuclei_validation{i}" for i in range(1, 10)),
    *(f"nuclei_train{i}" for i in range(1, 100)),
)
# fields of procedural smears: slides to learn from, to test on and to choose with
CYTOLOGY = tuple(
    cytology_names.name(slide, field)
    for slides in cytology_names.SPLIT.values()
    for slide in slides
    for field in range(1, 100)
)
DEFOCUS_PHANTOMS = ("beads", "ring", "cells")
BBBC006 = tuple(f"bbbc006_{field}" for field in bbbc006_names.ids())
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
        ("nuclei", "defocus"): NUCLEI,
        ("defocus_phantoms", "defocus"): DEFOCUS_PHANTOMS,
        ("bbbc006", "defocus", "refocus"): BBBC006,
        ("cytology", "refocus"): CYTOLOGY,
    }
    return {
        name: Sample(name, source, tuple(tracks))
        for (source, *tracks), ids in sources.items()
        for name in ids
    }


def names(track: str | None = None) -> list[str]:
    """Ids of the samples, of one track or of all."""
    return [name for name, sample in _table().items() if track is None or track in sample.tracks]


def has(name: str, track: str) -> bool:
    """Whether a track uses a sample of this package."""
    return name in _table() and track in _table()[name].tracks


def get(name: str) -> Sample:
    """Look a sample up by its id.

    Raises
    ------
    InputError
        Unknown id.
    """
    if name not in _table():
        raise InputError(f"unknown sample {name!r}{meant(name, _table())}; known: {told(_table())}")
    return _table()[name]


def told(ids: Iterable[str]) -> str:
    """Ids for a message, in their order; of more than three that differ in numbers, the ends."""
    shown = []
    for _, found in groupby(ids, lambda one: re.sub(r"[a-z]?[0-9]+", "#", one)):
        run = list(found)  # a letter before a number counts with it: rows of wells
        shown += run if len(run) <= 3 else [f"{run[0]} to {run[-1]}"]
    return ", ".join(shown)


def meant(name: str, ids: Iterable[str]) -> str:
    """Say for a message which id may have been meant; empty if none is close."""
    close = get_close_matches(name, list(ids), 1)
    return f" (did you mean {close[0]!r}?)" if close else ""
