"""The paper's Table II, reproduced: the same volumes blurred with two models of the PSF."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from focusbench.evaluation import published
from focusbench.evaluation.statistics import FEWEST_SAMPLES, Interval, paired_interval
from focusbench.report.notes import NOT_REPEATABLE, published_beside, set_parameters, work
from focusbench.report.results import Results
from focusbench.report.score_grid import ScoreGrid
from focusbench.report.tables import Block, Cell, Table, cell, fixed, provenance
from focusbench.tracks.deconvolution import observations
from focusbench.tracks.deconvolution.metrics import METRICS
from focusbench.tracks.deconvolution.table1 import label
from focusbench.tracks.deconvolution.table1_notes import (
    PUBLISHED_METRICS,
    PUBLISHED_ON,
    definitions,
    fits,
    psf,
    reasons,
    snr,
    training,
    volumes,
)

if TYPE_CHECKING:
    from pandas import DataFrame

AVERAGE = published.AVERAGE
MODELS = ("born_wolf", "richards_wolf")
OTHER = "richards_wolf_"  # what stands before the id of a degradation blurred with it
COMPARED = {"psnr_volume": ("psnr_db", 2), "ssim_uniform_3d": ("ssim", 4)}


def table2(results: Results, settings: Mapping[str, Any]) -> Table:
    """Scores on volumes blurred with either model, and how much the model changes.

    Reads scores, restoration records and observation records.

    Parameters
    ----------
    results
        Of this track.
    settings
        As for `table1`.

    Returns
    -------
    Table
        Its data hold, for each noise, one row per sample and method, seeds averaged, and one with
        sample "average" per method. No rows where no noise was run with both models.
    """
    import pandas

    scores = results.scores()
    printed = published.values("deconvolution_table2")
    pairs = [d for d in results.degradations if f"{OTHER}{d}" in results.degradations]
    data, blocks = [], []
    for degradation in pairs:
        shown = printed if degradation == PUBLISHED_ON else printed.iloc[:0]
        pair = _Pair(degradation, scores, results, settings["seed"])
        data.append(pair.tidy(shown))
        blocks.append(pair.block(shown))
    empty = pandas.DataFrame(columns=["degradation", "sample", "method"])
    return Table(
        name="table2",
        title="Two models of the PSF (Table II of Lim et al. 2020)",
        summary=_summary(results, settings, pairs),
        notes=tuple(_notes(results, scores, settings, pairs)),
        data=pandas.concat(data, ignore_index=True) if data else empty,
        blocks=tuple(blocks),
    )


class _Pair:
    """Scores of one noise with either model."""

    def __init__(self, degradation: str, scores: DataFrame, results: Results, seed: int) -> None:
        self.degradation, self.seed = degradation, seed
        ids = dict(zip(MODELS, (degradation, f"{OTHER}{degradation}"), strict=True))
        self.grids = {
            model: ScoreGrid(
                scores[scores["degradation"] == name],
                results.samples,
                results.methods,
                METRICS,
                seed,
            )
            for model, name in ids.items()
        }
        born, richards = self.grids.values()
        self.methods = [method for method in born.methods if method in richards.methods]

    def samples(self, metric: str) -> list[str]:
        born, richards = (set(grid.complete(metric)) for grid in self.grids.values())
        return [s for s in self.grids[MODELS[0]].samples if s in born & richards]

    def values(self, metric: str, model: str, method: str) -> list[float]:
        grid = self.grids[model]
        return [grid.value(metric, sample, method) for sample in self.samples(metric)]

    def average(self, metric: str, model: str, method: str) -> float:
        values = self.values(metric, model, method)
        return sum(values) / len(values) if values else math.nan

    def change(self, metric: str, method: str) -> Interval:
        """Richards-Wolf minus Born-Wolf; the ends are NaN with too few samples to judge."""
        born, richards = (self.values(metric, model, method) for model in MODELS)
        mean = self.average(metric, MODELS[1], method) - self.average(metric, MODELS[0], method)
        judged = len(born) >= FEWEST_SAMPLES and all(map(math.isfinite, [*born, *richards]))
        if not judged:
            return Interval(mean, math.nan, math.nan)
        return paired_interval(richards, born, seed=self.seed)

    def block(self, printed: DataFrame) -> Block:
        count = len(self.samples("psnr_volume"))
        header = [
            "method",
            *("Born-Wolf: PSNR of the volume, dB / SSIM uniform_3d", "Richards-Wolf"),
            *("Richards-Wolf minus Born-Wolf: PSNR, dB", "SSIM"),
        ]
        if len(printed):
            header += ["Born-Wolf, published", "Richards-Wolf, published", "minus, published"]
        rows = []
        others = [m for m in dict.fromkeys(printed["method"]) if m not in self.methods]
        for method in [*self.methods, *others]:
            if method in self.methods:
                row = [cell(label(self.grids[MODELS[0]], method))]
                for model in MODELS:
                    row.append(
                        cell(
                            *(
                                fixed(self.average(metric, model, method), digits)
                                for metric, (_, digits) in COMPARED.items()
                            )
                        )
                    )
                row += [
                    _interval(self.change(metric, method), digits)
                    for metric, (_, digits) in COMPARED.items()
                ]
            else:
                row = [cell(f"{method} (published alone)"), *[cell("")] * 4]
            row += _published(printed, method) if len(printed) else []
            rows.append(tuple(row))
        over = f"mean of {count} samples" if count != 1 else "one sample"
        return Block(f"{self.degradation}: {over}", tuple(header), tuple(rows), len(others))

    def tidy(self, printed: DataFrame) -> DataFrame:
        import pandas

        rows: list[dict[str, Any]] = []
        for method in self.methods:
            for sample in self.samples("psnr_volume"):
                row = {"degradation": self.degradation, "sample": sample, "method": method}
                for metric in COMPARED:
                    born, richards = (self.grids[m].value(metric, sample, method) for m in MODELS)
                    row |= {f"{metric}_born_wolf": born, f"{metric}_richards_wolf": richards}
                    row[f"{metric}_change"] = richards - born
                rows.append(row)
            row = {"degradation": self.degradation, "sample": AVERAGE, "method": method}
            row["samples"] = len(self.samples("psnr_volume"))
            for metric, (column, _) in COMPARED.items():
                row |= {f"{metric}_{m}": self.average(metric, m, method) for m in MODELS}
                names = (f"{metric}_change{end}" for end in ("", "_low", "_high"))
                row |= dict(zip(names, self.change(metric, method), strict=True))
                for model in MODELS:
                    row[f"published_{metric}_{model}"] = _printed(printed, model, method, column)
            rows.append(row)
        table = pandas.DataFrame(rows)
        if "samples" in table:
            table["samples"] = table["samples"].fillna(1).astype(int)
        return table


def _interval(change: Interval, digits: int) -> Cell:
    mean, low, high = (fixed(value, digits) for value in change)
    return cell(mean if math.isnan(change.low) else f"{mean} [{low}, {high}]")


def _printed(printed: DataFrame, model: str, method: str, column: str) -> float:
    found = printed[(printed["psf_model"] == model) & (printed["method"] == method)]
    return math.nan if found.empty else float(found[column].iloc[0])


def _published(printed: DataFrame, method: str) -> list[Cell]:
    values = {
        model: [_printed(printed, model, method, column) for column, _ in COMPARED.values()]
        for model in MODELS
    }
    digits = [digits for _, digits in COMPARED.values()]
    born, richards = values.values()
    change = [b - a for a, b in zip(born, richards, strict=True)]
    return [cell(*map(fixed, shown, digits)) for shown in (born, richards, change)]


def _summary(results: Results, settings: Mapping[str, Any], pairs: Sequence[str]) -> str:
    if not pairs:
        return (
            "Nothing was run with both models of the PSF: it takes two degradations such as snr20 "
            "and richards_wolf_snr20."
        )
    return published_beside(
        PUBLISHED_ON in pairs,
        reasons(results, settings),
        "Same sizes, optics and noise as the paper's, but not its volumes; nothing was tuned on "
        "the difference of the two models.",
    )


def _notes(
    results: Results, scores: DataFrame, settings: Mapping[str, Any], pairs: Sequence[str]
) -> list[str]:
    version, differs = provenance(settings)
    if not pairs:
        return [version, differs]
    lines = [version, *volumes(results, settings), *psf(results, settings)]
    lines += [*training(results, settings), work(results)]
    lines += [*set_parameters(results, settings), differs]
    lines += definitions(scores, list(COMPARED))
    if PUBLISHED_ON in pairs:
        lines.append(PUBLISHED_METRICS)
    lines += snr(settings, observations.read(results))
    lines += fits(scores)
    lines.append(
        "Differences are paired, sample by sample, with their 95 % bootstrap interval from "
        f"{FEWEST_SAMPLES} samples on. The methods are told the Born-Wolf PSF in both cases."
    )
    if not scores["repeatable"].all():
        lines.append(NOT_REPEATABLE)
    return lines
