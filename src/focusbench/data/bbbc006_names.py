"""Names of the files of BBBC006: which field, wavelength and plane an image is of.

The collection's own files are `mcf-z-stacks-03212011_a01_s1_w1<uuid>.tif`, in a folder or archive
`BBBC006_v1_images_z_00` for each plane; some copies put `z00_` or `00_` before the name instead.
Single images in focus are known as `BBBC006_z_aligned__a01__s1__w1_10.png` (some of which are TIFF
files all the same; the last number is no plane's).
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import NamedTuple

WELL = r"(?P<row>[a-p])(?P<column>0[1-9]|1\d|2[0-4])"
STACKED = re.compile(
    rf"(?:z?_?(?P<plane>\d\d)_)?mcf-z-stacks-\d{{8}}_{WELL}_s(?P<site>[12])_w(?P<wavelength>[12])"
    r"(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?\.(?:tiff?|png)",
    re.IGNORECASE,
)
ALIGNED = re.compile(
    rf"BBBC006_z_aligned__{WELL}__s(?P<site>[12])__w(?P<wavelength>[12])_\d+\.(?:tiff?|png)",
    re.IGNORECASE,
)
FOLDER = re.compile(r"(?:BBBC006_v1_images_)?z_?(?P<plane>\d\d)(?:\.zip)?", re.IGNORECASE)
ARCHIVE = re.compile(r"BBBC006_v1_images_z_(?P<plane>\d\d)\.zip")
ACCEPTED = (
    "BBBC006_z_aligned__a01__s1__w1_10.png, z_16/mcf-z-stacks-03212011_a01_s1_w1<uuid>.tif, "
    "z16_mcf-z-stacks-03212011_a01_s1_w1<uuid>.tif"
)


class Name(NamedTuple):
    """What a file's name tells."""

    well: str  # a01 to p24
    site: int  # 1 or 2
    wavelength: int  # 1: Hoechst, 2: phalloidin
    plane: int | None  # None: in focus, no plane of a stack

    @property
    def field(self) -> str:
        """Such as a01_s1."""
        return f"{self.well}_s{self.site}"


def parse(path: str) -> Name | None:
    """Read a path, of which the name and the folder (or archive) count; None: no image of BBBC006.

    The plane of a stack's image comes from its name or, if that is silent, its folder's. An image
    whose plane neither tells is None too.
    """
    place = PurePosixPath(path)
    aligned = ALIGNED.fullmatch(place.name)
    found = aligned or STACKED.fullmatch(place.name)
    if found is None:
        return None
    plane = None
    if not aligned:
        folder = FOLDER.fullmatch(place.parent.name)
        told = found["plane"] or (folder and folder["plane"])
        if told is None:
            return None
        plane = int(told)
    well = found["row"].lower() + found["column"]
    return Name(well, int(found["site"]), int(found["wavelength"]), plane)


def ids() -> list[str]:
    """All 768 fields, a01_s1 to p24_s2."""
    wells = [f"{row}{column:02d}" for row in "abcdefghijklmnop" for column in range(1, 25)]
    return [f"{well}_s{site}" for well in wells for site in (1, 2)]
