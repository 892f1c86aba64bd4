"""Capital letters as strokes: polylines on a grid 4 wide and 6 high, y downwards."""

from __future__ import annotations

import numpy as np

WIDTH, HEIGHT = 4, 6
ADVANCE = 5.6  # from one letter to the next

# Each stroke is a chain of points, written as digits x y.
LETTERS: dict[str, str] = {
    "A": "06 20 46|14 34",
    "B": "00 06 36 45 44 33 03|33 42 41 30 00",
    "C": "41 30 10 01 05 16 36 45",
    "D": "00 06 26 44 42 20 00",
    "E": "40 00 06 46|03 33",
    "F": "40 00 06|03 33",
    "G": "41 30 10 01 05 16 36 45 43 23",
    "H": "00 06|40 46|03 43",
    "I": "20 26",
    "K": "00 06|40 03 46",
    "L": "00 06 46",
    "M": "06 00 23 40 46",
    "N": "06 00 46 40",
    "O": "10 01 05 16 36 45 41 30 10",
    "P": "06 00 30 41 42 33 03",
    "R": "06 00 30 41 42 33 03|23 46",
    "S": "41 30 10 01 02 13 33 44 45 36 16 05",
    "T": "00 40|20 26",
    "U": "00 05 16 36 45 40",
    "V": "00 26 40",
    "W": "00 16 23 36 40",
    "X": "00 46|40 06",
    "Y": "00 23 40|23 26",
    "Z": "00 40 06 46",
}


def letter(name: str) -> list[np.ndarray]:
    """Strokes of a letter, each (n, 2): x from 0 to 4, y from 0 to 6; none of a space."""
    if name == " ":
        return []
    chains = LETTERS[name].split("|")
    return [np.array([[int(x), int(y)] for x, y in chain.split()], float) for chain in chains]
