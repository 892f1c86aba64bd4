"""Made-up results of the refocus track in memory, for the tests of its curves."""

import math

import numpy as np
import pandas

from focusbench.images import Volume
from focusbench.paths import Restored
from focusbench.report.results import Results

STEP, PIXEL, PLANES = 2.7, 0.25, 5
HEIGHTS = [STEP * (plane - PLANES // 2) for plane in range(PLANES)]
VARIANTS = {
    "srgan_5": {"blocks": 5},
    "mfpinet_no_adversarial": {"adversarial_weight": 0.0},
}
SETTINGS = {
    "preset": "quick",
    "seed": 3,
    "variants": list(VARIANTS),
    "methods": VARIANTS,
    "sources": {},
    "track": {
        "seeds": [0],
        "cytology": {"z_step": STEP, "pixel_size": PIXEL, "planes": PLANES},
        "offmodel": {"sigma": 1.0, "electrons": 20000},
        "training": {"samples": ["cytology_s1_f1"], "validation": ["cytology_s6_f1"]},
    },
}


class Curves(Results):
    """Results whose files are not there.

    Parameters
    ----------
    items
        (sample, degradation, method), all of seed 0 unless a fourth tells it.
    table
        Item -> metrics.
    planes
        Item -> metric -> values of its planes.
    traces
        Method -> rows of (step, loss, psnr, seconds, cpu_seconds).
    stacks
        Sample, or item -> uint8 (planes, Y, X, 3).
    """

    def __init__(
        self, items, table=None, planes=None, *, traces=None, stacks=None, device="cpu", z=HEIGHTS
    ):
        items = [Restored(*(*item, 0)[:4]) for item in items]
        super().__init__("refocus", items, settings=SETTINGS)
        self.table, self.planes = table or {}, planes or {}
        self.traces, self.stacks, self.device, self.z = traces or {}, stacks or {}, device, z
        self.read = []

    def scores(self):
        rows = [
            {**item._asdict(), "repeatable": True, **self.table.get(item[:3], {})}
            for item in self.items
        ]
        return pandas.DataFrame(rows, columns=None if rows else [*Restored._fields, "repeatable"])

    def details(self, item):
        found = self.planes.get(item[:3])
        return {"planes": {"z": list(self.z), **found}} if found else {}

    def trainings(self):
        rows = [{"method": one, "training": "x", "device": self.device} for one in self.traces]
        return pandas.DataFrame(rows)

    def training_trace(self, method):
        columns = ["step", "loss", "psnr", "seconds", "cpu_seconds"]
        rows = self.traces.get(method)
        return None if rows is None else pandas.DataFrame(rows, columns=columns, dtype=float)

    def truth(self, sample):
        stack = self.stacks.get(sample)
        return None if stack is None else Volume(stack, "ZYXC", (STEP, PIXEL, PIXEL))

    def restored(self, item):
        self.read.append(item[:3])
        return Volume(self.stacks[item[:3]], "ZYXC", (STEP, PIXEL, PIXEL))


def all_of(samples, degradations, methods):
    """Items of seed 0."""
    return [(s, d, m) for s in samples for d in degradations for m in methods]


def trace(psnr, seconds=None, cpu=2.0):
    """Rows of a training; a `cpu` core-second a second."""
    seconds = [4.0 * 2**i for i in range(len(psnr))] if seconds is None else seconds
    return [
        (i + 1, 1 / (i + 1), math.nan if value is None else value, clock, cpu * clock)
        for i, (value, clock) in enumerate(zip(psnr, seconds, strict=True))
    ]


def texture(seed, side=48, planes=PLANES):
    """White noise on grey, uint8 (planes, side, side, 3)."""
    random = np.random.default_rng(seed)
    return random.integers(90, 166, (planes, side, side, 3), dtype=np.uint8)
