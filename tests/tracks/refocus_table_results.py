"""Made-up results of the refocus track in memory, for the tests of its tables."""

import math

import numpy as np
import pandas

from focusbench.paths import Restored
from focusbench.report.results import ORIGINS, Results

FIELDS = tuple(f"cytology_s{4 + i // 3}_f{1 + i % 3}" for i in range(6))  # of slides 4 and 5
STEP, PLANES = 2.7, 11
LOWRES = ("bicubic", "linear_per_plane", "srgan", "srgan_5", "mfpinet", "refocus_naf")
HIGHRES = ("bicubic", "mfpinet_hr_input", "deep_z")
GAIN = {  # dB over bicubic, on average
    **{"bicubic": 0.0, "linear_per_plane": 1.0, "srgan": 1.9, "srgan_5": 1.5, "mfpinet": 3.0},
    **{"refocus_naf": 3.5, "mfpinet_hr_input": 4.0, "deep_z": 3.6},
}
ONE_PLANE = ("srgan", "srgan_5")
OF_A_PLANE = ("psnr", "ssim", "mse", "mae", "nuclear_absorbance", "nuclear_iod")


class MadeUp(Results):
    """Results whose files are not there: what they would hold is given."""

    def __init__(self, items=(), timed=None, trained=(), **content):
        super().__init__(
            "refocus", [Restored(*item) for item in items], timed=timed, trainings=trained
        )
        self.content = content

    def scores(self):
        start = {"repeatable": True, **dict.fromkeys(ORIGINS, "0")}
        known = self.content.get("scores") or {}
        rows = [{**i._asdict(), **start, **metrics(known[i])} for i in self.items]
        return pandas.DataFrame(rows)

    def details(self, item):
        planes = (self.content.get("scores") or {}).get(item)
        return {} if planes is None else {"planes": planes, "nuclei": 12}

    def network_times(self):
        return self.content.get("times", {})

    def trainings(self):
        steps = {"steps": 300, "seconds": 41.0}
        return pandas.DataFrame([{"method": m, "training": t, **steps} for m, t in self.trained])

    def record(self, item):
        return {"iterations": 0, "evaluations": 0, "peak_memory_bytes": 2**28}

    def timings(self):
        one = {
            **{"seconds_per_step": None, "steps": 0, "seconds": 0.5, "cpu_seconds": 0.5},
            **{"device": "cpu", "threads": 1, "load_before": 0.1, "measured_steps": 0},
        }
        return pandas.DataFrame([{**item._asdict(), **one} for item in self.timed])


def planes(item, field):
    """Values of every plane as score files hold them; the order of methods is that of GAIN."""
    rng = np.random.default_rng([field, sum(map(ord, item.degradation + item.method))])
    fine = item.degradation.startswith("highres")
    z = [0.0] if item.method in ONE_PLANE else [STEP * (p - PLANES // 2) for p in range(PLANES)]
    found = {"z": z, **{key: [] for key in OF_A_PLANE}}
    for height in z:
        level = 34 + field / 2 + 2 * fine - 0.4 * abs(height) + 0.05 * rng.normal()
        psnr = level + GAIN.get(item.method, 2.5)
        exact = fine and item.method == "bicubic" and not height
        mse = 0.0 if exact else 255**2 * 10 ** (-psnr / 10)
        values = (
            *("inf" if exact else psnr, 1 - mse / 500, mse, math.sqrt(mse) / 2),
            *(mse / 1000, None if height == z[0] != 0 else mse / 2),
        )
        for key, value in zip(OF_A_PLANE, values, strict=True):
            found[key].append(value)
    return found


def metrics(of):
    """Metrics of a score file, from the values of its planes."""
    middle = len(of["z"]) // 2
    result = {"rms_residual": 1.5}
    for key in OF_A_PLANE:
        values = [math.nan if v is None else float(v) for v in of[key]]
        known = [v for v in values if not math.isnan(v)]
        rest = [v for v in (*values[:middle], *values[middle + 1 :]) if not math.isnan(v)]
        result[f"{key}_middle"] = values[middle]
        result[key] = sum(known) / len(known) if rest else math.nan
        result[f"{key}_others"] = sum(rest) / len(rest) if rest else math.nan
    return result


def run(
    degradations=("lowres", "highres"), fields=FIELDS, lowres=LOWRES, highres=HIGHRES, **content
):
    """A run of the main grid, or of a study."""
    items = [
        Restored(sample, degradation, method, 0)
        for degradation in degradations
        for sample in fields
        for method in (highres if degradation.startswith("highres") else lowres)
    ]
    scores = {item: planes(item, FIELDS.index(item.sample)) for item in items}
    learned = dict.fromkeys(i.method for i in items if i.method != "bicubic")
    trained = [(m, f"{'high' if m in highres else 'low'}res-seed0") for m in learned]
    timed = [item for item in items if item.sample == items[0].sample]
    return MadeUp(items, timed, trained, scores=scores, **content)


def table_settings(preset="quick", **track):
    """Settings as the tables take them."""
    return {
        "preset": preset,
        "seed": 0,
        "differs": {},
        "track": {
            "samples": list(FIELDS),
            "cytology": {"shape": [192, 192], "planes": 11, "z_step": STEP, "pixel_size": 0.243},
            "training": {
                "samples": ["cytology_s1_f1", "cytology_s2_f1", "cytology_s3_f1"],
                "validation": ["cytology_s6_f1"],
            },
            "seeds": [0],
            **track,
        },
        "methods": {"bicubic": {}, "mfpinet": {"width": 8, "epochs": 2}, "srgan": {"blocks": 5}},
        "sources": dict.fromkeys(FIELDS, "cytology"),
    }
