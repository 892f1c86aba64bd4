"""Made-up results of the defocus track in memory, for the tests of its tables."""

import numpy as np
import pandas

from focusbench.errors import InputError
from focusbench.paths import Restored
from focusbench.report.results import ORIGINS, Results
from focusbench.training.level_map import BG, LevelMap

FIELDS = tuple(f"nuclei_test{i}" for i in range(1, 7))
LEVELS = 11
# share of patches that a predictor gets wrong, and whether it knows bg
PREDICTORS = {
    "delpnet": (0.10, True),
    "vgg16": (0.13, True),
    "resnet18": (0.60, True),
    "logistic_features": (0.50, True),
    "delpnet_no_bg": (0.11, False),
    "delpnet_no_dropout": (0.30, True),
    "delpnet_bn040": (0.105, True),
    "delpnet_patch42": (0.45, True),
    "delpnet_poisson": (0.20, True),
}
METHODS = {
    "delpnet": {"width": 0.25, "epochs": 4},
    "vgg16": {"width": 0.1},
    "resnet18": {},
    "logistic_features": {},
    "delpnet_no_bg": {"width": 0.25, "epochs": 4, "bg": False},
    "delpnet_no_dropout": {"width": 0.25, "epochs": 4, "dropout": 0},
    "delpnet_bn040": {"width": 0.25, "epochs": 4, "keras_momentum": 0.4},
    "delpnet_patch42": {"width": 0.25, "epochs": 2, "side": 42},
    "delpnet_poisson": {"width": 0.25, "epochs": 4, "poisson": 0.5},
    "delpnet_by_image": {"width": 0.25, "epochs": 4, "split": "image"},
    "depth_variant_triangular": {},
    "depth_variant_rectangular": {"predictor": "delpnet"},
    "rectangular_oracle": {"predictor": "oracle"},
    "rectangular_poisson": {"predictor": "delpnet_poisson"},
    "depth_invariant": {},
}


class MadeUp(Results):
    """Results whose files are not there: what they would hold is given."""

    def __init__(self, items=(), timed=None, **content):
        super().__init__("defocus", [Restored(*item) for item in items], timed=timed)
        self.content = content

    def accuracy(self):
        return self.content.get("accuracy", pandas.DataFrame())

    def description(self, method, sample=None):
        return self.content.get("weights", {}).get(method)

    def trainings(self):
        rows = self.content.get("trainings", [])
        return pandas.DataFrame(rows)

    def predictor_timings(self):
        return self.content.get("predictor_timings", {})

    def levels(self, predictor, sample, degradation, seed=0):
        return self.content.get("levels", {}).get((predictor, sample))

    def scores(self):
        metrics = self.content.get("scores", {})
        start = {"repeatable": True, **dict.fromkeys(ORIGINS, "0")}
        return pandas.DataFrame([{**i._asdict(), **start, **metrics[i]} for i in self.items])

    def record(self, item):
        if item not in self.items:
            raise InputError("no such restoration")
        return {"iterations": 15, "evaluations": 0, "peak_memory_bytes": 2**28}

    def observation_record(self, sample, degradation):
        return {"levels": self.content.get("known", {}).get(sample)}

    def timings(self):
        rows = [{**item._asdict(), **self.content["timings"][item]} for item in self.timed]
        return pandas.DataFrame(rows)


def judged(method, name="held_out", fields=FIELDS, seed=0, per_image=3, wrong=None, bg=None):
    """Rows of an accuracy file: every 7th patch shows nothing; wrong ones are a few levels off."""
    share, has_bg = PREDICTORS.get(method, (0.1, True))
    share, has_bg = share if wrong is None else wrong, has_bg if bg is None else bg
    rng = np.random.default_rng([seed, sum(map(ord, method + name))])
    rows = []
    for number, field in enumerate(fields):
        for level in range(LEVELS):
            for patch in range(per_image):
                empty = (level * per_image + patch + number) % 7 == 0
                truth = BG if empty and has_bg else level
                predicted = truth
                if rng.random() < share + 0.02 * number:
                    predicted = min(max(level + rng.integers(-2, 3), 0), LEVELS - 1)
                    if has_bg and rng.random() < 0.1:
                        predicted = BG
                place = {"y": 10 * patch, "x": level}
                words = ["bg" if one == BG else str(one) for one in (truth, predicted)]
                rows.append(
                    {
                        **{"method": method, "seed": seed, "set": name, "sample": field},
                        **{"level": level, **place, "truth": words[0], "predicted": words[1]},
                    }
                )
    return pandas.DataFrame(rows)


def described(method, fields=("nuclei_train1",), **parameters):
    """Description of a predictor's weights."""
    name = method if method in ("vgg16", "resnet18", "logistic_features") else "delpnet"
    size = 100 * len(name)
    return {
        "method": name,
        "parameters": {"trainable": size, "total": size + 8},
        "training": {"fields": list(fields), "images": 44},
        **parameters,
    }


def table_settings(**track):
    """Settings as the tables take them."""
    return {
        "preset": "quick",
        "seed": 0,
        "differs": {},
        "track": {
            "samples": list(FIELDS),
            "nuclei": {"shape": [520, 696]},
            "optics": {
                **{"numerical_aperture": 0.5, "refractive_index": 1.0, "wavelength": 0.451},
                **{"pixel_size": 0.65, "step": 2.0, "levels": LEVELS, "side": 51},
                "subsamples": 5,
            },
            "tilted": {"lowest": 0, "highest": 10, "angle": 30},
            "patch": 84,
            "training": {
                "samples": [f"nuclei_train{i}" for i in range(1, 9)],
                "validation": ["nuclei_validation1"],
            },
            "predictors": [*PREDICTORS],
            "seeds": [0],
            **track,
        },
        "methods": METHODS,
        "sources": dict.fromkeys(FIELDS, "nuclei"),
    }


def level_map(levels, shape=(168, 252), side=84):
    """Levels of a field's patches, without overlap."""
    levels = np.asarray(levels)
    corners = np.zeros((len(levels), 2), np.int64)
    return LevelMap(shape, side, corners, levels, np.zeros((len(levels), 12), np.float32))
