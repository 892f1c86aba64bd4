"""The papers' values, as printed. See README.md in the folder `published` for their slips."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from focusbench.errors import InputError

if TYPE_CHECKING:
    from pandas import DataFrame

FOLDER = Path(__file__).resolve().parent / "published"
AVERAGE = "average"  # "sample" of a table's row of means


def names() -> list[str]:
    """Ids of the stored tables, such as "multifocus_table1"."""
    return sorted(path.stem for path in FOLDER.glob("*.csv"))


def values(name: str) -> DataFrame:
    """Return a stored table with its own columns, `sample` and `method` as this project's ids.

    Raises
    ------
    InputError
        There is no such table.
    """
    import pandas

    if name not in names():
        raise InputError(f"no published table {name!r}; known: {', '.join(names())}")
    return pandas.read_csv(FOLDER / f"{name}.csv")
