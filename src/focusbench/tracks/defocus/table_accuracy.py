"""Accuracy of predictors for the tables, with intervals over fields.

Patches of a field are no independent samples: they show the same cells, many at all levels. What is
drawn anew in a bootstrap is therefore fields, each with all its patches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from focusbench.evaluation.statistics import CONFIDENCE, FEWEST_SAMPLES, RESAMPLES, Interval
from focusbench.report.results import Results
from focusbench.training.level_map import BG, class_of

if TYPE_CHECKING:
    from pandas import DataFrame, Series

HELD_OUT, IMAGE, STACK = "held_out", "image", "stack"
SETS = {  # of test patches, in the order in which tables show them
    HELD_OUT: "held out by field",
    "held_out_poisson": "held out by field, with shot noise",
    "real": "real fields, blurred by the model",
    "real_poisson": "real fields, blurred by the model, with shot noise",
    STACK: "real planes of focal stacks",
    IMAGE: "test images of the split by image",
}
CONTENT = "content_accuracy"  # accuracy on the patches that show something
COMPARED = ("accuracy", "f1")  # statistics whose differences are judged
PLACE = ("sample", "level", "plane", "y", "x")  # what tells a patch of a set from the others
Differences = dict[tuple[str, str, str], Interval]  # by predictor, set and statistic


@dataclass(frozen=True)
class Judged:
    """What a predictor, trained with one or more seeds, said of the patches of a set.

    Attributes
    ----------
    method, name
        Ids of predictor and set.
    fields
        Ids (F,).
    counts
        (seeds, F, classes, classes), int64: patches by true (row) and predicted class, `bg` last.
    content
        The same of those patches alone that show something; None where that is not known.
    seeds
        Of the trainings.
    step
        Depth from a level to the next, um.
    """

    method: str
    name: str
    fields: tuple[str, ...]
    counts: np.ndarray
    content: np.ndarray | None
    seeds: tuple[int, ...]
    step: float

    @property
    def patches(self) -> int:
        """How many a seed judged."""
        return int(self.counts[0].sum())

    @property
    def words(self) -> str:
        """How many fields and patches, for a heading."""
        fields = "one field" if len(self.fields) == 1 else f"{len(self.fields)} fields"
        return f"{fields}, {self.patches:,} patches"

    def sums(self, name: str) -> np.ndarray | None:
        """What a statistic sums over fields: (seeds, F, K); None where it is not known."""
        table = self.content if name == CONTENT else self.counts
        return None if table is None else STATISTICS[name].sums(table, self.step)

    def per_seed(self, name: str) -> np.ndarray:
        """A statistic of each seed, (seeds,), over the patches of all fields."""
        sums = self.sums(name)
        if sums is None:
            return np.full(len(self.seeds), np.nan)
        return STATISTICS[name].value(sums.sum(axis=1))

    def value(self, name: str) -> float:
        """Mean of a statistic over the seeds; NaN where there is nothing to judge."""
        return float(self.per_seed(name).mean())

    def spread(self, name: str) -> float:
        """Standard deviation of a statistic over the seeds; NaN with fewer than two."""
        values = self.per_seed(name)
        return float(values.std(ddof=1)) if len(values) > 1 else float("nan")


def read(results: Results, settings: Mapping[str, Any]) -> dict[tuple[str, str], Judged]:
    """Read what predictors said: (method, set) -> `Judged`, methods as the configuration has them.

    A predictor without `bg` is judged on patches that show nothing too. Which these are is known
    from a predictor with `bg` that saw the same patches, if there is one.
    """
    table = results.accuracy()
    if not len(table):
        return {}
    optics = settings["track"]["optics"]
    n_levels, step = int(optics["levels"]), float(optics["step"])
    table = table.assign(
        true_level=levels(table["truth"]), predicted_level=levels(table["predicted"])
    )
    found = {}
    for name, of_set in table.groupby("set", sort=False):
        empty = _empty_places(of_set)
        for method, rows in of_set.groupby("method", sort=False):
            shows = _shows_something(rows, empty)
            found[str(method), str(name)] = _judged(
                str(method), str(name), rows, shows, n_levels, step
            )
    order = [*(settings["track"].get("predictors") or []), *(method for method, _ in found)]
    ranks = {method: rank for rank, method in reversed(list(enumerate(order)))}
    return dict(sorted(found.items(), key=lambda one: ranks[one[0][0]]))


def levels(column: Series) -> np.ndarray:
    """Levels of a column that holds numbers, `bg`, or both (then as text); (N,) int64."""
    known = {one: BG if str(one) == "bg" else int(float(one)) for one in column.unique()}
    return column.map(known).to_numpy(np.int64)


class Statistic(NamedTuple):
    """What `evaluation.levels.score` computes from patches, computed from counts.

    Attributes
    ----------
    sums
        (..., classes, classes) counts, and the step of the levels, um -> (..., K): what of them is
        summed over fields.
    value
        (..., K) -> (...): shares from 0 to 1 (`mae_um`: um); NaN where there is nothing to judge.
    """

    sums: Callable[[np.ndarray, float], np.ndarray]
    value: Callable[[np.ndarray], np.ndarray]


def _accuracy(counts: np.ndarray, step: float) -> np.ndarray:
    return _pair(_right(counts).sum(axis=-1), counts.sum(axis=(-2, -1)))


def _within_one(counts: np.ndarray, step: float) -> np.ndarray:
    near = (counts[..., :-1, :-1] * (_off(counts) <= 1)).sum(axis=(-2, -1))
    return _pair(near + counts[..., -1, -1], counts.sum(axis=(-2, -1)))


def _error(counts: np.ndarray, step: float) -> np.ndarray:
    both = counts[..., :-1, :-1]
    return _pair(step * (both * _off(counts)).sum(axis=(-2, -1)), both.sum(axis=(-2, -1)))


def _missed(counts: np.ndarray, step: float) -> np.ndarray:
    return _pair(counts[..., :-1, -1].sum(axis=-1), counts[..., :-1, :].sum(axis=(-2, -1)))


def _invented(counts: np.ndarray, step: float) -> np.ndarray:
    return _pair(counts[..., -1, :-1].sum(axis=-1), counts[..., -1, :].sum(axis=-1))


def _by_class(counts: np.ndarray, step: float) -> np.ndarray:
    """How many patches are right, of each class in truth, and in prediction, one after another."""
    sums = (_right(counts), counts.sum(axis=-1), counts.sum(axis=-2))
    return np.concatenate(sums, axis=-1).astype(np.float64)


def _share(sums: np.ndarray) -> np.ndarray:
    return _ratio(sums[..., 0], sums[..., 1])


def _precision(sums: np.ndarray) -> np.ndarray:
    right, true, given = np.split(sums, 3, axis=-1)
    return _macro(right, given, true + given)


def _recall(sums: np.ndarray) -> np.ndarray:
    right, true, given = np.split(sums, 3, axis=-1)
    return _macro(right, true, true + given)


def _f1(sums: np.ndarray) -> np.ndarray:
    right, true, given = np.split(sums, 3, axis=-1)
    return _macro(2 * right, true + given, true + given)


def _macro(above: np.ndarray, below: np.ndarray, occurs: np.ndarray) -> np.ndarray:
    """Mean over the classes that occur in truth or prediction, 0 where undefined."""
    return _ratio(_ratio(above, below, 0.0).sum(axis=-1), (occurs > 0).sum(axis=-1))


def _pair(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.stack([above, below], axis=-1).astype(np.float64)


def _ratio(above: np.ndarray, below: np.ndarray, empty: float = np.nan) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), empty), where=below > 0)


def _right(counts: np.ndarray) -> np.ndarray:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _off(counts: np.ndarray) -> np.ndarray:
    """How many levels a prediction is off, by true and predicted level."""
    numbers = np.arange(counts.shape[-1] - 1)
    return np.abs(numbers[:, None] - numbers)


STATISTICS = {
    "accuracy": Statistic(_accuracy, _share),
    "precision": Statistic(_by_class, _precision),
    "recall": Statistic(_by_class, _recall),
    "f1": Statistic(_by_class, _f1),
    "within_one": Statistic(_within_one, _share),
    "mae_um": Statistic(_error, _share),
    "missed": Statistic(_missed, _share),
    "invented": Statistic(_invented, _share),
    CONTENT: Statistic(_accuracy, _share),
}


def difference(
    first: Judged, second: Judged, name: str, seed: int, resamples: int = RESAMPLES
) -> Interval:
    """`first` minus `second`, and its 95 % bootstrap interval over fields.

    Fields that both were judged on are drawn together (paired). Where they share none, as with the
    split by image, each draws from its own. Seeds are averaged; trainings are not drawn anew.

    Returns
    -------
    Interval
        Its ends are NaN with fewer than `FEWEST_SAMPLES` fields.
    """
    common = [field for field in first.fields if field in second.fields]
    paired = bool(common) and IMAGE not in (first.name, second.name)
    parts = [_of_fields(one, common) if paired else one for one in (first, second)]
    value = parts[0].value(name) - parts[1].value(name)
    if min(len(part.fields) for part in parts) < FEWEST_SAMPLES:
        return Interval(value, float("nan"), float("nan"))
    rng = np.random.default_rng(seed)
    draws = _draws(rng, len(parts[0].fields), resamples)
    others = draws if paired else _draws(rng, len(parts[1].fields), resamples)
    differences = _drawn(parts[0], name, draws) - _drawn(parts[1], name, others)
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(differences, [tail, 1 - tail])
    return Interval(value, float(low), float(high))


def differences(judged: Mapping[tuple[str, str], Judged], base: str, seed: int) -> Differences:
    """Compare all predictors with `base`, on every set that both were judged on."""
    found = {}
    for (method, name), one in judged.items():
        other = judged.get((base, name))
        if other is not None and method != base:
            for key in COMPARED:
                found[method, name, key] = difference(one, other, key, seed)
    return found


def commonest(judged: Judged) -> float:
    """Share of patches that naming the commonest class for all would get right."""
    true = judged.counts[0].sum(axis=(0, 2))
    return float(true.max() / true.sum())


def tidy(judged: Mapping[tuple[str, str], Judged], minus: Differences, base: str) -> DataFrame:
    """One row per set, predictor and seed, and one without a seed: their mean.

    The latter has the difference to the predictor `base`, with its interval.
    """
    import pandas

    rows: list[dict[str, Any]] = []
    for (method, name), one in judged.items():
        start = {"set": name, "method": method}
        sizes = {"fields": len(one.fields), "patches": one.patches}
        each = {key: one.per_seed(key) for key in STATISTICS}
        for i, own in enumerate(one.seeds):
            values = {key: float(each[key][i]) for key in STATISTICS}
            rows.append({**start, "seed": own, "seeds": 1, **sizes, **values})
        row = {**start, "seeds": len(one.seeds), **sizes}
        row |= {key: float(each[key].mean()) for key in STATISTICS}
        for key in COMPARED:
            found = minus.get((method, name, key), [None] * 3)
            row |= dict(zip(_ends(key, base), found, strict=True))
        rows.append(row)
    columns = ["set", "method", "seed", "seeds", "fields", "patches", *STATISTICS]
    columns += [end for key in COMPARED for end in _ends(key, base)]
    table = pandas.DataFrame(rows, columns=columns)
    table["seed"] = table["seed"].astype("Int64")
    return table


def _ends(key: str, base: str) -> list[str]:
    return [f"{key}_minus_{base}{end}" for end in ("", "_low", "_high")]


def _empty_places(of_set: DataFrame) -> DataFrame | None:
    """Places of patches, and whether they show nothing, as predictors with `bg` were judged."""
    knows = _has_bg(of_set)
    if not knows.any():
        return None
    place = _place(of_set)
    table = of_set.loc[knows, [*place, "true_level"]].drop_duplicates(place)
    return table.rename(columns={"true_level": "known"})


def _shows_something(rows: DataFrame, empty: DataFrame | None) -> np.ndarray | None:
    """(N,) bool, or None where it is not known of every patch."""
    if _has_bg(rows).all():
        return (rows["true_level"] != BG).to_numpy()
    if empty is None:
        return None
    place = _place(rows)
    known = rows[place].merge(empty, on=place, how="left")["known"]
    return None if known.isna().any() else (known != BG).to_numpy()


def _has_bg(rows: DataFrame) -> Series:
    """Of each row, whether its predictor knows `bg` as a class of its own."""
    found = rows.groupby("method")["true_level"].transform("min") == BG
    return found | rows["pbg"].notna() if "pbg" in rows else found


def _place(rows: DataFrame) -> list[str]:
    return [key for key in PLACE if key in rows]


def _judged(
    method: str,
    name: str,
    rows: DataFrame,
    shows: np.ndarray | None,
    n_levels: int,
    step: float,
) -> Judged:
    fields, seeds = (tuple(rows[key].unique()) for key in ("sample", "seed"))
    field_numbers, seed_numbers = (
        rows[key].map({one: i for i, one in enumerate(known)}).to_numpy()
        for key, known in (("sample", fields), ("seed", seeds))
    )
    true, given = (
        class_of(rows[key].to_numpy(), n_levels) for key in ("true_level", "predicted_level")
    )
    shape = (len(seeds), len(fields), n_levels + 1, n_levels + 1)
    places = (seed_numbers, field_numbers, true, given)
    counts = np.zeros(shape, np.int64)
    np.add.at(counts, places, 1)
    content = None
    if shows is not None:
        content = np.zeros(shape, np.int64)
        np.add.at(content, tuple(numbers[shows] for numbers in places), 1)
    known_seeds = tuple(int(seed) for seed in seeds)
    return Judged(method, name, tuple(map(str, fields)), counts, content, known_seeds, step)


def _of_fields(one: Judged, fields: Sequence[str]) -> Judged:
    numbers = [one.fields.index(field) for field in fields]
    content = None if one.content is None else one.content[:, numbers]
    counts = one.counts[:, numbers]
    return Judged(one.method, one.name, tuple(fields), counts, content, one.seeds, one.step)


def _draws(rng: np.random.Generator, count: int, resamples: int) -> np.ndarray:
    """How often each field was drawn, (resamples, count)."""
    drawn = rng.integers(count, size=(resamples, count))
    places = (drawn + count * np.arange(resamples)[:, None]).ravel()
    return np.bincount(places, minlength=resamples * count).reshape(resamples, count)


def _drawn(one: Judged, name: str, draws: np.ndarray) -> np.ndarray:
    """Statistic of every resample, (resamples,), mean over seeds."""
    sums = one.sums(name)
    if sums is None:
        return np.full(len(draws), np.nan)
    seeds, fields, length = sums.shape
    flat = sums.transpose(1, 0, 2).reshape(fields, -1)
    totals = (draws.astype(np.float64) @ flat).reshape(-1, seeds, length)
    return STATISTICS[name].value(totals).mean(axis=1)
