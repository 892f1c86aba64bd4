"""The paper's Table 2: networks that tell defocus levels; and what its split by image is worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from focusbench.evaluation import published
from focusbench.report.results import Results
from focusbench.report.tables import DASH, Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.defocus import table_accuracy, told
from focusbench.tracks.defocus.table2_notes import notes, summary
from focusbench.tracks.defocus.table_accuracy import (
    HELD_OUT,
    IMAGE,
    SETS,
    Differences,
    Judged,
    difference,
)
from focusbench.tracks.defocus.table_cells import interval, percent
from focusbench.tracks.defocus.table_notes import mean

if TYPE_CHECKING:
    from pandas import DataFrame

TARGETS = {  # id -> network of the paper's size
    "vgg16": "focusbench.methods.vgg16:Vgg16",
    "inception_v3": "focusbench.methods.inception_v3:InceptionV3",
    "resnet18": "focusbench.methods.resnet18:Resnet18",
    "mobilenet_v2": "focusbench.methods.mobilenet_v2:MobilenetV2",
    "delpnet": "focusbench.methods.delpnet:Delpnet",
}
SHOWN = {  # statistic -> heading
    **{"accuracy": "accuracy, %", "recall": "recall, %", "f1": "F1, %"},
    "within_one": "within 1 level, %",
    "mae_um": "mean error, µm",
    **{"missed": "called bg, %", "invented": "bg given a level, %"},
}
PRINTED = ("accuracy_percent", "recall_percent", "f1_percent")
SIZES_HEADER = ("trainable", "Keras total", "trainable at full width", "Keras total at full width")
Count = tuple[int, int]  # trainable, Keras total


class Cost(NamedTuple):
    """What a predictor took; None or NaN: not known."""

    counts: Count | None
    speed: float  # patches a second
    seconds: float  # of a training


class Leak(NamedTuple):
    """A predictor that learned from the split by image, beside the same one split by field."""

    method: str
    other: str | None
    images: int  # that were tested
    known: int | None  # of them such that their field was learned from; None: not recorded
    learned: int | None  # images that were learned from
    network: str | None = None  # which of the paper's it is; None: nothing tells


def table2(results: Results, settings: Mapping[str, Any]) -> Table:
    """Networks and the logistic baseline: sizes, accuracy on every set, speed; then the leak.

    Reads the accuracies of the predictors, the records and weights' descriptions of their
    trainings, and how fast they are.

    Parameters
    ----------
    results, settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per set, predictor and seed, and one per set and predictor without a
        seed: the mean, with its difference to delpnet. Sizes and times are the same in all rows of
        a predictor.
    """
    judged = table_accuracy.read(results, settings)
    methods = rows_of(judged, results, settings)
    leaks = _leaks(judged, results, settings)
    shown = {key: one for key, one in judged.items() if key[0] in methods and key[1] != IMAGE}
    costs = {method: _cost(results, method) for method in methods}
    full = full_width()
    minus = table_accuracy.differences(shown, told.PAPERS, settings["seed"])
    blocks = [_sizes_block(methods, costs, full)]
    for name in SETS:
        own = [method for method in methods if (method, name) in shown]
        if own:
            blocks.append(_set_block(name, own, shown, costs, minus))
    if not any(name == HELD_OUT for _, name in shown):
        blocks.insert(1, _set_block(HELD_OUT, [], shown, costs, minus))
    if leaks:
        blocks.append(_leak_block(leaks, judged, settings["seed"]))
    by_image = {(one.method, IMAGE): judged[one.method, IMAGE] for one in leaks}
    data = table_accuracy.tidy({**shown, **by_image}, minus, told.PAPERS)
    return Table(
        name="table2",
        title="Networks that tell defocus levels (Table 2 of He et al. 2020)",
        summary=summary(settings, leaks),
        notes=tuple(notes(results, settings, judged, methods, leaks)),
        data=_with_sizes(data, results, costs),
        blocks=tuple(blocks),
    )


def rows_of(
    judged: Mapping[tuple[str, str], Judged], results: Results, settings: Mapping[str, Any]
) -> list[str]:
    """Predictors of the table: networks in the paper's order, the baseline, then one's own.

    Of DelpNet's variants only such as learned from noisy patches: Table 1 has the others.
    """
    methods = list(dict.fromkeys(method for method, _ in judged))
    variants = {one.method: one for one in told.variants(methods, results, settings)}
    order = (*told.NETWORKS, told.BASELINE)
    chosen = [method for method in order if method in methods]
    parameters = settings.get("methods") or {}
    for method in methods:
        variant = variants.get(method)
        other = variant is None or variant.kind == "poisson"
        if method not in order and other and not told.by_image(parameters.get(method)):
            chosen.append(method)
    return chosen


@cache
def full_width() -> dict[str, Count]:
    """Count the networks at the paper's size: 84 x 84 pixels, 12 classes; nothing is allocated."""
    import torch

    from focusbench.methods import load
    from focusbench.networks.keras_counts import counted

    found = {}
    for method, target in TARGETS.items():
        built = load(target)()
        with torch.device("meta"):
            found[method] = tuple(counted(built.network()))
    return found


def _cost(results: Results, method: str) -> Cost:
    trainings = results.trainings()
    counts = (results.description(method) or {}).get("parameters") or {}
    own = trainings[trainings["method"] == method] if len(trainings) else trainings
    timing = results.predictor_timings().get(method) or {}
    speed = timing.get("patches_per_second")
    return Cost(
        (counts["trainable"], counts["total"]) if counts else None,
        math.nan if speed is None else float(speed),
        mean(own["seconds"]) if "seconds" in own else math.nan,
    )


def _leaks(
    judged: Mapping[tuple[str, str], Judged], results: Results, settings: Mapping[str, Any]
) -> list[Leak]:
    parameters = settings.get("methods") or {}
    accuracy = results.accuracy()
    leaks = []
    for method, name in judged:
        if name != IMAGE:
            continue
        one = judged[method, name]
        rows = accuracy[(accuracy["method"] == method) & (accuracy["set"] == IMAGE)]
        rows = rows[rows["seed"] == one.seeds[0]]
        images = rows[["sample", "level"]].drop_duplicates()
        training = (results.description(method) or {}).get("training") or {}
        fields = training.get("fields")
        known = None if fields is None else int(images["sample"].isin(fields).sum())
        other = _by_field(method, judged, results, parameters)
        kind = told.network(method, results)
        leaks.append(Leak(method, other, len(images), known, training.get("images"), kind))
    return leaks


def _by_field(
    method: str,
    judged: Mapping[tuple[str, str], Judged],
    results: Results,
    parameters: Mapping[str, Any],
) -> str | None:
    """The predictor that is the same but for the split; None: it was not judged."""

    def bare(one: str) -> dict[str, Any]:
        own = dict(parameters.get(one) or {})
        own.pop("split", None)
        return own

    kind = told.network(method, results)
    for other, name in judged:
        same = name == HELD_OUT and bare(other) == bare(method)
        if same and told.network(other, results) == kind:
            return other
    return None


def _published() -> DataFrame:
    return published.values("defocus_table2").set_index("network")


def _sizes_block(
    methods: Sequence[str], costs: Mapping[str, Cost], full: Mapping[str, Count]
) -> Block:
    printed = _published()
    rows, missing = [], []
    for method in dict.fromkeys([*methods, *TARGETS]):
        known = method in methods
        counts = costs[method].counts if known else None
        row = [_counts(counts, 2, known), _counts(full.get(method), 2, method in full)]
        theirs = _printed(printed, method, "params_million", 1)
        label = method if known else f"{method} (not trained here)"
        (rows if known else missing).append((cell(label), *row[0], *row[1], cell(theirs)))
    header = ("network", *SIZES_HEADER, "published, million")
    return Block("Parameters", header, (*rows, *missing), len(missing))


def _counts(counts: Count | None, length: int, shown: bool) -> list[Cell]:
    if counts is None:
        return [cell(DASH if shown else "") for _ in range(length)]
    return [cell(fixed(value, 0)) for value in counts]


def _set_block(
    name: str,
    methods: Sequence[str],
    judged: Mapping[tuple[str, str], Judged],
    costs: Mapping[str, Cost],
    minus: Differences,
) -> Block:
    """Accuracy on one set; beside that on held-out fields, costs and published values."""
    first = name == HELD_OUT
    printed = _published()
    base = judged.get((told.PAPERS, name))
    statistics = list(SHOWN)
    header = ["network"]
    for key in statistics:
        header.append(SHOWN[key])
        if key == "accuracy" and base is not None:
            header.append(f"accuracy minus {told.PAPERS}")
    columns = [*header]
    if first:
        columns += ["patches a second", "training, s", "published accuracy / recall / F1, %"]
    rows = []
    for method in methods:
        one = judged[method, name]
        row = [cell(method)]
        for key in statistics:
            row.append(_value(one, key))
            if key == "accuracy" and base is not None:
                found = minus.get((method, name, "accuracy"))
                row.append(interval(found, 1, 100) if found else cell(""))
        if first:
            row += [
                cell(significant(costs[method].speed)),
                cell(significant(costs[method].seconds)),
            ]
            row.append(_theirs(printed, method))
        rows.append(tuple(row))
    missing = [method for method in printed.index if method not in methods] if first else []
    for method in missing:
        empty = [cell("") for _ in columns[1:-1]]
        rows.append((cell(f"{method} (published alone)"), *empty, _theirs(printed, method)))
    title = SETS[name][0].upper() + SETS[name][1:]
    if methods:
        title += f": {judged[methods[0], name].words}"
    return Block(title, tuple(columns), tuple(rows), len(missing))


def _value(one: Judged, key: str) -> Cell:
    if key != "mae_um":
        return cell(percent(one.value(key), one.spread(key)))
    spread = one.spread(key)
    text = fixed(one.value(key), 2)
    return cell(text if math.isnan(spread) else f"{text}±{fixed(spread, 2)}")


def _printed(printed: DataFrame, method: str, column: str, digits: int) -> str:
    return fixed(float(printed.at[method, column]), digits) if method in printed.index else DASH


def _theirs(printed: DataFrame, method: str) -> Cell:
    return cell(*(_printed(printed, method, column, 1) for column in PRINTED))


def _leak_block(
    leaks: Sequence[Leak], judged: Mapping[tuple[str, str], Judged], seed: int
) -> Block:
    printed = _published()
    header = (
        *("network", "images tested", "of them of fields learned from", "accuracy by image, %"),
        *("the same by field", "accuracy by field, %", "by image minus by field"),
        "published accuracy (by image), %",
    )
    rows = []
    for leak in leaks:
        one = judged[leak.method, IMAGE]
        row = [cell(leak.method), cell(fixed(leak.images, 0)), cell(fixed(leak.known, 0))]
        row.append(_value(one, "accuracy"))
        if leak.other is None:
            row += [cell(DASH)] * 3
        else:
            other = judged[leak.other, HELD_OUT]
            row += [cell(leak.other), _value(other, "accuracy")]
            row.append(interval(difference(one, other, "accuracy", seed), 1, 100))
        rows.append((*row, cell(_printed(printed, leak.network or "", "accuracy_percent", 1))))
    return Block("Split by image, as in the paper: the leak", header, tuple(rows))


def _with_sizes(data: DataFrame, results: Results, costs: Mapping[str, Cost]) -> DataFrame:
    import pandas

    ids = list(data["method"])
    known = {**{method: _cost(results, method) for method in ids if method not in costs}, **costs}
    for i, name in enumerate(("trainable_parameters", "keras_parameters")):
        values = [known[method].counts for method in ids]
        data[name] = pandas.array([one[i] if one else None for one in values], dtype="Int64")
    data["patches_per_second"] = [known[method].speed for method in ids]
    data["training_seconds"] = [known[method].seconds for method in ids]
    printed = _published()
    for column in ("params_million", *PRINTED):
        data[f"published_{column}"] = [
            float(printed.at[method, column])
            if method in printed.index and name == HELD_OUT
            else math.nan
            for method, name in zip(ids, data["set"], strict=True)
        ]
    return data
