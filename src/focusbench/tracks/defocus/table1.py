"""The paper's Table 1: what the label bg is worth; and, as further blocks, other choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.report.results import Results
from focusbench.report.tables import DASH, Block, Cell, Table, cell, fixed
from focusbench.tracks.defocus import table_accuracy, told
from focusbench.tracks.defocus.table1_notes import notes, summary
from focusbench.tracks.defocus.table_accuracy import (
    COMPARED,
    CONTENT,
    HELD_OUT,
    SETS,
    Differences,
    Judged,
)
from focusbench.tracks.defocus.table_cells import interval, percent
from focusbench.tracks.defocus.told import Variant

if TYPE_CHECKING:
    from pandas import DataFrame

SHOWN = {"accuracy": "accuracy", "precision": "precision", "recall": "recall", "f1": "F1"}
HEADER = (*(f"{words}, %" for words in SHOWN.values()), "accuracy where something shows, %")
BLOCKS = {  # title -> kinds of variants, beside the reference
    "Dropout and batch normalisation": ("dropout", "batch_norm", "keras_momentum"),
    "Size of the patches": ("side",),
    "Shot noise in training": ("poisson",),
    "Other variants": (told.OTHER, told.BASE),
}
SETTINGS = {False: "without_bg", True: "with_bg"}  # of the paper's table


def table1(results: Results, settings: Mapping[str, Any]) -> Table:
    """DelpNet without and with the label `bg`, then without other parts of it.

    Reads the accuracies of the predictors, the records of their trainings, and of a predictor of
    one's own its weights' description.

    Parameters
    ----------
    results
        Of this track.
    settings
        `preset`, `seed`, `differs`, `track` (the track's section), `methods` (id -> parameters).

    Returns
    -------
    Table
        Its data hold one row per set, variant and seed, and one per set and variant without a seed:
        the mean, with its difference to the reference (see `told.reference`).
    """
    judged = table_accuracy.read(results, settings)
    methods = list(dict.fromkeys(method for method, _ in judged))
    found = told.variants(methods, results, settings)
    variants = [one for one in found if one.kind != "split"]
    ids = [one.method for one in variants]
    judged = {key: one for key, one in judged.items() if key[0] in ids}
    base = variants[0].method if variants else told.PAPERS
    minus = table_accuracy.differences(judged, base, settings["seed"])
    data = table_accuracy.tidy(judged, minus, base)
    return Table(
        name="table1",
        title="The label bg, and other choices of DelpNet (Table 1 of He et al. 2020)",
        summary=summary(settings),
        notes=tuple(notes(results, settings, judged, variants)),
        data=_with_words(data, variants),
        blocks=tuple(_blocks(judged, variants, minus, settings)),
    )


def _blocks(
    judged: Mapping[tuple[str, str], Judged],
    variants: Sequence[Variant],
    minus: Differences,
    settings: Mapping[str, Any],
) -> list[Block]:
    own = [one for one in variants if (one.method, HELD_OUT) in judged]
    base = next((one for one in own if one.kind == told.BASE), None)
    blocks = [_bg_block(judged, [one for one in own if one.kind == "bg"], base, minus)]
    parameters = told.base_parameters(settings, base.method if base else told.PAPERS)
    for title, kinds in BLOCKS.items():
        chosen = [one for kind in kinds for one in own if one.kind == kind and one != base]
        if not chosen:
            continue
        rows = []
        if base is not None:
            present = [kind for kind in kinds if any(one.kind == kind for one in chosen)]
            words = [told.words(kind, parameters[kind]) for kind in present if kind in parameters]
            label = f"{', '.join(words)} ({base.method})" if words else base.method
            rows.append((cell(label), *_values(judged, base), *_minus(base, base, minus)))
        for one in chosen:
            rows.append((cell(one.label), *_values(judged, one), *_minus(one, base, minus)))
        title = f"{title}: {_tested(judged, chosen[0])}"
        blocks.append(Block(title, ("variant", *HEADER, *_minus_header(base)), tuple(rows)))
    names = [name for name in SETS if any(of == name for _, of in judged)]
    if names not in ([], [HELD_OUT]):
        blocks.append(_sets_block(judged, variants, names, minus))
    return blocks


def _bg_block(
    judged: Mapping[tuple[str, str], Judged],
    others: Sequence[Variant],
    base: Variant | None,
    minus: Differences,
) -> Block:
    """As the paper's table; published values beside, or alone where nothing was run."""
    printed = published.values("defocus_table1").set_index("setting")
    chosen = [*others, *([base] if base else [])]
    header = (*HEADER, *_minus_header(base))
    rows, missing = [], []
    for bg, setting in SETTINGS.items():
        theirs = cell(*(fixed(printed.at[setting, f"{key}_percent"], 1) for key in SHOWN))
        words = setting.replace("_", " ")
        own = [one for one in chosen if one.bg == bg]
        for one in own:
            label = cell(f"{words} ({one.method})" if one == base else one.label)
            rows.append((label, *_values(judged, one), *_minus(one, base, minus), theirs))
        if not own:
            empty = [cell("") for _ in header]
            missing.append((cell(f"{words} (published alone)"), *empty, theirs))
    title = f"The label bg: {_tested(judged, chosen[-1])}" if chosen else "The label bg"
    header = ("setting", *header, f"published {' / '.join(SHOWN.values())}, %")
    return Block(title, header, (*rows, *missing), len(missing))


def _minus_header(base: Variant | None) -> list[str]:
    return [f"{SHOWN[key]} minus {base.method}" for key in COMPARED] if base else []


def _values(judged: Mapping[tuple[str, str], Judged], one: Variant) -> list[Cell]:
    own = judged[one.method, HELD_OUT]
    return [cell(percent(own.value(key), own.spread(key))) for key in (*SHOWN, CONTENT)]


def _minus(one: Variant, base: Variant | None, minus: Differences) -> list[Cell]:
    if base is None:
        return []
    if one == base:
        return [cell("") for _ in COMPARED]
    return [interval(minus[one.method, HELD_OUT, key], 1, 100) for key in COMPARED]


def _tested(judged: Mapping[tuple[str, str], Judged], one: Variant) -> str:
    own = judged[one.method, HELD_OUT]
    return f"{SETS[HELD_OUT]}, {own.words}"


def _sets_block(
    judged: Mapping[tuple[str, str], Judged],
    variants: Sequence[Variant],
    names: Sequence[str],
    minus: Differences,
) -> Block:
    """Accuracy of every variant on every set, and its difference to the reference's."""
    rows = []
    for one in variants:
        row = [cell(one.label)]
        for name in names:
            own, found = judged.get((one.method, name)), minus.get((one.method, name, "accuracy"))
            text = DASH if own is None else percent(own.value("accuracy"), own.spread("accuracy"))
            row.append(cell(text) + (interval(found, 1, 100) if found else ()))
        rows.append(tuple(row))
    header = ("variant", *(SETS[name] for name in names))
    title = f"Accuracy on all sets, % / minus {variants[0].method}"
    return Block(title, header, tuple(rows))


def _with_words(data: DataFrame, variants: Sequence[Variant]) -> DataFrame:
    """Add what a variant is, and the published values beside the rows that they are of."""
    by_id = {one.method: one for one in variants}
    data.insert(2, "variant", [by_id[method].words for method in data["method"]])
    printed = published.values("defocus_table1").set_index("setting")
    in_table = {key for key, one in by_id.items() if one.kind in ("bg", told.BASE)}
    for key in SHOWN:
        data[f"published_{key}_percent"] = [
            printed.at[SETTINGS[by_id[method].bg], f"{key}_percent"]
            if name == HELD_OUT and method in in_table
            else math.nan
            for name, method in zip(data["set"], data["method"], strict=True)
        ]
    return data
