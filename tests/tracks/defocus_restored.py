"""Made-up restorations of the defocus track in memory, for the tests of its pictures."""

import math

import numpy as np
import pandas

from focusbench.images import Volume
from focusbench.paths import Restored
from focusbench.report.results import Results
from focusbench.solvers.patch_grid import PatchGrid
from focusbench.training.level_map import BG, LevelMap

SHAPE, PATCH, PIXEL = (40, 56), 16, 0.65
VARIANTS = {
    "depth_variant_rectangular_oracle": {"predictor": "oracle"},
    "depth_variant_field_oracle": {"predictor": "oracle"},
    "depth_variant_field_poisson": {"predictor": "delpnet_poisson"},
    "field_32um": {"level": 16},
}
SETTINGS = {
    "preset": "quick",
    "seed": 7,
    "differs": {},
    "variants": list(VARIANTS),
    "methods": VARIANTS,
    "sources": {},
    "track": {
        "seeds": [0],
        "patch": PATCH,
        "optics": {
            **{"levels": 11, "step": 2.0, "subsamples": 5},
            **{"numerical_aperture": 0.5, "pixel_size": PIXEL},
        },
        "offmodel": {"level": 5.5, "subsamples": 9},
    },
}


def field(sample, shape=SHAPE):
    """Counts of smooth blobs, and sharp ones, on an offset of 100."""
    rng = np.random.default_rng(sum(map(ord, sample)))
    y, x = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 100.0)
    for middle_y, middle_x in rng.uniform(4, 36, (6, 2)):
        image += 800 * np.exp(-((y - middle_y) ** 2 + (x - middle_x) ** 2) / 18)
    return np.rint(image).astype(np.float32)


class Fields(Results):
    """Results whose files are not there.

    `table` maps items to their metrics; `told` and `others` map items to predicted levels and to
    metrics of further estimates; samples in `unknown` have no truth.
    """

    def __init__(self, items, table=None, *, told=None, others=None, unknown=(), patches=None):
        super().__init__("defocus", [Restored(*item) for item in items])
        self.table, self.told, self.others = table or {}, told or {}, others or {}
        self.unknown, self.patches = set(unknown), patches or {}

    def truth(self, sample):
        return None if sample in self.unknown else Volume(field(sample), "YX", (PIXEL, PIXEL))

    def observed(self, sample, degradation):
        return Volume(self.seen(sample), "YX", (PIXEL, PIXEL))

    def seen(self, sample):
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(field(sample), 2.0)

    def restored(self, item):
        """Between observation and truth; patches side by side leave a step."""
        truth, seen = field(item.sample), self.seen(item.sample)
        made = 0.5 * (truth + seen)
        if "rectangular" in item.method:
            made[16:32, 16:32] += 60
        return Volume(made.astype(np.float32), "YX", (PIXEL, PIXEL))

    def scores(self):
        rows = [
            {**item._asdict(), "repeatable": True, **self.table.get(tuple(item), {})}
            for item in self.items
        ]
        columns = [*Restored._fields, "repeatable"]
        return pandas.DataFrame(rows, columns=None if rows else columns)

    def details(self, item):
        return {"patches": self.patches[tuple(item)]} if tuple(item) in self.patches else {}

    def levels(self, predictor, sample, degradation, seed=0):
        levels = self.told.get((predictor, sample))
        if levels is None:
            return None
        grid = PatchGrid(SHAPE, PATCH, "triangular")
        corners = np.stack(np.meshgrid(*grid.starts, indexing="ij"), axis=-1).reshape(-1, 2)
        values = np.resize(np.asarray(levels, np.int64), len(corners))
        given = np.zeros((len(corners), 12), np.float32)
        given[np.arange(len(corners)), values] = 1  # BG is -1: the last
        return LevelMap(SHAPE, PATCH, corners, values, given)

    def record(self, item):
        return {"iterations": 15, "others": self.others.get(tuple(item), {})}

    def observation_record(self, sample, degradation):
        if degradation == "recorded":
            return {"noise": None, "levels": None}
        plane = {"kind": "tilted", "lowest": 0, "highest": 10, "angle": 0}
        return {"noise": None, "levels": {**plane, "background": []}}


def items(samples, degradations, methods):
    """All of them with seed 0."""
    return [(s, d, m, 0) for s in samples for d in degradations for m in methods]


def metrics(psnr=60.0, gain=1.0, **more):
    """Metrics of a score; the PSNR with the truth's own range is 36 dB lower."""
    return {
        "psnr_65535": psnr,
        "psnr_own": psnr - 36,
        "psnr_gain": gain,
        "ssim_65535": 0.99,
        "ssim_own": 0.8,
        "seam_excess": math.nan,
        **more,
    }


def patch_details(level, gain, ssim=0.9, seen=0.6, own=True):
    """Details of a score: one patch for each gain, and one of background that must not count."""
    count = len(gain)
    found = {
        "y": [0] * (count + 1),
        "x": [16 * i for i in range(count + 1)],
        "level": [level] * count + [BG],
        "psnr": [50 + one for one in gain] + [500.0],
        "psnr_observed": [50.0] * count + [0.0],
        "ssim": [ssim] * count + [0.0],
        "ssim_observed": [seen] * count + [1.0],
    }
    if own:
        found |= {
            "ssim_own": [ssim / 2] * (count + 1),
            "ssim_own_observed": [seen / 2] * (count + 1),
        }
    return found
