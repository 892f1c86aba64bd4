"""The home of the Open SciVis volumes: https://klacansky.com/open-scivis-datasets.

Apart from `scivis`: what a volume is does not depend on how it was downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from focusbench.data import download, scivis
from focusbench.errors import InputError

HOME = "https://klacansky.com/open-scivis-datasets"
VARIABLE = "FOCUSBENCH_SCIVIS_URL"


def get(path: str | Path) -> str:
    """Download a volume, or check the one that is there; return its SHA-256.

    Parameters
    ----------
    path
        Where it is to be; the name is its home's, such as ``fuel_64x64x64_uint8.raw``. The
        environment variable FOCUSBENCH_SCIVIS_URL names a mirror with the same folders.

    Raises
    ------
    InputError
        No volume has this name, or it cannot be had as it should be (`download.fetch`).
    """
    path = Path(path)
    row = next((row for row in scivis.table().values() if row["file"] == path.name), None)
    if row is None:
        known = ", ".join(row["file"] for row in scivis.table().values())
        raise InputError(f"{path.name}: is no Open SciVis volume of this package; known: {known}")
    return download.fetch(
        address(row),
        path,
        scivis.named(path).size,
        row["sha256"] if row["sha256_may_differ"] == "no" else None,
        advice=f"or get {path.name} elsewhere and set {scivis.KEY} to the folder that holds it",
    )


def address(row: Mapping[str, str]) -> str:
    """Where a row of `scivis.csv` is downloaded from."""
    home = os.environ.get(VARIABLE) or HOME
    return home.rstrip("/") + row["url"].removeprefix(HOME)
