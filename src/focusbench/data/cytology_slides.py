"""How slides differ: stain, density, which cells lie on them, and at which depths.

A slide is drawn from its number alone, so that slides that were not trained on look like no other.
Four dyes of the Papanicolaou stain are bound to cells: haematein, light green, eosin and orange G;
the fifth, Bismarck brown, is not (Galbraith and Marshall 1984, Stain Technology 59). Their natural
absorbances in a camera's red, green and blue channels for an amount of 1 follow the published
directions of dyes of colour deconvolution (Ruifrok and Johnston 2001), made less pure, as a
camera's channels are as wide as the dyes' bands, and then chosen by eye: no slide was measured.
"""

from __future__ import annotations

import math
import zlib
from functools import lru_cache
from typing import NamedTuple

import numpy as np

STAINS = {
    "haematoxylin": (1.00, 0.92, 0.60),
    "green": (0.86, 0.33, 0.26),
    "eosin": (0.09, 0.80, 0.46),
    "orange": (0.05, 0.36, 0.98),
    "brown": (0.55, 0.75, 0.95),  # no stain: dirt and pigment
}
STAIN_SPREAD = 0.10  # of the absorbances from slide to slide, standard deviation of logarithms
# Cells of the squamous epithelium, from its surface to its depth, and what else lies on a slide.
# Shares of epithelial bodies as parameters of a gamma distribution: mean, and shape (evenness).
MIX = {
    "superficial": (0.30, 2.5),
    "intermediate": (0.46, 4.0),
    "anucleate": (0.03, 0.7),
    "parabasal": (0.07, 0.5),
    "metaplastic": (0.03, 0.6),
    "glandular": (0.012, 0.5),
    "koilocyte": (0.03, 0.5),
    "dysplastic": (0.02, 0.4),
}


class Style(NamedTuple):
    """A slide."""

    stains: dict[str, np.ndarray]  # name: (3,) absorbance per amount
    mix: dict[str, float]  # shares of epithelial bodies, sum 1
    cytoplasm: float  # strength of its stains over that of a usual slide
    nuclei: float
    orange: float  # share of superficial cells that are orange
    cover: float  # summed area of the cells over that of the slide
    clumping: float  # share of cells that lie on another one
    neutrophils: float  # in 100 x 100 um
    bacteria: float
    debris: float
    mucus: float
    depth: float  # um: standard deviation of the cells' depth
    focus: float  # um: where the cells lie, as the slide's focus was set
    background: np.ndarray  # (3,) grey values of the empty slide
    refraction: float  # phase over what a usual mountant leaves


@lru_cache(maxsize=64)
def style(slide: int) -> Style:
    """Draw a slide by its number, 1 or more."""
    rng = np.random.default_rng(zlib.crc32(f"cytology_s{slide}".encode()))

    def spread(sigma: float) -> float:
        return math.exp(float(np.clip(rng.normal(0, sigma), -2 * sigma, 2 * sigma)))

    stains = {
        name: np.array([value * spread(STAIN_SPREAD) for value in values])
        for name, values in STAINS.items()
    }
    shares = {name: rng.gamma(even, mean / even) for name, (mean, even) in MIX.items()}
    total = sum(shares.values())
    return Style(
        stains=stains,
        mix={name: share / total for name, share in shares.items()},
        cytoplasm=spread(0.22),
        nuclei=spread(0.15),
        orange=float(rng.beta(1.2, 7.0)),
        cover=float(rng.uniform(0.35, 0.75)),
        clumping=float(rng.uniform(0.15, 0.4)),
        neutrophils=min(float(rng.gamma(0.8, 2.6)), 10.0),
        bacteria=min(float(rng.gamma(0.4, 60.0)), 160.0),
        debris=float(rng.gamma(2.0, 7.0)),
        mucus=float(rng.gamma(0.7, 0.25)),
        depth=float(rng.uniform(1.3, 2.4)),
        focus=float(np.clip(rng.normal(0, 0.7), -1.4, 1.4)),
        background=np.array([241.0, 240.0, 239.0]) + rng.normal(0, 0.8, 3),
        refraction=spread(0.3),
    )
