"""The paper's Table 3, reproduced: where early stopping ends a run, and what it gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.paths import Restored, base_id
from focusbench.report.figures import is_trivial
from focusbench.report.notes import preset_reasons, published_beside
from focusbench.report.results import ORIGINS, Results
from focusbench.report.tables import MARK, Block, Cell, Table, cell, fixed, significant
from focusbench.tracks.multifocus import outcomes
from focusbench.tracks.multifocus.clock import holding
from focusbench.tracks.multifocus.noise import printed_sigma
from focusbench.tracks.multifocus.outcomes import EARLY, FINAL, REFERENCE, Records
from focusbench.tracks.multifocus.table1_notes import base_ids, size_reasons
from focusbench.tracks.multifocus.table3_notes import notes

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGE = published.AVERAGE
STOPPED = ("dip_es_wmv", "dip_es_emv")  # one's own variants are found by their records
PRINTED_FOR, PRINTED_AT = "dip_es_wmv", 0.01
# column of the data -> heading, decimals (None: three digits), column of the paper's table
SHOWN: dict[str, tuple[str, int | None, str | None]] = {
    "psnr": ("PSNR, dB", 2, "psnr_db"),
    "ssim_paper": ("SSIM paper", 4, "ssim"),
    "ratio_percent": ("ratio to best, %", 2, "psnr_ratio_percent"),
    "minutes": ("minutes", None, "time_minutes"),
    "iterations": ("iterations", 0, "iterations"),
    "step": ("step kept", 0, None),
}


def table3(results: Results, settings: Mapping[str, Any]) -> Table:
    """Every run that early stopping ended: its scores, how near the best it is, what it took.

    Reads scores, restoration records and timings.

    Parameters
    ----------
    results
        Of this track, with `timed` set.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold one row per restoration of a stopped method, of `dip` and of the trivial ones
        (`ratio_percent` is the PSNR over `peak_psnr`, the best of the run `peak_method`), and one
        with sample "average" for each of these methods and each noise level.
    """
    import pandas

    records = {item: results.record(item) for item in results.items}
    stopped = [
        method
        for method in results.methods
        if method in STOPPED
        or any(outcomes.ended_by(records[item]) for item in results.items if item.method == method)
    ]
    every = outcomes.read(results, records)
    runs = _runs(results, records, every, stopped, settings.get("sources") or {})
    averages: list[dict[str, Any]] = []
    blocks, printed = [], False
    for degradation in dict.fromkeys(runs["degradation"]):
        own = runs[runs["degradation"] == degradation]
        means = {method: _average(own, method) for method in dict.fromkeys(own["method"])}
        averages += means.values()
        for method in stopped:
            if method in means:
                beside = _printed(degradation, method)
                printed = printed or not beside.empty
                others = [mean for name, mean in means.items() if name not in stopped]
                blocks.append(_block(own, means[method], others, beside))
    data = pandas.concat([runs, pandas.DataFrame(averages)], ignore_index=True)
    return Table(
        name="table3",
        title="Early stopping, run by run (Table 3 of Azevedo et al. 2024)",
        summary=_summary(results, settings, stopped, printed),
        notes=tuple(notes(results, settings, records, runs, every, stopped, printed)),
        data=data.reindex(columns=[*(c for c in runs if c not in ORIGINS), *ORIGINS]),
        blocks=tuple(blocks),
    )


def _runs(
    results: Results,
    records: Records,
    rows: DataFrame,
    stopped: Sequence[str],
    sources: Mapping[str, str],
) -> DataFrame:
    """One row per restoration that the table shows, seeds apart; `rows` of `outcomes.read`."""
    early = rows["method"].isin(stopped) & (rows["outcome"] == EARLY)
    beside = [m for m in results.methods if m == REFERENCE or is_trivial(m)] if stopped else []
    # a stopped method may have no variance yet when its steps are done: it gives the last iterate
    last = rows["method"].isin([*stopped, *beside]) & (rows["outcome"] == FINAL)
    rows = rows[early | last].drop(columns=["outcome", "below_peak"])
    timings = results.timings()
    added = []
    ids = zip(rows["sample"], rows["degradation"], rows["method"], rows["seed"], strict=True)
    for (sample, degradation, method, seed), psnr in zip(ids, rows["psnr"], strict=True):
        item = Restored(sample, degradation, method, int(seed))
        record = records[item]
        best = _best_of(item, records)
        peak = outcomes.number(((records[best].get("oracle") or {}) if best else {}).get("psnr"))
        stopping = outcomes.watched(record) if method in stopped else {}
        added.append(
            {
                "iterations": record.get("iterations") or 0,
                "stopped_at": stopping.get("stopped_at"),
                "minutes": _minutes(holding(timings, item, sources), record.get("iterations") or 0),
                "ratio_percent": 100 * psnr / peak if math.isfinite(peak) else math.nan,
                "peak_psnr": peak,
                "peak_step": (records[best].get("oracle") or {}).get("step") if best else None,
                "peak_method": best.method if best else None,
            }
        )
    import pandas

    names = ("iterations", "stopped_at", "minutes", "ratio_percent")
    more = pandas.DataFrame(added, index=rows.index).reindex(
        columns=[*names, "peak_psnr", "peak_step", "peak_method"]
    )
    more = more.astype(dict.fromkeys(("iterations", "stopped_at", "peak_step"), "Int64"))
    rows.insert(rows.columns.get_loc("step"), "samples", 1)
    return pandas.concat([rows, more], axis=1)


def _best_of(item: Restored, records: Records) -> Restored | None:
    """Run whose best iterate the PSNR is compared with: of `dip`, or of the run itself."""
    if is_trivial(item.method):
        found = item._replace(method=REFERENCE)
        return found if found in records else None
    return outcomes.reference(records, item) or item


def _minutes(timings: DataFrame, iterations: int) -> float:
    """Minutes of that many steps, and of the phases before them; NaN: there is no timing."""
    if not {"seconds", "seconds_per_step", "steps"} <= set(timings):
        return math.nan
    timings = timings.dropna(subset=["seconds", "seconds_per_step"])
    before = float((timings["seconds"] - timings["steps"] * timings["seconds_per_step"]).mean())
    steps = iterations * float(timings["seconds_per_step"].mean())
    return math.nan if math.isnan(before) else (max(0.0, before) + steps) / 60


def _average(rows: DataFrame, method: str) -> dict[str, Any]:
    """Mean over the samples that have a score, seeds averaged first."""
    own = rows[(rows["method"] == method) & rows["psnr"].notna()]
    numbers = own.select_dtypes("number").drop(columns=["seed", "samples", "stopped_at"])
    means = numbers.astype(float).groupby(own["sample"]).mean().mean()
    return {
        "degradation": rows["degradation"].iloc[0],
        "sample": AVERAGE,
        "method": method,
        "samples": own["sample"].nunique(),
        "repeatable": bool(own["repeatable"].all()),
        **means.to_dict(),
    }


def _printed(degradation: str, method: str) -> DataFrame:
    """The paper's table, by sample, where this block is what it shows; otherwise no rows."""
    table = published.values("multifocus_table3").set_index("sample")
    same = method == PRINTED_FOR and printed_sigma(degradation) == PRINTED_AT
    return table if same else table.iloc[:0]


def _block(
    rows: DataFrame,
    mean: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    printed: DataFrame,
) -> Block:
    header = ["sample", *(heading for heading, _, _ in SHOWN.values())]
    columns = [column for _, _, column in SHOWN.values() if column] if len(printed) else []
    names = [heading.split(",")[0] for heading, _, column in SHOWN.values() if column]
    header += [f"{name}, published" for name in names] if columns else []
    own = rows[rows["method"] == mean["method"]]
    samples = list(dict.fromkeys(own["sample"]))
    shown = [
        (cell(base_id(s)), *_cells(own[own["sample"] == s]), *_theirs(printed, columns, [s]))
        for s in samples
    ]
    complete = [s for s in samples if own.loc[own["sample"] == s, "psnr"].notna().all()]
    tail = [
        (
            cell(f"mean of {mean['samples']}"),
            *(cell(_text(key, mean.get(key))) for key in SHOWN),
            *_theirs(printed, columns, complete),
        )
    ]
    blank = [cell("") for _ in columns]
    for other in others:
        name = f"{other['method']}, mean of {other['samples']}"
        step = {"step"} if is_trivial(other["method"]) else set()
        texts = [_text(key, None if key in step else other.get(key)) for key in SHOWN]
        tail.append((cell(name), *map(cell, texts), *blank))
    if columns:
        empty = [cell("") for _ in SHOWN]
        theirs = _theirs(printed, columns, [AVERAGE])
        tail.append((cell("the paper's mean of 13"), *empty, *theirs))
    title = f"{rows['degradation'].iloc[0]}: {mean['method']}"
    return Block(title, tuple(header), (*shown, *tail), len(tail))


def _cells(rows: DataFrame) -> list[Cell]:
    """Cells of a sample: mean over seeds, and the spread of the PSNR."""
    texts = {key: _text(key, rows[key].astype(float).mean()) for key in SHOWN}
    spread = float(rows["psnr"].std())  # NaN with one seed, or without a truth
    if not math.isnan(spread):
        texts["psnr"] += f"±{fixed(spread, 2)}"
    if not rows["repeatable"].all():
        texts["iterations"] += MARK
    return [cell(text) for text in texts.values()]


def _theirs(printed: DataFrame, columns: Sequence[str], samples: Sequence[str]) -> list[Cell]:
    """Printed values, or their mean over samples that the paper has all of."""
    ids = base_ids(samples)
    known = bool(ids) and set(ids) <= set(printed.index)
    digits = {column: digits for _, digits, column in SHOWN.values()}
    return [
        cell(fixed(printed.loc[ids, column].mean() if known else None, digits[column] or 0))
        for column in columns
    ]


def _text(key: str, value: float | None) -> str:
    digits = SHOWN[key][1]
    return significant(value) if digits is None else fixed(value, digits)


def _summary(
    results: Results, settings: Mapping[str, Any], stopped: Sequence[str], printed: bool
) -> str:
    if not stopped:
        return (
            "No method that early stopping ends was run: it takes "
            f"{' or '.join(STOPPED)} among the methods of the study."
        )
    reasons = [*preset_reasons(settings), *size_reasons(results, settings)]
    theirs = set(published.values("multifocus_table3")["sample"])
    own = [sample for sample in base_ids(results.samples) if sample not in theirs]
    if own:
        reasons.append(f"the paper's samples are not ours ({', '.join(own)})")
    if not printed:
        reasons.append(f"Table 3 of the paper is about {PRINTED_FOR} and noise of {PRINTED_AT}")
    return published_beside(
        printed,
        reasons,
        "Reproduced with the paper's settings on its volumes; window and patience are not the "
        "paper's, which names none, and its times are those of another GPU.",
    )
